"""Whether an export writes the rows as they are or as they were decided in the review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.compute.apply import apply_decisions
from core.steps.decided import CURRENT
from core.store.database import Database
from core.store.decisions import DecisionState, decision_revision, decision_state
from core.types import Int64s, Message
from pages.shared.lens import Lens
from pages.shared.navigation import link_to

DECISIONS = "decisions"
_TOGGLE = "export_decided"


@dataclass(frozen=True, slots=True)
class DecidedRows:
    """Rows to write. ``pointer`` is what an export request says of decisions, ``revision`` names them for caches."""

    pointer: str
    rows: Int64s
    replaced: Mapping[int, Sequence[Message]]
    revision: int


def choose_decisions(lens: Lens, rows: Int64s) -> DecidedRows:
    """The switch, kept in the address, and what it makes of the rows; no switch where nothing was decided."""
    revision = decision_revision(lens.workspace.database, lens.dataset_id)
    state = _state(str(lens.workspace.path), lens.dataset_id, revision, _database=lens.workspace.database)
    as_they_are = DecidedRows("", rows, {}, 0)
    if not state.decided:
        return as_they_are
    st.session_state[_TOGGLE] = st.query_params.get(DECISIONS) == CURRENT
    chosen = st.toggle(
        "With the decisions of the review", key=_TOGGLE, on_change=_keep,
        help="Leaves out the rows decided to be dropped, and writes the decided text of those replaced.",
    )  # fmt: skip
    applied = apply_decisions(rows, state.decided)
    said = (
        f"{applied.n_dropped:,} of these rows are decided to be dropped, {len(applied.replaced):,} replaced."
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(said if chosen else f"Not applied: {said}", width="content")
        link_to("review", "Review", query={"dataset": lens.dataset_id})
    return DecidedRows(CURRENT, applied.rows, applied.replaced, revision) if chosen else as_they_are


def _keep() -> None:
    if st.session_state[_TOGGLE]:
        st.query_params[DECISIONS] = CURRENT
    else:
        st.query_params.pop(DECISIONS, None)


@st.cache_resource(max_entries=4, show_spinner=False)
def _state(workspace: str, dataset_id: str, revision: int, *, _database: Database) -> DecisionState:
    return decision_state(_database, dataset_id)
