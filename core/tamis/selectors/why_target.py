"""Why a row was picked for a target or not: its place in the list of the example that it is nearest to, and whose turn it was."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from tamis.compute.select.target_round_robin import pooled
from tamis.compute.target.similarity import NONE, best_targets
from tamis.selectors.explanation import Explainer, Explanation, NamedRow, Reason, SelectedAnew, whole_budget
from tamis.selectors.options import SpreadThenTargetOptions, TargetRoundRobinOptions
from tamis.selectors.problem import Problem
from tamis.selectors.towards_target import (
    select_target_round_robin,
    target_in,
    walk,
    with_target_quality,
    without_leaks,
)
from tamis.selectors.why_draws import explain_kmq
from tamis.selectors.why_walks import TRIED_PAIRS, Walk, too_large
from tamis.types import Float32s, Int64s


class RoundRobinExplainer:
    """Takes the turns again, and looks a row up in the list that took it, or would have taken it soonest."""

    def __init__(self, problem: Problem, options: TargetRoundRobinOptions, rows: Int64s) -> None:
        self._asked, self._options = problem, options
        self._open = without_leaks(problem)
        self._walk = Walk(problem, rows)
        self._turns = walk(self._open, options)
        self._anew = SelectedAnew(partial(select_target_round_robin, options=options), problem)
        self._candidates = np.flatnonzero(~self._open.excluded & ~self._open.pinned)

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not."""
        certain = self._walk.certain(row) or self._kept_out(row)
        if certain is not None:
            return certain
        place = self._walk.place(row)
        target, example = self._list_of(row, place)
        if target == NONE:
            return Explanation(row=row, picked=False, reason="without a score")
        values = self._values(target, example)
        mine = float(values[self._candidates == row][0])
        ahead = int((values > mine).sum()) + int((values[self._candidates < row] == mine).sum())
        small = self._asked.n_rows * max(1, self._walk.rows.size) <= TRIED_PAIRS
        change = (
            self._anew.budget_change(row, whole_budget(self._open), picked=place is not None)
            if small
            else None
        )
        last, following = self._line(values)
        return Explanation(
            row=row,
            picked=place is not None,
            reason="not reached" if place is None else "taken at a step",
            rank=ahead + 1,
            n_ranked=int((~np.isnan(values)).sum()),
            step=None if place is None else place + 1,
            measure=f"similarity to {self._named(target, example)}",
            value=mine,
            above=last,
            below=following,
            budget_change=change,
            notes=(self._whose(target, place), *(() if small else (too_large(self._asked),))),
        )

    def _kept_out(self, row: int) -> Explanation | None:
        if not self._open.excluded[row]:
            return None
        target = target_in(self._asked)
        if target.leaks[row]:
            return Explanation(row=row, picked=False, reason="is the target")
        same = np.flatnonzero((target.first == target.first[row]) & ~self._open.excluded)
        near = NamedRow(row=int(same[0]), value=float("nan")) if same.size else None
        return Explanation(row=row, picked=False, reason="repeats a row", near=near)

    def _list_of(self, row: int, place: int | None) -> tuple[int, int]:
        """The target and the example whose list took the row, or in which it stands nearest; −1 for none."""
        if place is not None:
            at = np.flatnonzero(self._turns.picked_rows == row)
            if at.size:
                return int(self._turns.target[at[0]]), int(self._turns.example[at[0]])
        similarity = target_in(self._asked)
        best = best_targets(similarity.similarity[row : row + 1], similarity.part)
        pooling = self._options.pooling
        return int(best.target[0]), int(best.example[0]) if pooling == "example" else NONE

    def _values(self, target: int, example: int) -> Float32s:
        """The similarities of the rows that may be picked, in the list of a target or of one of its examples."""
        similarity = target_in(self._asked)
        if example != NONE:
            return np.asarray(similarity.similarity[self._candidates, example])
        mine = np.flatnonzero(similarity.part == target)
        return pooled(similarity.similarity[np.ix_(self._candidates, mine)], self._options.pooling)

    def _line(self, values: Float32s) -> tuple[NamedRow | None, NamedRow | None]:
        """The lowest of the list that is in, and the highest that is not."""
        picked = np.isin(self._candidates, self._walk.rows)
        inside, outside = np.where(picked, values, np.nan), np.where(picked, np.nan, values)
        return self._row_at(inside, lowest=True), self._row_at(outside, lowest=False)

    def _row_at(self, values: Float32s, *, lowest: bool) -> NamedRow | None:
        if np.isnan(values).all():
            return None
        at = int(np.nanargmin(values) if lowest else np.nanargmax(values))
        return NamedRow(row=int(self._candidates[at]), value=float(values[at]))

    def _named(self, target: int, example: int) -> str:
        name = target_in(self._asked).names[target]
        return (
            f"target {name}"
            if example == NONE
            else f"example {target_in(self._asked).item(example):,} of target {name}"
        )

    def _whose(self, target: int, place: int | None) -> str:
        name = target_in(self._asked).names[target]
        if place is None:
            return f"It stands highest for target {name}; each target takes the best row that is left when its turn comes."
        return f"It was the turn of target {name}, and no row that was left stood higher in its list."


def explain_spread(problem: Problem, options: SpreadThenTargetOptions, rows: Int64s) -> Explainer:
    """As kMQ says it, with the similarity to the target as quality; rows that are the target first."""
    return _Spread(problem, explain_kmq(with_target_quality(problem), options, rows))


class _Spread:
    def __init__(self, problem: Problem, kmq: Explainer) -> None:
        self._asked, self._open, self._kmq = problem, without_leaks(problem), kmq

    def explain(self, row: int) -> Explanation:
        target = target_in(self._asked)
        if self._open.excluded[row] and not self._asked.excluded[row]:
            reason: Reason = "is the target" if target.leaks[row] else "repeats a row"
            return Explanation(row=row, picked=False, reason=reason)
        # Nobody can give a row another similarity, so where it would turn is not said.
        return replace(self._kmq.explain(row), quality_line=None, turns_on_line=False)
