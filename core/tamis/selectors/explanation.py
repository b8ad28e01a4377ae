"""Why a row was picked or not: what every selection method answers, in the same shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from tamis.errors import CurationError, InvalidOptions
from tamis.reprs import HtmlFacts
from tamis.selectors.problem import Answer, Problem
from tamis.types import Bools, Float64s

Reason = Literal[
    "pinned", "excluded", "outside every cluster", "without a score", "drawn", "not drawn", "above the line", "below the line",
    "taken at a step", "not reached", "too near", "put in by hand", "taken out by hand",
    "is the target", "repeats a row", "a likelier answer",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRow(HtmlFacts):
    """Another row that an explanation names, and the number that it is named for (NaN where there is none)."""

    row: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota(HtmlFacts):
    """What a row's group got of the budget, in its unit: ``quota`` of ``budget``, as its weight is ``share`` of all groups'.

    ``held`` is what the group has, ``pinned`` what of the quota went to pinned rows; ``spent`` what was picked of it.
    """

    group: int
    quota: float
    budget: float
    share: float
    held: float
    pinned: float
    spent: float

    @property
    def how(self) -> str:
        """Which rule decided: the pins, all that the group has, or its weight."""
        exact = self.budget * self.share
        if self.pinned and self.quota == self.pinned > exact:
            return "pins"
        return "all" if self.quota >= self.held else "weight" if abs(self.quota - exact) < 1 else "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation(HtmlFacts):
    """Why a ``row`` was picked or not, in numbers that hold for this selection exactly; None where one means nothing.

    ``rank`` of ``n_ranked`` is its place in the order that decides, inside its group, from 1; ``step`` the place in the whole
    selection. ``measure`` is what that order goes by, and ``value`` what it is of this row; ``above`` is the last row that was
    picked in that order and ``below`` the first that was not. ``near`` is the picked row that covers it or that it was too
    near to, by ``near_measure``. ``budget_change`` is the smallest change of the budget, in its ``unit``, that a search from
    the budget finds to turn the answer, ``quality_line`` the quality at which it turns, with that value itself where
    ``turns_on_line``. ``chance`` is over all seeds, of ``n_draws`` where it had to be tried, 0 where it is computed.
    """

    row: int
    picked: bool
    reason: Reason
    unit: str = "rows"
    quota: Quota | None = None
    rank: int | None = None
    n_ranked: int | None = None
    step: int | None = None
    quality: float | None = None
    quality_rank: int | None = None
    measure: str = ""
    value: float | None = None
    above: NamedRow | None = None
    below: NamedRow | None = None
    near: NamedRow | None = None
    near_measure: str = ""
    budget_change: float | None = None
    quality_line: float | None = None
    turns_on_line: bool = False
    chance: float | None = None
    n_draws: int = 0
    notes: tuple[str, ...] = ()


class Explainer(Protocol):
    """What stands beside a selection method's implementation and says why, for any row of one selection."""

    def explain(self, row: int) -> Explanation:
        """Why this row was picked or not."""
        ...


def not_the_same(problem: Problem) -> CurationError:
    """The error for a selection that this edition would draw otherwise."""
    return CurationError(
        f"This edition picks other rows of the {problem.n_rows:,} than the selection holds, so it cannot say why: it was made "
        "by another edition. Select again with the same options, and ask about that selection."
    )


def in_unit(problem: Problem, amount: float) -> float:
    """An amount of the budget in the unit that it was given in."""
    return float(amount) if problem.costs is None else problem.costs.in_units(amount)


def quality_of(problem: Problem, row: int) -> float | None:
    """The quality of a row; None where it has none."""
    value = float("nan") if problem.quality is None else float(problem.quality[row])
    return None if np.isnan(value) else value


def quality_rank(problem: Problem, row: int, among: Bools) -> int | None:
    """The place of a row's quality among those rows, from 1; equal ones share the best place."""
    mine = quality_of(problem, row)
    if mine is None or problem.quality is None:
        return None
    return 1 + int((problem.quality[among] > mine).sum())


