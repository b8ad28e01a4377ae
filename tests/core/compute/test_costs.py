"""Costs as whole steps: exact for decimals, never above the budget, and refused with counts where they are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tamis
from tamis.compute.select.costs import MOST_STEPS, cost_steps
from tamis.errors import InvalidOptions
from tamis.selectors import SELECTORS

NOBODY = np.zeros(4, dtype=bool)
CENTS = st.lists(st.integers(1, 5_000), min_size=4, max_size=30)


def steps_of(costs: list[float], budget: float) -> tuple[list[int], int, int]:
    none = np.zeros(len(costs), dtype=bool)
    made = cost_steps(costs, budget, pinned=none, excluded=none)
    return made.steps.tolist(), made.budget, made.per_unit


def test_a_step_is_the_last_decimal_that_a_cost_has() -> None:
    assert steps_of([0.29, 1, 2.5, 0.07], 0.57) == ([29, 100, 250, 7], 57, 100)
    assert steps_of([3, 1, 2, 7], 9.99) == ([3, 1, 2, 7], 9, 1)


def test_what_no_decimals_hold_is_rounded_up() -> None:
    thirds, budget, per_unit = steps_of([1 / 3, 2 / 3, 1 / 7, 1], 1)
    assert all(one / per_unit >= exact for one, exact in zip(thirds, [1 / 3, 2 / 3, 1 / 7, 1], strict=True))
    assert (budget, per_unit) == (10**9, 10**9)
    large, _, _ = steps_of([1e12 + 0.123456, 1.5, 2, 3], 5)
    assert sum(large) <= MOST_STEPS + 4


@given(CENTS, st.integers(0, 2**31))
def test_no_method_spends_more_than_the_budget_or_leaves_what_a_row_costs(
    cents: list[int], seed: int
) -> None:
    costs = np.asarray(cents) / 100
    budget = max(min(cents) / 100, round(sum(cents) / 300, 2))
    picked = tamis.random(budget=budget, costs=costs, seed=seed)
    spent = sum(cents[row] for row in picked.ids)
    assert spent <= round(100 * budget)
    left = [one for row, one in enumerate(cents) if row not in picked.ids]
    assert all(one > round(100 * budget) - spent for one in left)
    assert picked.unused_cost == pytest.approx(budget - spent / 100)
    assert picked.unused_tokens is None


@pytest.mark.parametrize("name", [name for name, row in SELECTORS.items() if row.counts_tokens])
def test_costs_are_what_tokens_are_to_every_method(name: str) -> None:
    rng = np.random.default_rng(5)
    given = {
        "embeddings": rng.normal(size=(60, 6)), "quality": rng.random(60), "n_clusters": 4,
        "groups": rng.integers(0, 3, 60), "targets": rng.normal(size=(3, 6)),
    }  # fmt: skip
    tokens = rng.integers(1, 40, 60)
    method = getattr(tamis, name)
    by_tokens = method(**given, token_counts=tokens, budget=200)
    assert by_tokens.ids.tolist() == method(**given, costs=tokens / 100, budget=2).ids.tolist()


def test_costs_that_are_none_are_counted() -> None:
    costs = np.array([1, np.nan, 0, -2, np.inf, 0])
    none = np.zeros(6, dtype=bool)
    said = r"prices must be above 0 .* of 6 rows 1 have none, 1 cost infinitely much, 2 cost 0, 1 cost less than 0"
    with pytest.raises(InvalidOptions, match=said):
        cost_steps(costs, 3, pinned=none, excluded=none, name="prices")
    left_out = ~(costs > 0) | np.isinf(costs)
    assert cost_steps(costs, 3, pinned=none, excluded=left_out).steps.tolist() == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("costs", "budget", "pinned", "said"),
    [
        ([1, 2, 3], 5, NOBODY, "3 costs for 4 rows"),
        ([2, 3, 4, 5], 1.5, NOBODY, "A budget of 1.5 buys no row by costs: the cheapest costs 2"),
        ([2, 3, 4, 5], 4, np.array([True, True, False, False]), "pinned rows cost 5 but the budget is 4"),
    ],
)
def test_what_cannot_be_bought_says_so(
    costs: list[float], budget: float, pinned: np.ndarray, said: str
) -> None:
    with pytest.raises(InvalidOptions, match=said):
        cost_steps(costs, budget, pinned=pinned, excluded=NOBODY)
