"""Why, for the methods that take one row after the other: the step, what was nearest, and where the walk would go on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from tamis.compute.select.k_center import farthest_first
from tamis.compute.select.lazy_greedy import Coverage, LazyGreedy
from tamis.compute.select.qdit import range_scaled
from tamis.compute.vectors import block_of, blocks, unit_rows
from tamis.selectors.explanation import (
    Explanation,
    NamedRow,
    Reason,
    SelectedAnew,
    in_unit,
    not_the_same,
    quality_of,
    quality_rank,
    whole_budget,
)
from tamis.selectors.greedy import START_VALUE, reference_of, rows_of_budget, select_qdit
from tamis.selectors.options import CoverageOptions, KCenterOptions, QditOptions
from tamis.selectors.problem import Answer, Problem
from tamis.types import Float64s, Int64s

LOOK_AHEAD = 2000  # rows that the walk is taken on, to find the budget at which a row comes
PAIRS = 100_000_000  # comparisons beyond which coverage is not walked on: it would take as long as the selection did
TRIED_PAIRS = 5_000_000  # the same for what is found by selecting anew, some forty times


class Walk:
    """The rows of a selection in the order taken, and what they have cost."""

    def __init__(self, problem: Problem, rows: Int64s) -> None:
        if problem.excluded[rows].any() or not problem.pinned[rows].sum() == problem.pinned.sum():
            raise not_the_same(problem)
        self.problem, self.rows = problem, rows
        counts = problem.token_counts
        self.cost: Int64s = np.ones(problem.n_rows, dtype=np.int64) if counts is None else counts
        self.n_pinned = int(problem.pinned.sum())

    def place(self, row: int) -> int | None:
        """Where in the order the row was taken, from 0; None where it was not."""
        found = np.flatnonzero(self.rows == row)
        return int(found[0]) if found.size else None

    def certain(self, row: int) -> Explanation | None:
        """The explanation of a row that a person put in or left out."""
        reason: Reason | None = (
            "pinned" if self.problem.pinned[row] else "excluded" if self.problem.excluded[row] else None
        )
        if reason is None:
            return None
        place = self.place(row)
        return Explanation(
            row=row,
            picked=place is not None,
            reason=reason,
            step=None if place is None else place + 1,
            quality=quality_of(self.problem, row),
        )

    def change_at(self, place: int) -> float | None:
        """The budget less that leaves out the row taken at ``place``; None for the first, without which nothing is picked."""
        if place == 0:
            return None
        least = int(self.cost[self.rows[: place + 1]].sum()) - 1
        return in_unit(self.problem, least - self.problem.budget) if least >= 1 else None

    def change_for(self, row: int, later: Iterator[int]) -> tuple[float | None, int | None]:
        """The budget more that takes ``row``, as the walk goes on over the ``later`` rows, and the first of these."""
        spent, first = int(self.cost[self.rows].sum()), None
        for one in later:
            first = one if first is None else first
            before, spent = spent, spent + int(self.cost[one])
            if one == row:
                # A row that costs nothing is taken only while something is left.
                return in_unit(self.problem, max(spent, before + 1) - self.problem.budget), first
        return None, first

    @property
    def candidates(self) -> Int64s:
        """Rows that were not picked and could have been."""
        left = ~self.problem.excluded
        left[self.rows] = False
        return np.flatnonzero(left)


class KCenterExplainer:
    """The distance to the nearest row picked before, which is what k-center goes by."""

    def __init__(self, problem: Problem, options: KCenterOptions, rows: Int64s) -> None:
        self.walk, self.problem, self.options = Walk(problem, rows), problem, options

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not."""
        walk = self.walk
        certain = walk.certain(row)
        if certain is not None:
            return certain
        place = walk.place(row)
        near = self._nearest(row, walk.rows[:place] if place is not None else walk.rows)
        by_lot = place == 0 and self.options.first == "random"
        above = below = None
        if place is None:
            change, first = walk.change_for(row, islice(self._later(), LOOK_AHEAD))
            below = self._named(first, walk.rows)
        else:
            change = walk.change_at(place)
        if walk.rows.size > max(1, walk.n_pinned):
            above = self._named(int(walk.rows[-1]), walk.rows[:-1])
        return Explanation(
            row=row,
            picked=place is not None,
            reason="not reached" if place is None else "taken at a step",
            step=None if place is None else place + 1,
            quality=quality_of(self.problem, row),
            measure="distance to the nearest picked row",
            value=None if near is None else near.value,
            above=above,
            below=below,
            near=near,
            near_measure="distance",
            budget_change=change,
            chance=1 / int((~self.problem.excluded).sum()) if by_lot else None,
            notes=self._notes(by_lot, place, change),
        )

    def _notes(self, by_lot: bool, place: int | None, change: float | None) -> tuple[str, ...]:
        notes = []
        if by_lot:
            notes.append("The first row is drawn with the seed; the chance is that of being drawn first.")
        elif self.options.first == "random" and not self.walk.n_pinned:
            notes.append(
                "The first row is drawn with the seed: another seed begins elsewhere and may take other rows."
            )
        if place is None and change is None:
            notes.append(f"It is not among the next {LOOK_AHEAD:,} rows that more budget would take.")
        return tuple(notes)

    def _later(self) -> Iterator[int]:
        assert self.problem.vectors is not None
        rng = np.random.default_rng(self.problem.seed)
        return farthest_first(
            self.problem.vectors, self.walk.rows, self.walk.candidates, first=self.options.first, rng=rng
        )

    def _named(self, row: int | None, picked: Int64s) -> NamedRow | None:
        near = None if row is None else self._nearest(row, picked)
        return None if row is None or near is None else NamedRow(row=row, value=near.value)

    def _nearest(self, row: int, picked: Int64s) -> NamedRow | None:
        vectors = self.problem.vectors
        assert vectors is not None
        if not picked.size:
            return None
        mine = vectors[row].astype(np.float64)
        away = np.empty(picked.size)
        for part in blocks(picked.size, 4 * mine.size):
            difference = block_of(vectors, picked[part]).astype(np.float64) - mine
            away[part] = np.sqrt((difference * difference).sum(axis=1))
        return NamedRow(row=int(picked[np.argmin(away)]), value=float(away.min()))


