"""The names of clusters: given by people, undone by them, and back to what the keywords say."""

from __future__ import annotations

from tamis.actions.roles import needs
from tamis.store import names
from tamis.store.artifacts.store import Artifact
from tamis.store.names import ClusterNames
from tamis.store.workspace import Workspace


def cluster_names(workspace: Workspace, clustering: Artifact) -> ClusterNames:
    """What the clusters are called now."""
    return names.cluster_names(workspace.database, clustering)


@needs("curator")
def rename_cluster(
    workspace: Workspace, clustering: Artifact, cluster_id: int, name: str, reviewer: str
) -> ClusterNames:
    """Name a cluster, and return the names; an empty name gives the one made of its keywords back.

    Raises InvalidOptions, also for a cluster that is not there.
    """
    names.rename_cluster(workspace.database, clustering, cluster_id, name, reviewer)
    return cluster_names(workspace, clustering)


@needs("curator")
def undo_rename(workspace: Workspace, clustering: Artifact, reviewer: str) -> int | None:
    """Undo this reviewer's latest rename in force; returns its cluster, or None when there is none."""
    return names.undo_rename(workspace.database, clustering, reviewer)


@needs("curator")
def redo_rename(workspace: Workspace, clustering: Artifact, reviewer: str) -> int | None:
    """Redo the rename that this reviewer undid last; returns its cluster, or None when there is none."""
    return names.redo_rename(workspace.database, clustering, reviewer)
