"""What is decided now, without the texts: kept by revision, so that a key press costs no more than it must."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from tamis.actions.decisions import (
    DecisionSnapshot,
    ReviewProgress,
    decision_revision,
    decision_snapshot,
    review_progress,
)
from tamis.store.workspace import Workspace
from tamis.types import Int64s


def decided_now(context: DatasetContext) -> DecisionSnapshot:
    """The decisions in force at this moment; not to be written to."""
    workspace, dataset_id = context.workspace, context.dataset_id
    revision = decision_revision(workspace, dataset_id)
    return _decided(str(workspace.path), dataset_id, revision, _workspace=workspace)


def progress_now(context: DatasetContext, rows: Int64s, queue_key: str, reviewer: str) -> ReviewProgress:
    """How far the review of these rows is, with the pace of one reviewer."""
    workspace, dataset_id = context.workspace, context.dataset_id
    about = (str(workspace.path), dataset_id, queue_key, reviewer)
    return _progress(about, decision_revision(workspace, dataset_id), _workspace=workspace, _rows=rows)


@st.cache_resource(max_entries=8, show_spinner=False)
def _decided(path: str, dataset_id: str, revision: int, *, _workspace: Workspace) -> DecisionSnapshot:
    return decision_snapshot(_workspace, dataset_id)


# A pace grows old, so it is not kept for long although no decision comes in.
@st.cache_data(max_entries=32, ttl=30.0, show_spinner=False)
def _progress(
    about: tuple[str, str, str, str], revision: int, *, _workspace: Workspace, _rows: Int64s
) -> ReviewProgress:
    _, dataset_id, _, reviewer = about
    return review_progress(_workspace, dataset_id, _rows, reviewer=reviewer)
