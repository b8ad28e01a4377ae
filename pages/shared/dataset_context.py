"""What a page looks through, made anew in every run, so that nothing in it is stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from tamis.actions.dataset_context import DatasetContext, current_tag_revision, open_context, read_tags

if TYPE_CHECKING:
    from pages.shared.frame import OpenDataset
    from tamis.actions.dataset_context import TagState
    from tamis.store.workspace import Workspace

__all__ = ["DatasetContext", "open_dataset_context"]


def open_dataset_context(
    dataset: OpenDataset, *, projection_id: str = "", selection_id: str = ""
) -> DatasetContext:
    """Look at a dataset with what is active of everything, or the artifacts named; raises ArtifactMissing."""
    workspace, dataset_id = dataset.workspace, dataset.dataset_id
    revision = current_tag_revision(workspace, dataset_id)
    tags = _tags(str(workspace.path), dataset_id, revision, _workspace=workspace)
    return open_context(
        workspace,
        dataset_id,
        projection_id=projection_id,
        selection_id=selection_id or dataset.selection_id,
        tags=tags,
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _tags(path: str, dataset_id: str, revision: int, *, _workspace: Workspace) -> TagState:
    # Replaying the log costs time that grows with it; a revision is replayed once.
    return read_tags(_workspace, dataset_id)