def budget_change(holds: Callable[[int], bool], budget: int, most: int, *, picked: bool) -> int | None:
    """How much more (less where ``picked``) budget turns ``holds``, so that one step less does not; None for no amount.

    Found by doubling and halving: where quotas of groups do not grow evenly, a smaller change further off may exist.
    """
    step, last = 1, 0
    limit = budget - 1 if picked else most - budget
    sign = -1 if picked else 1
    while last < limit:
        step = min(step, limit)
        if holds(budget + sign * step) != picked:
            while step - last > 1:
                middle = (step + last) // 2
                last, step = (last, middle) if holds(budget + sign * middle) != picked else (middle, step)
            return sign * step
        last, step = step, 2 * step
    return None


class SelectedAnew:
    """What would turn the answer about a row, found by selecting again with another budget or another quality."""

    def __init__(self, pick: Callable[[Problem], Answer], problem: Problem) -> None:
        self.pick, self.problem = pick, problem

    def holds(self, row: int, problem: Problem, *, otherwise: bool = False) -> bool:
        """Whether the row is picked; ``otherwise`` where the method cannot work with such a budget."""
        try:
            return bool((self.pick(problem).rows == row).any())
        except InvalidOptions:
            return otherwise

    def budget_change(self, row: int, most: int, *, picked: bool) -> float | None:
        """The amount of ``budget_change`` up to a budget of ``most``, in the unit that the budget was given in."""
        problem = self.problem
        change = budget_change(
            lambda budget: self.holds(row, replace(problem, budget=budget), otherwise=picked),
            problem.budget,
            most,
            picked=picked,
        )
        return None if change is None else in_unit(problem, change)

    def quality_line(self, row: int, *, picked: bool, least: float = -np.inf) -> tuple[float | None, bool]:
        """``quality_line`` among the rows that are not left out; the problem has to have a quality."""
        problem = self.problem
        assert problem.quality is not None
        scores = problem.quality

        def holds(value: float) -> bool:
            changed = scores.copy()
            changed[row] = value
            return self.holds(row, replace(problem, quality=changed))

        return quality_line(
            holds, scores[~problem.excluded], quality_of(problem, row), picked=picked, least=least
        )


def whole_budget(problem: Problem) -> int:
    """The budget that all rows which are not left out would take."""
    counts = problem.token_counts
    return int((~problem.excluded).sum()) if counts is None else int(counts[~problem.excluded].sum())


def quality_line(
    holds: Callable[[float], bool], scores: Float64s, mine: float | None, *, picked: bool, least: float
) -> tuple[float | None, bool]:
    """The quality beyond which ``holds`` is not what it was, and whether it is not at that value itself; None where none is found.

    It is the score of a row where that decides; else it is known to a millionth of the scores' range.
    """
    known = scores[~np.isnan(scores)]
    if not known.size:
        return None, False
    low, high = float(known.min()), float(known.max())
    width = (high - low) or abs(high) or 1.0
    sign = -1 if picked else 1
    near = mine if mine is not None else (high if picked else low)
    if mine is None and holds(near) != picked:
        return near, True
    for factor in (0, 1, 10, 1e3):
        far = max((low if picked else high) + sign * factor * width, least)
        if sign * (far - near) <= 0:
            continue
        if holds(far) != picked:
            return _halved(holds, near, far, known, picked=picked, width=width)
        near = far
    return None, False


def _halved(
    holds: Callable[[float], bool], near: float, far: float, known: Float64s, *, picked: bool, width: float
) -> tuple[float, bool]:
    while abs(far - near) > 1e-6 * width:
        middle = (near + far) / 2
        near, far = (near, middle) if holds(middle) != picked else (middle, far)
    between = known[(known >= min(near, far)) & (known <= max(near, far))]
    if not between.size:
        return far, True
    score = float(between[0])
    return score, holds(score) != picked
