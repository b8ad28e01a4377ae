"""Whether an export writes the rows as they are or as they were decided in the review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import link_to
from tamis.compute.apply import apply_decisions
from tamis.steps.resolve_decisions import (
    AS_IMPORTED,
    CURRENT,
    respected_by,
)
from tamis.store.artifacts.frozen_decisions import read_frozen_decisions
from tamis.store.database.database import Database
from tamis.store.review.decisions import (
    DecisionState,
    decision_revision,
    decision_state,
)
from tamis.types import Int64s, Message

DECISIONS = "decisions"
_TOGGLE, _VERSION = "export_decided", "export_version"
VERSIONS = {"": "As selected and trained on", CURRENT: "As decided now", AS_IMPORTED: "As imported"}


@dataclass(frozen=True, slots=True)
class DecidedRows:
    """Rows to write. ``pointer`` is what an export request says of decisions, ``revision`` names them for caches."""

    pointer: str
    rows: Int64s
    replaced: Mapping[int, Sequence[Message]]
    revision: int


def choose_decisions(context: DatasetContext, rows: Int64s, selection: str = "") -> DecidedRows:
    """The choice, kept in the address, and what it makes of the rows; nothing is asked where nothing was decided.

    Rows of a selection that was made with decisions are written with those unless something else is asked for: these
    are the texts that were trained on.
    """
    revision = decision_revision(context.workspace.database, context.dataset_id)
    state = _state(
        str(context.workspace.path), context.dataset_id, revision, _database=context.workspace.database
    )
    found = {one.id: one for one in context.view.selections}.get(selection)
    respected = respected_by(found) if found is not None else ""
    if respected:
        return _choose_version(context, rows, respected, state, revision)
    if not state.decided:
        return DecidedRows("", rows, {}, 0)
    st.session_state[_TOGGLE] = st.query_params.get(DECISIONS) == CURRENT
    chosen = st.toggle(
        "With the decisions of the review", key=_TOGGLE, on_change=_keep,
        help="Leaves out the rows decided to be dropped, and writes the decided text of those replaced.",
    )  # fmt: skip
    applied = apply_decisions(rows, state.decided)
    said = (
        f"{applied.n_dropped:,} of these rows are decided to be dropped, {len(applied.replaced):,} replaced."
    )
    _say(context, said if chosen else f"Not applied: {said}")
    return (
        DecidedRows(CURRENT, applied.rows, applied.replaced, revision)
        if chosen
        else DecidedRows("", rows, {}, 0)
    )


def _choose_version(
    context: DatasetContext, rows: Int64s, respected: str, state: DecisionState, revision: int
) -> DecidedRows:
    """Of a selection made with decisions: as it was made, as decided now, or as imported."""
    asked = st.query_params.get(DECISIONS, "")
    st.session_state[_VERSION] = asked if asked in VERSIONS else ""
    chosen = str(
        st.segmented_control(
            "Texts", list(VERSIONS), required=True, key=_VERSION, on_change=_keep_version, format_func=VERSIONS.__getitem__,
            help="The selection was made with decisions of the review: rows were dropped, and corrected texts stood in.",
        )
    )  # fmt: skip
    if chosen == AS_IMPORTED:
        _say(context, "As imported: corrected rows are written with their first text.")
        return DecidedRows(AS_IMPORTED, rows, {}, 0)
    frozen = context.workspace.artifacts.get(context.dataset_id, DECISIONS, respected)
    applied = apply_decisions(rows, state.decided if chosen == CURRENT else read_frozen_decisions(frozen))
    _say(
        context,
        f"{len(applied.replaced):,} of these rows are written as corrected, {applied.n_dropped:,} are left out.",
    )
    pointer = CURRENT if chosen == CURRENT else respected
    # A frozen set never changes, so its own name will do for what is remembered of it.
    mark = revision if chosen == CURRENT else int(respected, 16) % 2**53
    return DecidedRows(pointer, applied.rows, applied.replaced, mark)


def _say(context: DatasetContext, said: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(said, width="content")
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


@st.cache_resource(max_entries=4, show_spinner=False)
def _state(workspace: str, dataset_id: str, revision: int, *, _database: Database) -> DecisionState:
    return decision_state(_database, dataset_id)