class CoverageExplainer:
    """What a row adds to the coverage of the pool, mixed with its quality for QDIT, beside the row taken last."""

    def __init__(self, problem: Problem, options: CoverageOptions, rows: Int64s) -> None:
        assert problem.vectors is not None
        self.walk, self.problem, self.options, self.vectors = (
            Walk(problem, rows),
            problem,
            options,
            problem.vectors,
        )

        def pick(changed: Problem) -> Answer:
            assert isinstance(options, QditOptions)  # facility location is walked on, never tried again
            return select_qdit(changed, options)

        self.anew = SelectedAnew(pick, problem)
        reference = reference_of(problem, options)
        self.reference = np.flatnonzero(~problem.excluded) if reference is None else reference
        self.weight, self.by_budget = 1.0, False
        self.bonus: Float64s = np.zeros(problem.n_rows)
        if isinstance(options, QditOptions) and problem.quality is not None:
            alpha = options.quality_weight if options.alpha is None else options.alpha
            self.by_budget = (
                options.alpha is None and 0 < alpha < 1
            )  # the picks' quality is spread over the budget
            over = rows_of_budget(problem) if options.alpha is None else 1.0
            self.weight = 1 - alpha
            self.bonus = alpha * range_scaled(problem.quality, np.flatnonzero(~problem.excluded)) / over

    @property
    def pairs(self) -> int:
        """Comparisons that one walk takes."""
        return int((~self.problem.excluded).sum()) * self.reference.size

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not."""
        walk = self.walk
        certain = walk.certain(row)
        if certain is not None:
            return certain
        place = walk.place(row)
        coverage = self._coverage(walk.rows[:-1] if place is None else walk.rows[:place])
        value, last = self._worth(coverage, row), None
        change, below, notes = self._change(row, place)
        if place is None and walk.rows.size > walk.n_pinned:
            last = NamedRow(row=int(walk.rows[-1]), value=self._worth(coverage, int(walk.rows[-1])))
        line = self._quality_line(row, place is not None)
        return Explanation(
            row=row,
            picked=place is not None,
            reason="not reached" if place is None else "taken at a step",
            step=None if place is None else place + 1,
            quality=quality_of(self.problem, row),
            quality_rank=quality_rank(self.problem, row, ~self.problem.excluded),
            measure="gain" if not self.bonus.any() else "gain and quality",
            value=value,
            above=last,
            below=below,
            near=self._most_similar(row, walk.rows if place is None else walk.rows[:place]),
            near_measure="cosine",
            budget_change=change,
            quality_line=line[0],
            turns_on_line=line[1],
            notes=notes,
        )

    def _coverage(self, rows: Int64s) -> Coverage:
        coverage = Coverage(self.vectors, self.reference, start_value=START_VALUE[self.options.cosines])
        for one in rows.tolist():
            coverage.add(one)
        return coverage

    def _worth(self, coverage: Coverage, row: int) -> float:
        gain = coverage.exact_gain(row) if self.weight else 0.0
        return self.weight * gain / self.reference.size + float(self.bonus[row])

    def _change(self, row: int, place: int | None) -> tuple[float | None, NamedRow | None, tuple[str, ...]]:
        walk = self.walk
        if self.by_budget:
            if self.pairs > TRIED_PAIRS:
                return None, None, (too_large(self.problem),)
            return (
                self.anew.budget_change(row, whole_budget(self.problem), picked=place is not None),
                None,
                (),
            )
        if place is not None:
            return walk.change_at(place), None, ()
        if self.pairs > PAIRS:
            return None, None, (too_large(self.problem),)
        coverage = self._coverage(walk.rows)
        later = LazyGreedy(coverage, walk.candidates, gain_weight=self.weight, bonus=self.bonus)
        change, first = walk.change_for(row, islice(later, LOOK_AHEAD))
        note = (
            ()
            if change is not None
            else (f"It is not among the next {LOOK_AHEAD:,} rows that more budget would take.",)
        )
        worth = None if first is None else self._worth(self._coverage(walk.rows), first)
        return change, None if first is None or worth is None else NamedRow(row=first, value=worth), note

    def _quality_line(self, row: int, picked: bool) -> tuple[float | None, bool]:
        if self.problem.quality is None or not self.bonus.any() or self.pairs > TRIED_PAIRS:
            return None, False
        return self.anew.quality_line(row, picked=picked)

    def _most_similar(self, row: int, picked: Int64s) -> NamedRow | None:
        if not picked.size:
            return None
        mine = unit_rows(block_of(self.vectors, slice(row, row + 1)))[0]
        cosine = np.empty(picked.size)
        for part in blocks(picked.size, mine.size):
            cosine[part] = unit_rows(block_of(self.vectors, picked[part])) @ mine
        return NamedRow(row=int(picked[np.argmax(cosine)]), value=float(cosine.max()))


def too_large(problem: Problem) -> str:
    """What is said in place of a number that would take as long as the selection to find."""
    return (
        f"What would change it is not worked out among {problem.n_rows:,} rows: it would take as long as the selection. Select "
        "again with another budget to see."
    )
