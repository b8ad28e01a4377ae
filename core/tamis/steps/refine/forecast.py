"""The rounds of a refinement before they are drawn: what may be picked, and what every round can really take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.refine.draw import split_budget
from tamis.compute.select.allocate import allocate_with_floor
from tamis.steps.refine.options import LEAST_SCORED, RefineOptions
from tamis.steps.refine.state import read_state
from tamis.store.artifacts.refinements import rounds_of
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Float64s, Int64s


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsForecast:
    """The rounds before they are drawn, and the pool that they share.

    Per round, (rounds,): ``adds`` rows as far as the pool has them, ``selected`` after it, ``trains`` its guide on so many
    and ``answers`` so many prompts; the last two are None where nothing is trained or answered. Per cluster, (k,): its
    ``size``, what is ``left`` of it, its ``share`` of the next round by ``weight``, and what would be ``picked``. ``rows``
    are those that may be picked, ``n_before`` rows are selected already, and ``n_owed`` that earlier rounds were to select
    are missing: the next round is to make up for them. ``n_asked`` rows are asked for in all, ``n_first`` in the first.
    """

    n_asked: int
    n_first: int
    adds: Int64s
    selected: Int64s
    trains: Int64s | None
    answers: Int64s | None
    cluster_id: Int64s
    size: Int64s
    left: Int64s
    share: Float64s
    picked: Int64s
    weight: Float64s
    rows: Int64s
    n_before: int
    n_owed: int

    @property
    def n_rows(self) -> int:
        """Rows that may be picked."""
        return len(self.rows)

    @property
    def n_tokens(self) -> int | None:
        """Not counted: it depends on which rows are picked."""
        return None

    @property
    def n_next(self) -> int:
        """Rows that the next round takes."""
        return int(self.picked.sum())

    @property
    def n_unspent(self) -> int:
        """Rows of the budget that the pool does not have."""
        return max(0, self.n_asked + self.n_owed - self.n_rows)


def rows_added(parts: Sequence[int], *, n_pool: int, n_owed: int = 0) -> Int64s:
    """Rows that each round really adds: what it is to take, and what is owed, as long as the pool lasts."""
    wanted = np.cumsum(np.asarray(parts, dtype=np.int64)) + n_owed
    return np.diff(np.minimum(wanted, n_pool), prepend=0).astype(np.int64)


def forecast_rounds(
    inputs: Mapping[str, Artifact], options: RefineOptions, store: ArtifactStore
) -> RoundsForecast:
    """What the rounds would take; raises InvalidOptions when more rows are pinned than the next round takes."""
    parts = split_budget(options.budget_rows(int(inputs["examples"].summary["n_examples"])), options.rounds)
    earlier = inputs.get("continue_from")
    state = read_state(inputs, options, rounds_of(store, earlier) if earlier is not None else [])
    groups, shown = state.pool.groups(), state.shown
    free = ~state.pool.excluded & ~state.taken & ((state.drawn_by[groups] > 0) | state.pool.pinned)
    left, forced = (
        np.bincount(groups[rows], minlength=state.pool.n_clusters + 1)
        for rows in (free, free & state.pool.pinned)
    )
    n_before, n_pool = int(state.kept.sum()), int(left.sum())
    owed = state.n_planned - n_before
    taken = min(max(0, owed + parts[0]), n_pool)
    adds = rows_added(parts, n_pool=n_pool, n_owed=owed)
    selected = n_before + np.cumsum(adds)
    picked = allocate_with_floor(taken, state.drawn_by, left, forced)[shown]
    trains, answers = _work(options, adds, selected)
    if answers is not None and options.pools_rounds:
        answers = answers + _heard_besides(answers, picked, left[shown] * (state.drawn_by[shown] > 0))
    return RoundsForecast(
        n_asked=sum(parts),
        n_first=parts[0],
        adds=adds,
        selected=selected,
        trains=trains,
        answers=answers,
        cluster_id=state.cluster_ids(),
        size=state.pool.sizes()[shown].astype(np.int64),
        left=left[shown],
        share=taken * state.drawn_by[shown] / max(float(state.drawn_by.sum()), 1e-12),
        picked=picked,
        weight=state.drawn_by[shown],
        rows=np.flatnonzero(free).astype(np.int64),
        n_before=n_before,
        n_owed=owed,
    )


def _work(options: RefineOptions, adds: Int64s, selected: Int64s) -> tuple[Int64s | None, Int64s | None]:
    """Rows that each guide is trained on and prompts that are answered; a round that answers nothing trains none."""
    if options.static:
        return None, None
    looked_at = adds if options.score_rows == "new" else selected
    answers = looked_at if options.generate_rows is None else np.minimum(looked_at, options.generate_rows)
    return np.where(looked_at > 0, selected, 0) if options.train else None, answers


def _heard_besides(answers: Int64s, picked: Int64s, left: Int64s) -> Int64s:
    """Rows per round that are answered so that every cluster is heard, if all rounds are dealt out as the next one is."""
    share = picked / max(int(picked.sum()), 1)
    missing = np.clip(np.minimum(LEAST_SCORED, left) - np.outer(answers, share), 0, None)
    besides: Int64s = np.ceil(missing.sum(axis=1) - 1e-9).astype(np.int64)
    return besides
