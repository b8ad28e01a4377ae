"""Why, for the methods that divide a budget over groups and take each group's rows in an order or by a draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tamis.compute.select.inclusion import inclusion_probability
from tamis.compute.select.kmq import Drawing
from tamis.compute.select.semdedup import mark_near_duplicates
from tamis.registry import Options
from tamis.selectors.explanation import (
    Explanation,
    NamedRow,
    Quota,
    Reason,
    SelectedAnew,
    in_unit,
    not_the_same,
    quality_of,
    quality_rank,
)
from tamis.selectors.grouped import (
    likeliest_of,
    select_car,
    select_grape,
    select_km_closest,
    select_km_random,
    select_kmq_released,
    select_longest,
    select_mixture,
    select_semdedup,
    select_stratified,
    select_top_quality,
)
from tamis.selectors.options import GrapeOptions, SemdedupOptions
from tamis.selectors.problem import Answer, Problem
from tamis.selectors.sampling import select_kmq, select_uniform
from tamis.types import Bools, Float64s, Int64s

Pick = Callable[[Problem], Answer]
NO_QUALITY = "No quality would take it in with this seed and this budget."
TRIES, TRIED_ROWS = (
    400,
    4_000_000,
)  # other seeds that a draw for tokens is tried with, and rows that they may read


class DrawExplainer:
    """Asks the method itself: its own drawing for ranks and quotas, and once more with another budget or quality."""

    def __init__(
        self, pick: Pick, problem: Problem, rows: Int64s, *, goes_by: str = "", reads_quality: bool = False
    ) -> None:
        seen: list[Drawing] = []
        drawn = pick(replace(problem, observe=seen.append))
        if set(drawn.rows.tolist()) != set(rows.tolist()):
            raise not_the_same(problem)
        self.anew, self.problem, self.rows = SelectedAnew(pick, problem), problem, rows
        self.goes_by, self.reads_quality = goes_by, reads_quality and problem.quality is not None
        self.drawing = seen[0]

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not; where it was left out, by what."""
        groups, problem = self.drawing.groups, self.problem
        at = int(np.searchsorted(groups.rows, row))
        if at == groups.rows.size or groups.rows[at] != row:
            return Explanation(
                row=row, picked=False, reason=self._left_out(row), quality=quality_of(problem, row)
            )
        group = int(groups.group[at])
        inside = groups.group[self.drawing.order] == group
        mine, taken = self.drawing.order[inside], self.drawing.taken[inside]
        place = int(np.flatnonzero(mine == at)[0])
        picked, pinned = bool(taken[place]), bool(groups.pinned[at])
        members = np.zeros(problem.n_rows, dtype=np.bool_)
        members[groups.rows[mine]] = True
        chance, n_draws = (1.0, 0) if pinned else self._chance(row, mine, at, group)
        above, below = self._line(groups.rows[mine], taken, groups.pinned[mine])
        line = (None, False) if pinned else self._quality_line(row, picked)
        return Explanation(
            row=row,
            picked=picked,
            reason="pinned" if pinned else self._reason(picked),
            quota=self._quota(group, mine, taken),
            rank=place + 1,
            n_ranked=mine.size,
            step=int(np.flatnonzero(self.rows == row)[0]) + 1 if picked else None,
            quality=quality_of(problem, row),
            quality_rank=quality_rank(problem, row, members),
            measure=self.goes_by or "draw",
            value=self._value(row) if self.goes_by else None,
            above=above,
            below=below,
            budget_change=None if pinned else self._budget_change(row, picked),
            quality_line=line[0],
            turns_on_line=line[1],
            chance=chance,
            n_draws=n_draws,
            notes=(NO_QUALITY,) if self.reads_quality and not picked and line[0] is None else (),
        )

    def _reason(self, picked: bool) -> Reason:
        if self.goes_by:
            return "above the line" if picked else "below the line"
        return "drawn" if picked else "not drawn"

    def _left_out(self, row: int) -> Reason:
        if self.problem.excluded[row]:
            return "excluded"
        ids = self.problem.cluster_id
        return "outside every cluster" if ids is not None and ids[row] < 0 else "without a score"

    def _value(self, row: int) -> float:
        values: Any = (
            self.problem.distance if self.goes_by == "distance to the centre" else self.problem.quality
        )
        return float("nan") if values is None else float(values[row])

    def _line(self, rows: Int64s, taken: Bools, pinned: Bools) -> tuple[NamedRow | None, NamedRow | None]:
        drawn, left = rows[taken & ~pinned], rows[~taken]
        above = NamedRow(row=int(drawn[-1]), value=self._value(int(drawn[-1]))) if drawn.size else None
        below = NamedRow(row=int(left[0]), value=self._value(int(left[0]))) if left.size else None
        return above, below

    def _quota(self, group: int, mine: Int64s, taken: Bools) -> Quota:
        drawing, counts = self.drawing, self.problem.token_counts
        groups = drawing.groups
        cost = np.ones(mine.size, dtype=np.int64) if counts is None else counts[groups.rows[mine]]
        weight = drawing.weights if drawing.weights.any() else np.ones_like(drawing.weights)
        said = partial(in_unit, self.problem)
        return Quota(
            group=group if group < groups.n_groups - 1 else -1,
            quota=said(int(drawing.share[group])),
            budget=said(self.problem.budget),
            share=float(weight[group] / weight.sum()),
            held=said(int(drawing.held[group])),
            pinned=said(int(cost[groups.pinned[mine]].sum())),
            spent=said(int(cost[taken].sum())),
        )

    def _chance(self, row: int, mine: Int64s, at: int, group: int) -> tuple[float | None, int]:
        if self.goes_by:
            return None, 0
        if self.problem.token_counts is not None:
            return self._tried(row)
        groups = self.drawing.groups
        free = mine[~groups.pinned[mine]]
        left = int(self.drawing.share[group]) - (mine.size - free.size)
        odds: Float64s = np.full(free.size, -np.inf)
        able = ~np.isneginf(groups.key[free])
        odds[able] = (groups.key[free] - groups.noise[free])[able]
        return inclusion_probability(np.round(odds, 9), left, int(np.flatnonzero(free == at)[0])), 0

    def _tried(self, row: int) -> tuple[float, int]:
        """What a row that takes more than one place is drawn with has no closed form: other seeds are tried."""
        n = int(np.clip(TRIED_ROWS // self.problem.n_rows, 20, TRIES))
        hits = sum(self.anew.holds(row, replace(self.problem, seed=seed)) for seed in range(1, n + 1))
        return hits / n, n

    def _budget_change(self, row: int, picked: bool) -> float | None:
        counts, problem = self.problem.token_counts, self.problem
        most = (
            int((~problem.excluded).sum()) * max(1, problem.n_clusters)
            if counts is None
            else int(counts.sum())
        )
        return self.anew.budget_change(row, most, picked=picked)

    def _quality_line(self, row: int, picked: bool) -> tuple[float | None, bool]:
        problem = self.problem
        if not self.reads_quality or problem.quality is None:
            return None, False
        least = 0.0 if problem.non_negative else -np.inf
        return self.anew.quality_line(row, picked=picked, least=least)


class SemdedupExplainer:
    """Near duplicates first: which row ahead a dropped row resembles; of the others why they were drawn or not."""

    def __init__(self, problem: Problem, options: SemdedupOptions, rows: Int64s) -> None:
        assert problem.vectors is not None
        assert problem.cluster_id is not None
        self.problem = problem
        self.duplicates = mark_near_duplicates(
            problem.vectors,
            problem.cluster_id,
            n_clusters=problem.n_clusters,
            threshold=options.threshold,
            keep=options.keep,
            pinned=problem.pinned,
            excluded=problem.excluded,
        )
        self.draws = DrawExplainer(
            lambda changed: select_semdedup(changed, options, duplicates=self.duplicates),
            problem,
            rows,
            goes_by="quality" if options.then == "quality" else "",
            reads_quality=options.then != "random",
        )

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not."""
        if not self.duplicates.dropped[row]:
            return self.draws.explain(row)
        near = NamedRow(row=int(self.duplicates.nearest[row]), value=float(self.duplicates.cosine[row]))
        return Explanation(
            row=row,
            picked=False,
            reason="too near",
            quality=quality_of(self.problem, row),
            near=near,
            near_measure="cosine",
            chance=0.0,
        )


class GrapeExplainer:
    """Other answers to a prompt say which one was kept; those that are kept ask the draw."""

    def __init__(self, problem: Problem, options: GrapeOptions, rows: Int64s) -> None:
        self.problem, self.found = problem, likeliest_of(problem)
        self.draws = DrawExplainer(
            lambda changed: select_grape(replace(changed, quality=problem.quality), options), problem, rows
        )

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not."""
        problem = self.problem
        if self.found.kept[row] or problem.excluded[row] or problem.pinned[row]:
            return self.draws.explain(row)
        assert problem.quality is not None
        other = int(self.found.instead[row])
        return Explanation(
            row=row,
            picked=False,
            reason="a likelier answer",
            quality=quality_of(problem, row),
            near=NamedRow(row=other, value=float(problem.quality[other])),
            near_measure="quality",
            chance=0.0,
        )


def _plain(select: Callable[..., Answer], goes_by: str, reads_quality: bool) -> Callable[..., DrawExplainer]:
    def make(problem: Problem, options: Options, rows: Int64s) -> DrawExplainer:
        return DrawExplainer(
            lambda changed: select(changed, options),
            problem,
            rows,
            goes_by=goes_by,
            reads_quality=reads_quality,
        )

    return make


explain_kmq = _plain(select_kmq, "", True)
explain_uniform = _plain(select_uniform, "", False)
explain_stratified = _plain(select_stratified, "", False)
explain_km_random = _plain(select_km_random, "", False)
explain_mixture = _plain(select_mixture, "", False)
explain_car = _plain(select_car, "quality", True)
explain_longest = _plain(select_longest, "quality", True)
explain_kmq_released = _plain(select_kmq_released, "", True)
explain_top_quality = _plain(select_top_quality, "quality", True)
explain_km_closest = _plain(select_km_closest, "distance to the centre", False)
