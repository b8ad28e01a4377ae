"""Why DEITA kept a row or not: its place by score, and the kept row that it was too near to."""

from __future__ import annotations

from functools import partial

import numpy as np

from tamis.compute.select.deita import kept_rows, too_near
from tamis.compute.select.picks import Pool, by_score, checked_scores
from tamis.compute.vectors import block_of, unit_rows
from tamis.selectors.explanation import (
    Explanation,
    NamedRow,
    SelectedAnew,
    in_unit,
    quality_of,
    quality_rank,
    whole_budget,
)
from tamis.selectors.greedy import select_deita
from tamis.selectors.options import DeitaOptions
from tamis.selectors.problem import Problem
from tamis.selectors.why_walks import TRIED_PAIRS, Walk, too_large
from tamis.types import Int64s


class DeitaExplainer:
    """Walks the rows by score again as far as the row that is asked about."""

    def __init__(self, problem: Problem, options: DeitaOptions, rows: Int64s) -> None:
        assert problem.quality is not None
        assert problem.vectors is not None
        self.walk, self.problem, self.options, self.vectors = (
            Walk(problem, rows),
            problem,
            options,
            problem.vectors,
        )
        self.anew = SelectedAnew(partial(select_deita, options=options), problem)
        free = np.flatnonzero(~problem.excluded & ~problem.pinned)
        self.order = by_score(checked_scores(problem.quality, problem.n_rows), free, options.unscored)

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not."""
        walk, problem = self.walk, self.problem
        certain = walk.certain(row)
        if certain is not None:
            return certain
        at = np.flatnonzero(self.order == row)
        if not at.size:
            return Explanation(row=row, picked=False, reason="without a score")
        place = walk.place(row)
        ahead = self._kept_until(int(at[0]))
        near = self._near(row, ahead)
        change = self._change(row, place, ahead, near is not None)
        small = self._is_small()
        line = self.anew.quality_line(row, picked=place is not None) if small else (None, False)
        last, next_row = self._line()
        return Explanation(
            row=row,
            picked=place is not None,
            reason="taken at a step"
            if place is not None
            else "too near"
            if near is not None
            else "not reached",
            rank=int(at[0]) + 1,
            n_ranked=self.order.size,
            step=None if place is None else place + 1,
            quality=quality_of(problem, row),
            quality_rank=quality_rank(problem, row, ~problem.excluded),
            measure="quality",
            value=quality_of(problem, row),
            above=last,
            below=next_row,
            near=near,
            near_measure={"cosine": "cosine", "squared_l2": "squared distance"}.get(
                self.options.rule, "cosine"
            ),
            budget_change=change,
            quality_line=line[0],
            turns_on_line=line[1],
            notes=() if small else (too_large(problem),),
        )

    def _kept_until(self, at: int) -> Int64s:
        """The pinned rows and the rows that the walk keeps before the one at this place of the order."""
        pinned = np.flatnonzero(self.problem.pinned)
        pool = Pool(~self.problem.excluded, pinned)
        kept = kept_rows(
            self.vectors, self.order[:at], pool, threshold=self.options.threshold, rule=self.options.rule
        )
        return np.concatenate([pinned, np.fromiter(kept, dtype=np.int64)])

    def _near(self, row: int, ahead: Int64s) -> NamedRow | None:
        """The nearest of the rows that it may not resemble: those kept, or all by the rule of distances."""
        options, vectors = self.options, self.vectors
        others = ahead
        if options.rule == "distance":
            others = np.flatnonzero(~self.problem.excluded)
            others = others[others != row]
        near = (
            others[too_near(vectors, row, others, threshold=options.threshold, rule=options.rule)]
            if others.size
            else others
        )
        if not near.size:
            return None
        mine, theirs = (block_of(vectors, rows) for rows in (np.array([row]), near))
        if options.rule == "squared_l2":
            away = ((theirs.astype(np.float64) - mine) ** 2).sum(axis=1)
            return NamedRow(row=int(near[np.argmin(away)]), value=float(away.min()))
        cosine = (unit_rows(theirs) @ unit_rows(mine).T)[:, 0]
        return NamedRow(row=int(near[np.argmax(cosine)]), value=float(cosine.max()))

    def _change(self, row: int, place: int | None, ahead: Int64s, is_near: bool) -> float | None:
        walk, problem = self.walk, self.problem
        if self.options.fill:
            if not self._is_small():
                return None
            return self.anew.budget_change(row, whole_budget(problem), picked=place is not None)
        if place is not None:
            return walk.change_at(place)
        if is_near:
            return None
        before = int(walk.cost[ahead].sum())
        return in_unit(problem, max(before + int(walk.cost[row]), before + 1) - problem.budget)

    def _line(self) -> tuple[NamedRow | None, NamedRow | None]:
        """The last row that was kept, and the best that was not picked after it."""
        rows = self.walk.rows[self.walk.n_pinned :]
        if not rows.size:
            return None, None
        last = int(rows[-1])
        after = self.order[int(np.flatnonzero(self.order == last)[0]) + 1 :]
        left = after[~np.isin(after, rows)]
        return self._named(last), self._named(int(left[0])) if left.size else None

    def _named(self, row: int) -> NamedRow:
        quality = quality_of(self.problem, row)
        return NamedRow(row=row, value=float("nan") if quality is None else quality)

    def _is_small(self) -> bool:
        return self.problem.n_rows * max(1, self.walk.rows.size) <= TRIED_PAIRS
