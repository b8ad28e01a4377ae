"""Whether an export writes the rows as they are or as they were decided in the review."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import link_to
from tamis.actions.decisions import decision_revision
from tamis.actions.export_choices import (
    AS_IMPORTED,
    CURRENT,
    DecisionState,
    ExportTexts,
    choose_texts,
    export_texts,
    read_decided,
)
from tamis.store.workspace import Workspace
from tamis.types import Int64s

DECISIONS = "decisions"
_TOGGLE, _VERSION = "export_decided", "export_version"
VERSIONS = {"": "As selected and trained on", CURRENT: "As decided now", AS_IMPORTED: "As imported"}


def choose_decisions(context: DatasetContext, rows: Int64s, selection: str = "") -> ExportTexts:
    """The choice, kept in the address, and what it makes of the rows; nothing is asked where nothing was decided.

    Rows of a selection that was made with decisions are written with those unless something else is asked for: these
    are the texts that were trained on.
    """
    choice = choose_texts(context, selection, state=_decided_now(context))
    asked = st.query_params.get(DECISIONS, "")
    asked = asked if asked in choice.pointers else ""
    if len(choice.pointers) == 1:
        return export_texts(context, rows, choice)
    if AS_IMPORTED in choice.pointers:
        return _choose_version(context, asked, partial(export_texts, context, rows, choice))
    st.session_state[_TOGGLE] = asked == CURRENT
    chosen = st.toggle(
        "With the decisions of the review", key=_TOGGLE, on_change=_keep,
        help="Leaves out the rows decided to be dropped, and writes the decided text of those replaced.",
    )  # fmt: skip
    decided = export_texts(context, rows, choice, CURRENT)
    text = (
        f"{decided.n_dropped:,} of these rows are decided to be dropped, {len(decided.replaced):,} replaced."
    )
    _say(context, text if chosen else f"Not applied: {text}")
    return decided if chosen else export_texts(context, rows, choice)


def _choose_version(context: DatasetContext, asked: str, texts: Callable[[str], ExportTexts]) -> ExportTexts:
    """Of a selection made with decisions: as it was made, as decided now, or as imported."""
    st.session_state[_VERSION] = asked
    chosen = str(
        st.segmented_control(
            "Texts", list(VERSIONS), required=True, key=_VERSION, on_change=_keep_version, format_func=VERSIONS.__getitem__,
            help="The selection was made with decisions of the review: rows were dropped, and corrected texts stood in.",
        )
    )  # fmt: skip
    outcome = texts(chosen)
    if chosen == AS_IMPORTED:
        _say(context, "As imported: corrected rows are written with their first text.")
    else:
        written, left_out = len(outcome.replaced), outcome.n_dropped
        _say(context, f"{written:,} of these rows are written as corrected, {left_out:,} are left out.")
    return outcome


def _say(context: DatasetContext, words: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(words, width="content")
        link_to("review", "Review", query={"dataset": context.dataset_id})


def _keep_version() -> None:
    if st.session_state[_VERSION]:
        st.query_params[DECISIONS] = st.session_state[_VERSION]
    else:
        st.query_params.pop(DECISIONS, None)


def _keep() -> None:
    if st.session_state[_TOGGLE]:
        st.query_params[DECISIONS] = CURRENT
    else:
        st.query_params.pop(DECISIONS, None)


def _decided_now(context: DatasetContext) -> DecisionState:
    workspace, dataset_id = context.workspace, context.dataset_id
    revision = decision_revision(workspace, dataset_id)
    return _state(str(workspace.path), dataset_id, revision, _workspace=workspace)


@st.cache_resource(max_entries=4, show_spinner=False)
def _state(path: str, dataset_id: str, revision: int, *, _workspace: Workspace) -> DecisionState:
    return read_decided(_workspace, dataset_id)
