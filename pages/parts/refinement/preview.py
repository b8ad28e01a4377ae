"""The rounds of a refinement before they are drawn: what may be picked, and what every round can really take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from tamis.compute.select.allocate import allocate_with_floor
from tamis.steps.plan import Plan
from tamis.steps.refine.options import RefineOptions
from tamis.steps.refine.state import read_state
from tamis.store.artifacts.refinements import rounds_of
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The next round before it is drawn, and the pool that all rounds share.

    ``clusters`` says per cluster its size, what is left of it, its share of the round by weight, what would be picked.
    ``rows`` are those that may be picked, ``n_before`` rows are selected already, ``n_owed`` rows that earlier rounds
    were to select are missing: the next round is to make up for them.
    """

    clusters: pd.DataFrame
    rows: Int64s
    n_before: int
    n_owed: int
    n_next: int

    @property
    def n_pool(self) -> int:
        """Rows that may be picked."""
        return len(self.rows)


def rows_per_round(parts: Sequence[int], *, n_pool: int, n_owed: int = 0) -> Int64s:
    """Rows that each round really adds: what it is to take, and what is owed, as long as the pool lasts."""
    wanted = np.cumsum(np.asarray(parts, dtype=np.int64)) + n_owed
    return np.diff(np.minimum(wanted, n_pool), prepend=0).astype(np.int64)


@st.cache_data(max_entries=32, show_spinner=False)
def look_at(key: str, artifact_id: str, first: int, *, _context: DatasetContext, _plan: Plan) -> Preview:
    """What the next round would take of ``first`` rows; ``key`` and ``artifact_id`` are what it is remembered by.

    Raises InvalidOptions when more rows are pinned than the round takes.
    """
    store, options = _context.workspace.artifacts, _plan.options
    assert isinstance(options, RefineOptions)
    inputs: dict[str, Artifact] = {
        role: store.get(_plan.dataset_id, _plan.input_kinds[role], identifier)
        for role, identifier in _plan.inputs.items()
    }
    earlier = inputs.get("continue_from")
    state = read_state(inputs, options, rounds_of(store, earlier) if earlier is not None else [])
    groups, shown = state.pool.groups(), state.shown
    free = ~state.pool.excluded & ~state.taken & ((state.drawn_by[groups] > 0) | state.pool.pinned)
    left, forced = (
        np.bincount(groups[rows], minlength=state.pool.n_clusters + 1)
        for rows in (free, free & state.pool.pinned)
    )
    owed = state.n_planned - int(state.kept.sum())
    taken = min(max(0, owed + first), int(left.sum()))
    table = pd.DataFrame(
        {
            "cluster_id": state.cluster_ids(),
            "size": state.pool.sizes()[shown],
            "left": left[shown],
            "share": taken * state.drawn_by[shown] / max(float(state.drawn_by.sum()), 1e-12),
            "picked": allocate_with_floor(taken, state.drawn_by, left, forced)[shown],
            "weight": state.drawn_by[shown],
        }
    )
    return Preview(
        clusters=table,
        rows=np.flatnonzero(free).astype(np.int64),
        n_before=int(state.kept.sum()),
        n_owed=owed,
        n_next=int(table["picked"].sum()),
    )
