"""Names that people give: to datasets, and to clusters as an append-only log that can be undone."""

from __future__ import annotations

import logging
import sqlite3
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tamis.errors import ArtifactDamaged, DatasetMissing, InvalidOptions
from tamis.store.artifacts.group_names import KIND, read_group_names
from tamis.store.artifacts.readers import read_clusters
from tamis.store.artifacts.store import Artifact, dataset_damaged, load_artifact, utc_now
from tamis.store.database.database import Database
from tamis.store.database.undo import History, UndoEvent, replay_undo
from tamis.store.workspace import Workspace
from tamis.types import NOISE

logger = logging.getLogger(__name__)
MAX_NAME_CHARS = 200
ALL_CLUSTERS = -2  # the event that takes the names of an artifact; its name is that artifact's id
A_GROUP = -3  # this and below: names of the groups above clusters, each with a number of its own
_MOST_LEVELS = 8
NOISE_NAME = "Noise"


@dataclass(frozen=True, slots=True)
class ClusterNames:
    """Current name of every cluster: what a person called it, else the default made from its keywords.

    ``revision`` grows with every rename, undo and redo of this clustering; ``renamed`` holds the clusters whose name
    a person gave. ``taken`` is the id of the artifact whose names were taken last. ``groups`` holds what it or a person calls
    the groups above the clusters, by level (1: the coarsest) and number, and ``renamed_groups`` those that a person named.
    """

    revision: int = 0
    names: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    renamed: frozenset[int] = frozenset()
    taken: str = ""
    groups: Mapping[tuple[int, int], str] = field(default_factory=lambda: MappingProxyType({}))
    renamed_groups: frozenset[tuple[int, int]] = frozenset()


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
    """The id of a dataset given its id or its name; raises DatasetMissing, also when several share the name, ArtifactDamaged."""
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
    damaged = {
        one: names_of_all(workspace.database).get(one) for one in workspace.artifacts.damaged_dataset_ids()
    }
    for dataset_id, name in damaged.items():
        if id_or_name in (dataset_id, name):
            raise dataset_damaged(dataset_id)
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


def rename_group(
    database: Database, clustering: Artifact, place: tuple[int, int], name: str, reviewer: str
) -> None:
    """Name the group of that level and number; an empty name gives back what it was called. Raises InvalidOptions."""
    cleaned = check_name(name, "group")
    with database.writing() as connection:
        _insert(connection, clustering, (_key_of_group(*place), cleaned, "rename", None), reviewer)


def take_names(database: Database, clustering: Artifact, names: Artifact, reviewer: str) -> None:
    """Call the clusters as an artifact of names does, which is one event; what people named keeps that name.

    Raises InvalidOptions for the names of another clustering.
    """
    if names.manifest.inputs.get("clustering") != clustering.id:
        raise InvalidOptions(
            f"Names {names.id} were given to clustering {names.manifest.inputs.get('clustering')}, not to {clustering.id}."
        )
    with database.writing() as connection:
        _insert(connection, clustering, (ALL_CLUSTERS, names.id, "rename", None), reviewer)


def undo_rename(database: Database, clustering: Artifact, reviewer: str) -> int | None:
    """Undo this reviewer's latest rename in force; returns its cluster, ALL_CLUSTERS, A_GROUP, or None when there is none."""
    return _turn(database, clustering, "undo", reviewer)


def redo_rename(database: Database, clustering: Artifact, reviewer: str) -> int | None:
    """Redo the rename that this reviewer undid last; returns its cluster, ALL_CLUSTERS, A_GROUP, or None when there is none."""
    return _turn(database, clustering, "redo", reviewer)


def cluster_names(database: Database, clustering: Artifact) -> ClusterNames:
    """The current names of a clustering."""
    with database.reading() as connection:
        events = _events(connection, clustering)
    history = _replay(events)
    given = {event["cluster_id"]: event["name"] for event in events if event["event_id"] in history.active}
    taken = given.pop(ALL_CLUSTERS, "")
    by_model = _names_taken(clustering, taken) if taken else {}
    named = {cluster_id: name for cluster_id, name in given.items() if name and cluster_id > A_GROUP}
    groups = {_group_of_key(key): name for key, name in given.items() if name and key <= A_GROUP}
    clusters = {number: name for (level, number), name in by_model.items() if level == 0}
    return ClusterNames(
        revision=events[-1]["event_id"] if events else 0,
        names=MappingProxyType(default_names(clustering) | clusters | named),
        renamed=frozenset(named),
        taken=taken,
        groups=MappingProxyType({place: name for place, name in by_model.items() if place[0]} | groups),
        renamed_groups=frozenset(groups),
    )


def _key_of_group(level: int, number: int) -> int:
    """A negative number that no cluster has; editions before this one read it as a cluster that is not there."""
    return A_GROUP - (number * _MOST_LEVELS + level)


def _group_of_key(key: int) -> tuple[int, int]:
    number, level = divmod(A_GROUP - key, _MOST_LEVELS)
    return level, number


def _names_taken(clustering: Artifact, names_id: str) -> dict[tuple[int, int], str]:
    """Names by level and number; none where the artifact is gone or damaged, as keywords name clusters too."""
    path = clustering.path.parent.parent / KIND / names_id
    try:
        table = read_group_names(load_artifact(path))
    except ArtifactDamaged as error:
        logger.warning("%s", error)
        return {}
    rows = zip(*(table[name].to_pylist() for name in ("level", "number", "name")), strict=True)
    return {(level, number): name for level, number, name in rows if name}


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
        return max(cluster_id, A_GROUP)


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
