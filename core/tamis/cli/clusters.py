"""``tamis clusters …``: the groups of a clustering and what people call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.command import dataset_option, group, reviewer_option
from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.store.artifacts.store import Artifact

EXAMPLE = "--dataset my-data-1a2b3c"
clustering_option = click.option(
    "--clustering", default="", metavar="ID", help="Which clustering; the newest when left out."
)


@group(f"tamis clusters list {EXAMPLE}", f'tamis clusters rename 7 "Refund requests" {EXAMPLE}')
def clusters() -> None:
    """List clusters and name them."""


@clusters.command("list", examples=[f"tamis clusters list {EXAMPLE}"])
@dataset_option
@clustering_option
def list_all(session: Session, dataset: str, clustering: str) -> None:
    """List the clusters, the largest first: name, rows, keywords and mean scores."""
    from tamis.actions.dataset_context import open_context
    from tamis.actions.read_rows import list_clusters

    context = open_context(session.workspace, session.dataset(dataset), clustering_id=clustering)
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


@clusters.command("undo", examples=[f"tamis clusters undo {EXAMPLE} --reviewer ann"])
@dataset_option
@clustering_option
@reviewer_option
def undo(session: Session, dataset: str, clustering: str, reviewer: str) -> None:
    """Undo your latest rename."""
    from tamis.actions.clusters import cluster_names, undo_rename

    made = _clustering(session, dataset, clustering)
    cluster = undo_rename(session.workspace, made, session.reviewer(reviewer))
    _say(session, cluster, "" if cluster is None else cluster_names(session.workspace, made).names[cluster])


@clusters.command("redo", examples=[f"tamis clusters redo {EXAMPLE} --reviewer ann"])
@dataset_option
@clustering_option
@reviewer_option
def redo(session: Session, dataset: str, clustering: str, reviewer: str) -> None:
    """Redo the rename that you undid last."""
    from tamis.actions.clusters import cluster_names, redo_rename

    made = _clustering(session, dataset, clustering)
    cluster = redo_rename(session.workspace, made, session.reviewer(reviewer))
    _say(session, cluster, "" if cluster is None else cluster_names(session.workspace, made).names[cluster])


def _clustering(session: Session, dataset: str, clustering: str) -> Artifact:
    from tamis.actions.dataset_context import open_context

    context = open_context(session.workspace, session.dataset(dataset), clustering_id=clustering)
    return context.view.require("clustering")


def _say(session: Session, cluster: int | None, name: str) -> None:
    session.show(
        "There is nothing to undo or redo." if cluster is None else f"Cluster {cluster} is called {name!r}."
    )
    session.result({"cluster_id": cluster, "name": name})
