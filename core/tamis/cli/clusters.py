"""``tamis clusters …``: the groups of a clustering and what people call them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tamis.cli.command import dataset_option, group, reviewer_option
from tamis.cli.session import Session
from tamis.cli.waiting import end, follow
from tamis.errors import InvalidOptions
from tamis.types import NOISE

if TYPE_CHECKING:
    from tamis.actions.dataset_context import DatasetContext
    from tamis.store.artifacts.store import Artifact

EXAMPLE = "--dataset my-data-1a2b3c"
clustering_option = click.option(
    "--clustering", default="", metavar="ID", help="Which clustering; the newest when left out."
)


name_option = click.option("--name", default="", help="What to call the cluster that comes to be.")


@group(f"tamis clusters list {EXAMPLE}", f'tamis clusters rename 7 "Refund requests" {EXAMPLE}')
def clusters() -> None:
    """List clusters, name them, merge and split them, and make some of named rows."""


@clusters.command("list", examples=[f"tamis clusters list {EXAMPLE}"])
@dataset_option
@clustering_option
def list_all(session: Session, dataset: str, clustering: str) -> None:
    """List the clusters, the largest first: name, rows, keywords and mean scores."""
    from tamis.actions.read_rows import list_clusters

    context = _context(session, dataset, clustering)
    lines = list_clusters(context).drop_columns("n_matching").to_pylist()
    for one in lines:
        keywords = f"  [{', '.join(one['keywords'])}]" if one["keywords"] else ""
        session.show(f"{one['cluster_id']:>6}  {one['size']:>10,} rows  {one['name']}{keywords}")
    made = context.view.require("clustering")
    session.result({"clustering": made.id, "clusters": lines})


@clusters.command("rename", examples=[f'tamis clusters rename 7 "Refund requests" {EXAMPLE}'])
@click.argument("cluster", type=int, help="Number of the cluster, as in the list.")
@click.argument("name", help='What to call it; "" gives the name made of its keywords back.')
@dataset_option
@clustering_option
@reviewer_option
def rename(session: Session, cluster: int, name: str, dataset: str, clustering: str, reviewer: str) -> None:
    """Give a cluster a name."""
    from tamis.actions.clusters import rename_cluster

    made = _clustering(session, dataset, clustering)
    names = rename_cluster(session.workspace, made, cluster, name, session.reviewer(reviewer))
    _say(session, cluster, names.names[cluster])


@clusters.command("groups", examples=[f"tamis clusters groups {EXAMPLE}"])
@dataset_option
@clustering_option
def groups(session: Session, dataset: str, clustering: str) -> None:
    """List the groups above the clusters, which the map names from far away: level and number, name, clusters."""
    from tamis.actions.cluster_levels import cluster_levels

    context = _context(session, dataset, clustering)
    levels = cluster_levels(context)
    lines = [asdict(one) for level in levels for one in level]
    for one in lines:
        called = " · ".join(context.cluster_name(i) for i in one["clusters"])
        session.show(f"{one['level']:>3} {one['number']:>4}  {one['name']}  [{called}]")
    if not lines:
        session.show("There are too few clusters for groups above them.")
    session.result({"clustering": context.view.require("clustering").id, "groups": lines})


@clusters.command("rename-group", examples=[f'tamis clusters rename-group 1 0 "Cooking" {EXAMPLE}'])
@click.argument("level", type=int, help="Level of the group, as tamis clusters groups lists it.")
@click.argument("number", type=int, help="Number of the group in its level.")
@click.argument("name", help='What to call it; "" turns back to what it was called.')
@dataset_option
@clustering_option
@reviewer_option
def rename_above(
    session: Session, level: int, number: int, name: str, dataset: str, clustering: str, reviewer: str
) -> None:
    """Give a group above the clusters a name; tamis clusters undo turns it back."""
    from tamis.actions.cluster_levels import rename_group

    context = _context(session, dataset, clustering)
    levels = rename_group(context, level, number, name, session.reviewer(reviewer))
    named = next(one for one in levels[level - 1] if one.number == number)
    session.show(f"Group {number} of level {level} is called {named.name!r}.")
    session.result(asdict(named))


@clusters.command("take", examples=[f"tamis clusters take {EXAMPLE}"])
@dataset_option
@clustering_option
@click.option("--names", "names_id", default="", metavar="ID", help="Which names; the newest when left out.")
@reviewer_option
def take(session: Session, dataset: str, clustering: str, names_id: str, reviewer: str) -> None:
    """Take the names that a language model gave (tamis run name_clusters); those that people gave stay."""
    from tamis.actions.clusters import take_names

    made = _clustering(session, dataset, clustering)
    names = take_names(session.workspace, made, session.reviewer(reviewer), names_id)
    for number, name in sorted(names.names.items()):
        session.show(f"{number:>6}  {name}" + ("  (named by hand)" if number in names.renamed else ""))
    session.result({"clustering": made.id, "taken": names.taken, "names": dict(names.names)})


@clusters.command("undo", examples=[f"tamis clusters undo {EXAMPLE} --reviewer ann"])
@dataset_option
@clustering_option
@reviewer_option
def undo(session: Session, dataset: str, clustering: str, reviewer: str) -> None:
    """Undo your latest rename."""
    from tamis.actions.clusters import cluster_names, undo_rename

    made = _clustering(session, dataset, clustering)
    cluster = undo_rename(session.workspace, made, session.reviewer(reviewer))
    _say(
        session,
        cluster,
        "" if cluster is None else cluster_names(session.workspace, made).names.get(cluster, ""),
    )


@clusters.command("redo", examples=[f"tamis clusters redo {EXAMPLE} --reviewer ann"])
@dataset_option
@clustering_option
@reviewer_option
def redo(session: Session, dataset: str, clustering: str, reviewer: str) -> None:
    """Redo the rename that you undid last."""
    from tamis.actions.clusters import cluster_names, redo_rename

    made = _clustering(session, dataset, clustering)
    cluster = redo_rename(session.workspace, made, session.reviewer(reviewer))
    _say(
        session,
        cluster,
        "" if cluster is None else cluster_names(session.workspace, made).names.get(cluster, ""),
    )


@clusters.command("merge", examples=[f'tamis clusters merge 3,5 {EXAMPLE} --name "Refunds"'])
@click.argument("numbers", metavar="NUMBERS", help="Clusters that become one: 3,5,9.")
@dataset_option
@clustering_option
@name_option
def merge(session: Session, numbers: str, dataset: str, clustering: str, name: str) -> int:
    """Merge clusters: a new clustering, which is the active one; tamis clusters back goes to the one before."""
    return _change(session, dataset, clustering, merge=given_numbers(numbers), name=name)


@clusters.command("split", examples=[f"tamis clusters split 7 {EXAMPLE} --into 3"])
@click.argument("cluster", type=int, help="Number of the cluster, as in the list.")
@dataset_option
@clustering_option
@click.option("--into", default=2, show_default=True, help="How many clusters it becomes.")
def split(session: Session, cluster: int, dataset: str, clustering: str, into: int) -> int:
    """Split a cluster by k-means inside it: a new clustering, which is the active one."""
    return _change(session, dataset, clustering, split=cluster, into=into)


@clusters.command("make", examples=[f'tamis clusters make tag:recipes {EXAMPLE} --name "Recipes"'])
@click.argument("rows", help="Rows that become a cluster: tag:NAME, scope:SCOPE or selection:ID.")
@dataset_option
@clustering_option
@name_option
def make(session: Session, rows: str, dataset: str, clustering: str, name: str) -> int:
    """Put rows into a cluster of their own: a new clustering, which is the active one."""
    return _change(session, dataset, clustering, rows=rows, name=name)


@clusters.command("back", examples=[f"tamis clusters back {EXAMPLE}"])
@dataset_option
def back(session: Session, dataset: str) -> None:
    """Go back to the clustering that the active one was changed from by hand."""
    from tamis.actions.regroup import undo_change

    parent = undo_change(session.workspace, session.dataset(dataset))
    session.show(f"{parent.id} is the active clustering again.")
    session.result({"clustering": parent.id})


def _change(session: Session, dataset: str, clustering: str, **change: Any) -> int:  # noqa: ANN401 - of the action
    from tamis.actions.regroup import change_clusters

    dataset_id = session.dataset(dataset)
    job = follow(session, change_clusters(session.workspace, dataset_id, clustering_id=clustering, **change))
    made = session.workspace.artifacts.find(dataset_id, "clustering", job.artifact_id)
    if made is not None:
        session.show(f"{made.id}: {made.summary['n_clusters']:,} clusters ({made.summary['change']})")
    return end(session, job, {"clustering": job.artifact_id, "summary": dict(made.summary) if made else None})


def given_numbers(text: str) -> list[int]:
    """Numbers with commas between; raises InvalidOptions for anything else."""
    parts = [one.strip() for one in text.split(",")]
    if not all(one.isdigit() for one in parts):
        raise InvalidOptions(
            f"{text!r} is no list of clusters. Write their numbers with commas between: 3,5,9"
        )
    return [int(one) for one in parts]


def _clustering(session: Session, dataset: str, clustering: str) -> Artifact:
    return _context(session, dataset, clustering).view.require("clustering")


def _context(session: Session, dataset: str, clustering: str) -> DatasetContext:
    from tamis.actions.dataset_context import open_context

    return open_context(session.workspace, session.dataset(dataset), clustering_id=clustering)


def _say(session: Session, cluster: int | None, name: str) -> None:
    from tamis.store.names import A_GROUP

    said = f"Cluster {cluster} is called {name!r}."
    if cluster is None:
        said = "There is nothing to undo or redo."
    elif cluster == A_GROUP:
        said = "The name of a group was given or turned back: tamis clusters groups"
    elif cluster < NOISE:
        said = "The names that a model gave were taken or turned back: tamis clusters list"
    session.show(said)
    session.result({"cluster_id": cluster, "name": name})
