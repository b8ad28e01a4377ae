"""Rows of a round: the budget to the row, nobody twice, and what happens when clusters run out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.refine.draw import RefinementPool, draw_round, split_budget, spread_order
from tamis.compute.refine.flags import flag_rows
from tamis.compute.refine.weights import first_weights
from tamis.errors import InvalidOptions
from tests.support import scale


def make_pool(ids, n_clusters, *, quality=None, excluded=(), pinned=()):
    n = len(ids)
    out, pin = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    out[list(excluded)] = True
    pin[list(pinned)] = True
    return RefinementPool(np.asarray(ids, dtype=np.int64), n_clusters, quality, out, pin)


def play(pool, budget, rounds, *, weights=None, seed=0):
    """Every round's picks with the same weights."""
    drawn_by = first_weights(pool.sizes(), "uniform") if weights is None else weights
    taken = np.zeros(len(pool.cluster_id), dtype=bool)
    picks = []
    for number, part in enumerate(split_budget(budget, rounds)):
        found = draw_round(pool, drawn_by, part, taken=taken, rng=np.random.default_rng([seed, number]))
        taken[found.rows] = True
        picks.append(found)
    return picks


def test_the_budget_is_divided_over_rounds_to_the_row():
    assert split_budget(10, 3) == (4, 3, 3)
    assert split_budget(3, 3) == (1, 1, 1)
    with pytest.raises(InvalidOptions, match="2 rows cannot be divided over 3 rounds"):
        split_budget(2, 3)


def test_the_quota_example_of_the_specification():
    pool = make_pool([0] * 2 + [1] * 9 + [2] * 9, 3)
    found = draw_round(
        pool, [0.5, 0.3, 0.2, 0], 10, taken=np.zeros(20, dtype=bool), rng=np.random.default_rng(0)
    )
    assert found.allocated.tolist() == [2, 5, 3, 0]


@scale.examples(150)
@given(st.data())
def test_no_row_repeats_across_rounds_and_the_budget_is_spent_exactly(data):
    n_clusters = data.draw(st.integers(1, 8))
    n = data.draw(st.integers(4, 60))
    ids = data.draw(st.lists(st.integers(-1, n_clusters - 1), min_size=n, max_size=n))
    excluded = data.draw(st.sets(st.integers(0, n - 1), max_size=n - 1))
    quality = np.random.default_rng(data.draw(st.integers(0, 99))).random(n)
    quality[::5] = np.nan
    quality[1::7] = 0.0
    pool = make_pool(ids, n_clusters, quality=quality, excluded=excluded)
    rounds = data.draw(st.integers(1, 4))
    budget = data.draw(st.integers(rounds, n + 10))
    picks = play(pool, budget, rounds)
    rows = np.concatenate([found.rows for found in picks])
    assert len(np.unique(rows)) == len(rows)
    assert len(rows) == min(budget, n - len(excluded))
    assert len(rows) + sum(found.shortfall for found in picks) == budget
    assert not set(rows.tolist()) & excluded


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    pool = make_pool(np.arange(200) % 7, 7)
    one, again, other = (
        [found.rows.tolist() for found in play(pool, 30, 3, seed=seed)] for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_a_cluster_that_runs_out_gives_its_share_to_the_others():
    pool = make_pool([0] * 3 + [1] * 20, 2)
    picks = play(pool, 12, 2, weights=np.array([0.9, 0.1, 0.0]))
    assert sum(len(found.rows) for found in picks) == 12
    assert picks[1].allocated[0] == 0


def test_an_excluded_cluster_gives_nothing_even_when_all_others_are_empty():
    pool = make_pool([0] * 3 + [1] * 5, 2)
    found = draw_round(pool, [1.0, 0, 0], 6, taken=np.zeros(8, dtype=bool), rng=np.random.default_rng(0))
    assert sorted(found.rows.tolist()) == [0, 1, 2]
    assert found.shortfall == 3


def test_more_clusters_than_budget_is_no_obstacle():
    pool = make_pool(np.arange(40), 40)
    rows = np.concatenate([found.rows for found in play(pool, 6, 3)])
    assert len(set(rows.tolist())) == 6


def test_pinned_rows_come_first_and_count():
    pool = make_pool([0] * 10 + [1] * 10, 2, pinned=[3, 15])
    picks = play(pool, 6, 2)
    assert {3, 15} <= set(picks[0].rows.tolist())
    assert len(picks[0].rows) == 3


def test_every_group_is_heard_before_any_is_heard_twice():
    groups = np.array([0] * 6 + [1] * 2 + [2] * 4)
    order = spread_order(groups, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(12))
    heard = groups[order]
    assert set(heard[:3].tolist()) == {0, 1, 2}
    assert sorted(heard[:6].tolist()) == [0, 0, 1, 1, 2, 2]
    assert spread_order([], np.random.default_rng(0)).size == 0


def test_rows_are_flagged_by_each_rule_that_is_on():
    gap, confidence, ratio = [-0.1, 0.2, np.nan], [0.9, 0.1, np.nan], [1.0, 0.2, 0.4]
    found = flag_rows(
        gap=gap, confidence=confidence, weight_ratio=ratio, below_own=True, gamma=0.5, floor=0.5
    )
    assert list(zip(found.position.tolist(), found.reason, strict=True)) == [
        (0, "below_own_answer"), (1, "low_confidence"), (1, "low_cluster_weight"), (2, "low_cluster_weight"),
    ]  # fmt: skip
    assert found.value.tolist() == pytest.approx([-0.1, 0.1, 0.2, 0.4])
    margin = flag_rows(
        gap=[-3.0, -1.0, -1.0, -1.0, math.nan], confidence=None, weight_ratio=np.ones(5), below_own=True,
        margin_sd=1.0, gamma=None, floor=None,
    )  # fmt: skip
    assert margin.position.tolist() == [0]
    off = flag_rows(gap=gap, confidence=None, weight_ratio=ratio, below_own=False, gamma=math.nan, floor=None)
    assert off.position.size == 0
