"""Why, for the methods that go by how different the picks are: what the row adds at its step, beside the row taken last."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tamis.compute.select.information_gain import gain_of_row, total_told
from tamis.compute.select.log_det import log_det_gains
from tamis.compute.select.novelty import novelty
from tamis.compute.vectors import block_of, unit_rows
from tamis.selectors.diversity import (
    crowding_of,
    kernel_of,
    select_log_det,
    select_mig,
    select_novel,
    told_of,
)
from tamis.selectors.explanation import (
    Explainer,
    Explanation,
    NamedRow,
    SelectedAnew,
    quality_of,
    quality_rank,
    whole_budget,
)
from tamis.selectors.options import LogDetOptions, MigOptions, NovelSelectOptions
from tamis.selectors.problem import Answer, Problem
from tamis.selectors.why_walks import TRIED_PAIRS, Walk, too_large
from tamis.types import Int64s

Worth = Callable[[int, Int64s], float]  # what a row adds to the rows picked before it; NaN before the first


class AddedExplainer:
    """What a row adds to the rows picked before it, in the measure that the method goes by."""

    def __init__(
        self, problem: Problem, rows: Int64s, pick: Callable[[Problem], Answer], *, measure: str, worth: Worth
    ) -> None:
        self._problem, self._walk, self._measure, self._worth = problem, Walk(problem, rows), measure, worth
        self._anew = SelectedAnew(pick, problem)

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not."""
        walk = self._walk
        certain = walk.certain(row)
        if certain is not None:
            return certain
        place = walk.place(row)
        value = self._worth(row, walk.rows[:-1] if place is None else walk.rows[:place])
        last = None
        if place is None and walk.rows.size > walk.n_pinned:
            taken = int(walk.rows[-1])
            last = NamedRow(row=taken, value=self._worth(taken, walk.rows[:-1]))
        small = self._problem.n_rows * max(1, walk.rows.size) <= TRIED_PAIRS
        change = None
        if small:
            change = self._anew.budget_change(row, whole_budget(self._problem), picked=place is not None)
        return Explanation(
            row=row,
            picked=place is not None,
            reason="not reached" if place is None else "taken at a step",
            step=None if place is None else place + 1,
            quality=quality_of(self._problem, row),
            quality_rank=quality_rank(self._problem, row, ~self._problem.excluded),
            measure=self._measure,
            value=None if np.isnan(value) else value,
            above=last,
            budget_change=change,
            notes=() if small else (too_large(self._problem),),
        )


def explain_log_det(problem: Problem, options: LogDetOptions, rows: Int64s) -> Explainer:
    """By what the row adds to the log-determinant."""
    kernel = kernel_of(problem, options)

    def worth(row: int, before: Int64s) -> float:
        return float(log_det_gains(kernel, np.append(before, row))[-1])

    pick = partial(select_log_det, options=options)
    return AddedExplainer(problem, rows, pick, measure="gain in log-determinant", worth=worth)


def explain_novel(problem: Problem, options: NovelSelectOptions, rows: Int64s) -> Explainer:
    """By how novel the row is to those picked before it."""
    vectors = problem.vectors
    assert vectors is not None
    crowding = dict(zip(rows.tolist(), crowding_of(problem, options, rows).tolist(), strict=True))

    def worth(row: int, before: Int64s) -> float:
        if not before.size:
            return float("nan")
        if row not in crowding:
            crowding[row] = float(crowding_of(problem, options, np.array([row]))[0])
        named = np.append(before, row)
        units = unit_rows(block_of(vectors, named)).astype(np.float64)
        crowd = np.array([crowding[one] for one in named.tolist()])
        return float(novelty(units[-1:], crowd[-1:], units[:-1], crowd[:-1], options.alpha)[0])

    pick = partial(select_novel, options=options)
    return AddedExplainer(problem, rows, pick, measure="novelty to the rows picked before", worth=worth)


def explain_mig(problem: Problem, options: MigOptions, rows: Int64s) -> Explainer:
    """By the information that the row adds to clusters."""
    told = told_of(problem, options)

    def worth(row: int, before: Int64s) -> float:
        return gain_of_row(told, total_told(told, before), row, options.gain)

    pick = partial(select_mig, options=options)
    return AddedExplainer(problem, rows, pick, measure="gain in information", worth=worth)
