"""What rows are looked at through: the artifacts in view, the tags and the names people gave."""

from __future__ import annotations

from dataclasses import dataclass

from tamis.steps.resolve_rows import look_at
from tamis.store.artifacts.view import DatasetView, by_choice
from tamis.store.database.tags import TagState, tag_revision, tag_state
from tamis.store.names import ClusterNames, cluster_names
from tamis.store.workspace import Workspace

__all__ = [
    "DatasetContext",
    "TagState",
    "current_tag_revision",
    "open_context",
    "read_tags",
    "through_clustering",
]


@dataclass(frozen=True, slots=True)
class DatasetContext:
    """One dataset as it is at one moment; make it anew rather than keep it."""

    workspace: Workspace
    view: DatasetView
    tags: TagState
    names: ClusterNames

    @property
    def dataset_id(self) -> str:
        """Id of the dataset."""
        return self.view.dataset_id

    @property
    def n_rows(self) -> int:
        """Number of examples."""
        return int(self.view.examples.summary["n_examples"])

    @property
    def active_selection_id(self) -> str:
        """The selection that people chose last, whichever is looked at; empty where there is none."""
        selections = [one for one in self.view.artifacts if one.kind == "selection"]
        return next((one.id for one in by_choice(selections, self.view.choices)), "")

    @property
    def key(self) -> str:
        """Workspace and artifacts: everything that a kept answer depends on besides tags and names."""
        return f"{self.workspace.path}:{self.view.key}"

    def cluster_name(self, cluster_id: int) -> str:
        """Current name of a cluster."""
        return self.names.names.get(cluster_id, f"Cluster {cluster_id}")


def open_context(
    workspace: Workspace,
    dataset_id: str,
    *,
    clustering_id: str = "",
    projection_id: str = "",
    selection_id: str = "",
    tags: TagState | None = None,
) -> DatasetContext:
    """Look at a dataset with what is active of everything, or the artifacts named; raises DatasetMissing and ArtifactMissing.

    ``tags`` spares replaying the log of tags: pass those of the revision that holds now.
    """
    view = look_at(
        workspace,
        dataset_id,
        clustering_id=clustering_id,
        projection_id=projection_id,
        selection_id=selection_id,
    )
    tag_rows = read_tags(workspace, dataset_id) if tags is None else tags
    names = cluster_names(workspace.database, view.clustering) if view.clustering else ClusterNames()
    return DatasetContext(workspace, view, tag_rows, names)


def through_clustering(
    context: DatasetContext, clustering_id: str, *, selection_id: str = ""
) -> DatasetContext:
    """The same dataset through another clustering, where that is there still, and a selection."""
    there = any(artifact.id == clustering_id for artifact in context.view.artifacts)
    return open_context(
        context.workspace,
        context.dataset_id,
        clustering_id=clustering_id if there else "",
        selection_id=selection_id,
        tags=context.tags,
    )


def read_tags(workspace: Workspace, dataset_id: str) -> TagState:
    """Which rows carry which tag now."""
    return tag_state(workspace.database, dataset_id)


def current_tag_revision(workspace: Workspace, dataset_id: str) -> int:
    """A number that grows with every change of a dataset's tags."""
    return tag_revision(workspace.database, dataset_id)
