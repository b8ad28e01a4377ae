"""A budget in units of a column: costs as whole steps, so that a budget of them is as exact as one of tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.errors import InvalidOptions
from tamis.types import Bools, Float64s, Int64s

MOST_DECIMALS = 9
MOST_STEPS = 2**52  # all rows together: sums of so many are exact in float64 too
_WHOLE = 1e-6  # a float this near to a whole number of steps is one: 0.29 · 100 is 28.999999999999996


@dataclass(frozen=True, slots=True)
class CostSteps:
    """What rows cost in whole ``steps`` (n,), ``per_unit`` of which make one unit of the column; ``budget`` in steps."""

    steps: Int64s
    budget: int
    per_unit: int

    def at(self, budget: float) -> CostSteps:
        """The same costs with another budget, in the unit of the column."""
        return CostSteps(self.steps, _whole_steps(budget, self.per_unit), self.per_unit)

    def in_units(self, steps: float) -> float:
        """So many steps in the unit of the column."""
        return float(steps) / self.per_unit


def cost_steps(
    costs: ArrayLike, budget: float, *, pinned: Bools, excluded: Bools, name: str = "costs"
) -> CostSteps:
    """The ``costs`` (n,) of rows and a ``budget`` of them as whole steps; rows that are ``excluded`` (n,) may cost anything.

    A step is the last decimal that a cost has (0.01 for prices in cents), at most nine of them, and fewer where all rows
    together would be more than 2⁵² steps; costs are then rounded up, so that the budget is never exceeded.

    Raises InvalidOptions counting the rows whose cost is missing, infinite, zero or negative, for another number of costs
    than rows, and for a budget that is below the cheapest row or below what is pinned.
    """
    values = np.asarray(costs, dtype=np.float64)
    if values.shape != excluded.shape:
        raise InvalidOptions(f"There are {values.size} {name} for {excluded.size} rows: give one per row.")
    _refuse_odd(values[~excluded], name)
    values = np.where(excluded, 0.0, values)
    per_unit = _steps_per_unit(values)
    exact = values * per_unit
    near = np.round(exact)
    steps = np.where(np.abs(exact - near) <= _WHOLE, near, np.ceil(exact)).astype(np.int64)
    made = CostSteps(steps, _whole_steps(budget, per_unit), per_unit)
    _check_budget(made, budget, pinned, excluded, name)
    return made


def _whole_steps(budget: float, per_unit: int) -> int:
    whole = round(budget * per_unit)
    return whole if abs(budget * per_unit - whole) <= _WHOLE else int(budget * per_unit)


def _refuse_odd(values: Float64s, name: str) -> None:
    odd = {
        "have none": int(np.isnan(values).sum()),
        "cost infinitely much": int(np.isinf(values).sum()),
        "cost 0": int((values == 0).sum()),
        "cost less than 0": int((values < 0).sum() - np.isneginf(values).sum()),
    }
    said = [f"{number:,} {what}" for what, number in odd.items() if number]
    if said:
        raise InvalidOptions(
            f"{name} must be above 0 for every row that may be picked; of {values.size:,} rows {', '.join(said)}. Leave these "
            "rows out (within, excluded), or give them a cost."
        )


def _steps_per_unit(values: Float64s) -> int:
    total = float(values.sum())
    per_unit = 1
    for decimals in range(MOST_DECIMALS + 1):
        if decimals and total * 10**decimals > MOST_STEPS:
            break
        per_unit = 10**decimals
        exact = values * per_unit
        if np.all(np.abs(exact - np.round(exact)) <= _WHOLE):
            break
    return per_unit


def _check_budget(made: CostSteps, budget: float, pinned: Bools, excluded: Bools, name: str) -> None:
    always = int(made.steps[pinned].sum())
    if always > made.budget:
        raise InvalidOptions(
            f"The pinned rows cost {made.in_units(always):,g} but the budget is {budget:,g}: raise it or unpin some rows."
        )
    cheapest = int(made.steps[~excluded].min(initial=MOST_STEPS))
    if made.budget < max(cheapest, 1):
        raise InvalidOptions(
            f"A budget of {budget:,g} buys no row by {name}: the cheapest costs {made.in_units(cheapest):,g}."
        )
