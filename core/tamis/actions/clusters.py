"""The names of clusters: given by people or taken from a model, undone, and back to what the keywords say."""

from __future__ import annotations

from dataclasses import dataclass

from tamis.actions.roles import needs
from tamis.errors import ArtifactMissing
from tamis.store import names as stored
from tamis.store.artifacts.group_names import KIND, read_group_names
from tamis.store.artifacts.store import Artifact
from tamis.store.names import ClusterNames
from tamis.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ModelName:
    """What a model called a cluster: the name read of its reply, empty for none; ``now`` is its name of now, and whether a
    person gave that one.
    """

    cluster_id: int
    now: str
    name: str
    reply: str
    renamed: bool


def cluster_names(workspace: Workspace, clustering: Artifact) -> ClusterNames:
    """What the clusters are called now."""
    return stored.cluster_names(workspace.database, clustering)


@needs("curator")
def rename_cluster(
    workspace: Workspace, clustering: Artifact, cluster_id: int, name: str, reviewer: str
) -> ClusterNames:
    """Name a cluster, and return the names; an empty name gives the one made of its keywords back.

    Raises InvalidOptions, also for a cluster that is not there.
    """
    stored.rename_cluster(workspace.database, clustering, cluster_id, name, reviewer)
    return cluster_names(workspace, clustering)


def newest_names(workspace: Workspace, clustering: Artifact) -> Artifact | None:
    """What a language model last called these clusters; None where none was asked."""
    made = workspace.artifacts.list(clustering.manifest.dataset_id, KIND)
    return next((one for one in made if one.manifest.inputs.get("clustering") == clustering.id), None)


def list_model_names(workspace: Workspace, clustering: Artifact, names: Artifact) -> list[ModelName]:
    """What a model called each cluster, beside what it is called now; an empty name where its reply held none."""
    now = cluster_names(workspace, clustering)
    table = read_group_names(names)
    rows = zip(*(table[column].to_pylist() for column in ("level", "number", "name", "reply")), strict=True)
    return [
        ModelName(number, now.names.get(number, ""), name, reply, number in now.renamed)
        for level, number, name, reply in rows
        if level == 0
    ]


@needs("curator")
def take_names(workspace: Workspace, clustering: Artifact, reviewer: str, names_id: str = "") -> ClusterNames:
    """Call the clusters, and the groups above them, as a language model did; names that people gave stay.

    The newest names where none are named by id. One undo turns all of them back. Raises ArtifactMissing where there are
    none, and InvalidOptions for those of another clustering.
    """
    dataset_id = clustering.manifest.dataset_id
    found = (
        workspace.artifacts.get(dataset_id, KIND, names_id)
        if names_id
        else newest_names(workspace, clustering)
    )
    if found is None:
        raise ArtifactMissing(
            f"No language model has named the clusters of {clustering.id} yet: "
            f"tamis run name_clusters --dataset {dataset_id}"
        )
    stored.take_names(workspace.database, clustering, found, reviewer)
    return cluster_names(workspace, clustering)


@needs("curator")
def undo_rename(workspace: Workspace, clustering: Artifact, reviewer: str) -> int | None:
    """Undo this reviewer's latest rename in force; returns its cluster (-2: all that a model had named, -3: a group), or None when there is none."""
    return stored.undo_rename(workspace.database, clustering, reviewer)


@needs("curator")
def redo_rename(workspace: Workspace, clustering: Artifact, reviewer: str) -> int | None:
    """Redo the rename that this reviewer undid last; returns its cluster (-2: all that a model had named, -3: a group), or None when there is none."""
    return stored.redo_rename(workspace.database, clustering, reviewer)
