"""What a page looks through: the artifacts in view, the tags and the names people gave, and a key for its caches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from tamis.store.artifacts.view import DatasetView, open_view
from tamis.store.database.database import Database
from tamis.store.database.names import ClusterNames, cluster_names
from tamis.store.database.tags import (
    TagState,
    tag_revision,
    tag_state,
)

if TYPE_CHECKING:
    from pages.shared.frame import OpenDataset
    from tamis.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class DatasetContext:
    """One dataset as this run of a page sees it; made anew in every run, so nothing in it is stale."""

    workspace: Workspace
    view: DatasetView
    tags: TagState
    names: ClusterNames
    key: str  # workspace and artifacts: everything a cached answer depends on besides tags and names

    @property
    def dataset_id(self) -> str:
        """Id of the dataset."""
        return self.view.dataset_id

    @property
    def n_rows(self) -> int:
        """Number of examples."""
        return int(self.view.examples.summary["n_examples"])

    def cluster_name(self, cluster_id: int) -> str:
        """Current name of a cluster."""
        return self.names.names.get(cluster_id, f"Cluster {cluster_id}")


def open_dataset_context(
    dataset: OpenDataset, *, projection_id: str = "", selection_id: str = ""
) -> DatasetContext:
    """Look at a dataset with the newest of everything, or the artifacts named; raises ArtifactMissing."""
    workspace = dataset.workspace
    view = open_view(
        workspace.artifacts, dataset.dataset_id, projection_id=projection_id, selection_id=selection_id
    )
    key = f"{workspace.path}:{view.key}"
    revision = tag_revision(workspace.database, dataset.dataset_id)
    tags = _tags(str(workspace.path), dataset.dataset_id, revision, _database=workspace.database)
    names = cluster_names(workspace.database, view.clustering) if view.clustering else ClusterNames()
    return DatasetContext(workspace, view, tags, names, key)


@st.cache_resource(max_entries=16, show_spinner=False)
def _tags(workspace: str, dataset_id: str, revision: int, *, _database: Database) -> TagState:
    # Replaying the log costs time that grows with it; a revision is replayed once.
    return tag_state(_database, dataset_id)
