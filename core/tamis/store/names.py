"""Names that people give: to datasets, and to clusters as an append-only log that can be undone."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tamis.errors import DatasetMissing, InvalidOptions
from tamis.store.artifacts.readers import read_clusters
from tamis.store.artifacts.store import Artifact, utc_now
from tamis.store.database.database import Database
from tamis.store.database.undo import History, UndoEvent, replay_undo
from tamis.store.workspace import Workspace
from tamis.types import NOISE

MAX_NAME_CHARS = 200
NOISE_NAME = "Noise"


@dataclass(frozen=True, slots=True)
class ClusterNames:
    """Current name of every cluster: what a person called it, else the default made from its keywords.

    ``revision`` grows with every rename, undo and redo of this clustering; ``renamed`` holds the clusters whose name
    a person gave.
    """

    revision: int = 0
    names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    renamed: frozenset[int] = frozenset()


def check_name(name: str, subject: str) -> str:
    """The name without spaces around it; raises InvalidOptions when it is too long or holds control characters."""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if len(cleaned) > MAX_NAME_CHARS:
        raise InvalidOptions(
            f"The name {cleaned[:20]!r}… of the {subject} has {len(cleaned)} characters; use at most {MAX_NAME_CHARS}."
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in cleaned):
        raise InvalidOptions(
            f"The name {cleaned!r} of the {subject} holds control characters; leave them out."
        )
    return cleaned


def name_dataset(database: Database, dataset_id: str, name: str) -> str:
    """Give a dataset its name, for the first time or again, and return it; raises InvalidOptions when it is empty."""
    cleaned = check_name(name, "dataset")
    if not cleaned:
        raise InvalidOptions("A dataset needs a name of at least one character.")
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO datasets (dataset_id, name, created_at) VALUES (?, ?, ?) "
            "ON CONFLICT (dataset_id) DO UPDATE SET name = excluded.name",
            (dataset_id, cleaned, utc_now()),
        )
    return cleaned


def names_of_all(database: Database) -> dict[str, str]:
    """Every name that was given, by dataset id, of datasets in the trash and of those that are gone, too."""
    with database.reading() as connection:
        return dict(tuple(row) for row in connection.execute("SELECT dataset_id, name FROM datasets"))


def dataset_names(workspace: Workspace) -> dict[str, str]:
    """Name of every dataset of the workspace, sorted by name; a dataset nobody named has the name of its import."""
    given = names_of_all(workspace.database)
    names = {
        dataset_id: given.get(dataset_id)
        or str(workspace.artifacts.examples(dataset_id).summary.get("name") or dataset_id)
        for dataset_id in workspace.artifacts.dataset_ids()
    }
    return dict(sorted(names.items(), key=lambda item: (item[1].casefold(), item[0])))


def find_dataset(workspace: Workspace, id_or_name: str) -> str:
    """The id of a dataset given its id or its name; raises DatasetMissing, also when several share the name."""
    names = dataset_names(workspace)
    if id_or_name in names:
        return id_or_name
    called = [dataset_id for dataset_id, name in names.items() if name == id_or_name]
    if len(called) == 1:
        return called[0]
    if called:
        raise DatasetMissing(
            f"{len(called)} datasets are called {id_or_name!r}: use an id ({', '.join(called)})."
        )
    known = ", ".join(f"{dataset_id} ({name})" for dataset_id, name in names.items()) or "none"
    raise DatasetMissing(f"There is no dataset {id_or_name!r} in {workspace.path}. Known: {known}.")


def rename_cluster(
    database: Database, clustering: Artifact, cluster_id: int, name: str, reviewer: str
) -> None:
    """Name a cluster; an empty name gives the default name back. Raises InvalidOptions, also for no such cluster."""
    cleaned = check_name(name, "cluster")
    known = default_names(clustering)
    if cluster_id not in known:
        raise InvalidOptions(
            f"Clustering {clustering.id} has no cluster {cluster_id}: it has {len(known.keys() - {NOISE}):,} clusters."
        )
    with database.writing() as connection:
        _insert(connection, clustering, (cluster_id, cleaned, "rename", None), reviewer)


def undo_rename(database: Database, clustering: Artifact, reviewer: str) -> int | None:
    """Undo this reviewer's latest rename in force; returns its cluster, or None when there is none."""
    return _turn(database, clustering, "undo", reviewer)


def redo_rename(database: Database, clustering: Artifact, reviewer: str) -> int | None:
    """Redo the rename that this reviewer undid last; returns its cluster, or None when there is none."""
    return _turn(database, clustering, "redo", reviewer)


def cluster_names(database: Database, clustering: Artifact) -> ClusterNames:
    """The current names of a clustering."""
    with database.reading() as connection:
        events = _events(connection, clustering)
    history = _replay(events)
    given = {event["cluster_id"]: event["name"] for event in events if event["event_id"] in history.active}
    named = {cluster_id: name for cluster_id, name in given.items() if name}
    return ClusterNames(
        revision=events[-1]["event_id"] if events else 0,
        names=MappingProxyType(default_names(clustering) | named),
        renamed=frozenset(named),
    )


def default_names(clustering: Artifact) -> dict[int, str]:
    """The names that the clustering came with; rows outside every cluster are called Noise."""
    table = read_clusters(clustering)
    ids = [int(cluster_id) for cluster_id in table["cluster_id"].to_numpy()]
    names = {i: str(name or f"Cluster {i}") for i, name in zip(ids, table["name"].to_pylist(), strict=True)}
    return {NOISE: NOISE_NAME} | names


def _events(connection: sqlite3.Connection, clustering: Artifact) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT event_id, cluster_id, name, action, target, reviewer FROM cluster_names "
        "WHERE dataset_id = ? AND clustering_id = ? ORDER BY event_id",
        (clustering.manifest.dataset_id, clustering.id),
    ).fetchall()


def _replay(events: list[sqlite3.Row]) -> History:
    return replay_undo(UndoEvent(e["event_id"], e["action"], e["reviewer"], e["target"]) for e in events)


def _turn(database: Database, clustering: Artifact, action: str, reviewer: str) -> int | None:
    with database.writing() as connection:
        events = _events(connection, clustering)
        history = _replay(events)
        stack = (history.undoable if action == "undo" else history.redoable).get(reviewer, ())
        if not stack:
            return None
        changed = next(event for event in events if event["event_id"] == stack[-1])
        cluster_id = int(changed["cluster_id"])
        _insert(connection, clustering, (cluster_id, changed["name"], action, stack[-1]), reviewer)
        return cluster_id


def _insert(
    connection: sqlite3.Connection,
    clustering: Artifact,
    event: tuple[int, str, str, int | None],
    reviewer: str,
) -> None:
    connection.execute(
        "INSERT INTO cluster_names (dataset_id, clustering_id, cluster_id, name, action, target, reviewer, "
        "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (clustering.manifest.dataset_id, clustering.id, *event, reviewer, utc_now()),
    )
