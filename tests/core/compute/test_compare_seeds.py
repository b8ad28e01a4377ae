"""Intervals over seeds hold what they say, and overlaps count the right pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind, ttest_rel

from tamis.compute.compare.seeds import (
    difference_over_seeds,
    mean_over_seeds,
    only_in_one_group,
    overlap_of_methods,
    share_over_seeds,
)


@pytest.mark.parametrize("n_seeds", [2, 3, 5, 10])
def test_an_interval_over_few_seeds_holds_the_truth_as_often_as_it_says(n_seeds: int) -> None:
    values = np.random.default_rng(0).normal(7.0, 2.0, size=(n_seeds, 4000))
    _, low, high = mean_over_seeds(values, confidence_fraction=0.95)
    held = float(((low <= 7.0) & (high >= 7.0)).mean())
    assert held == pytest.approx(0.95, abs=0.015)


def test_one_seed_has_no_interval() -> None:
    mean, low, high = mean_over_seeds(np.array([[1.0, 2.0]]))
    assert mean.tolist() == [1.0, 2.0]
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("n_seeds", [3, 5])
@pytest.mark.parametrize("share", [0.005, 0.02, 0.1, 0.5, 0.98])
def test_an_interval_of_a_share_holds_the_truth_and_stays_inside_zero_and_one(
    n_seeds: int, share: float
) -> None:
    picked = np.random.default_rng(n_seeds).binomial(100, share, size=(n_seeds, 3000)) / 100
    mean, low, high = share_over_seeds(picked, 100)
    assert ((low >= 0) & (low <= mean) & (mean <= high) & (high <= 1)).all()
    assert ((low <= share) & (share <= high)).mean() >= 0.93
    _, plain_low, plain_high = mean_over_seeds(picked)
    if share == 0.02:
        assert ((plain_low < 0) | (plain_high > 1)).mean() > 0.3


def test_a_group_that_no_seed_picked_may_still_be_picked() -> None:
    mean, low, high = share_over_seeds(np.array([[0.0, 1.0, 0.3], [0.0, 1.0, 0.3]]), 50)
    assert (mean[0], low[0]) == (0, 0)
    assert 0 < high[0] < 0.05
    assert 0.95 < low[1] < high[1] == 1
    assert (low[2], high[2]) == (pytest.approx(0.3), pytest.approx(0.3))  # every seed picked as many
    assert np.isnan(share_over_seeds(np.array([[0.1]]), 50)[1]).all()


def test_a_difference_over_seeds_is_that_of_scipy_and_holds_the_truth() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 2, 5), rng.normal(0, 1, 4)
    theirs = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    found = difference_over_seeds(a, b, paired=False)
    assert (found.low, found.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
    theirs = ttest_rel(a[:4], b).confidence_interval(0.95)
    found = difference_over_seeds(a[:4], b, paired=True)
    assert (found.low, found.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
    theirs = ttest_1samp(a, 3.0).confidence_interval(0.95)
    found = difference_over_seeds(a, np.array([3.0]), paired=False)
    assert (found.low + 3, found.high + 3) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
    assert np.isnan(difference_over_seeds(np.ones(3), np.ones(3), paired=True).low)


def test_pairs_tell_what_arms_that_share_their_luck_differ_by_where_two_intervals_do_not() -> None:
    rng = np.random.default_rng(2)
    held = told = told_apart = 0
    for _ in range(600):
        luck = rng.normal(0, 1, 5)
        first, second = luck + rng.normal(0, 0.2, 5), luck + rng.normal(0, 0.2, 5) - 0.5
        found = difference_over_seeds(first, second, paired=True)
        held += found.low <= 0.5 <= found.high
        told += not found.low <= 0 <= found.high
        apart = difference_over_seeds(first, second, paired=False)
        told_apart += not apart.low <= 0 <= apart.high
    assert held / 600 == pytest.approx(0.95, abs=0.03)
    assert told > 5 * told_apart


def test_the_overlap_of_two_methods_is_the_mean_of_all_their_pairs() -> None:
    index = np.eye(4)
    index[:2, 2:] = [[0.2, 0.4], [0.6, 0.8]]
    index[2:, :2] = index[:2, 2:].T
    every = np.ones((4, 4), dtype=bool)
    found = overlap_of_methods(index, np.array([0, 1]), np.array([2, 3]), independent=every)
    assert (found.mean, found.n) == (pytest.approx(0.5), 4)
    assert 0 <= found.low < 0.5 < found.high <= 1


def test_a_method_with_itself_leaves_out_each_selection_with_itself() -> None:
    index = np.array([[1.0, 0.2, 0.3], [0.2, 1.0, 0.4], [0.3, 0.4, 1.0]])
    members = np.arange(3)
    found = overlap_of_methods(index, members, members, independent=np.ones((3, 3), dtype=bool))
    assert found.mean == pytest.approx(0.3)
    assert found.low < 0.3 < found.high


def test_pairs_that_share_their_luck_count_only_where_there_are_no_others() -> None:
    index = np.eye(4)
    index[:2, 2:] = [[0.9, 0.1], [0.1, 0.9]]
    index[2:, :2] = index[:2, 2:].T
    apart = np.ones((4, 4), dtype=bool)
    apart[[0, 1, 2, 3], [2, 3, 0, 1]] = False
    found = overlap_of_methods(index, np.array([0, 1]), np.array([2, 3]), independent=apart)
    assert found.mean == pytest.approx(0.1)
    assert (found.low, found.high, found.n) == (pytest.approx(0.1), pytest.approx(0.1), 2)
    alone = overlap_of_methods(index, np.array([0]), np.array([2]), independent=apart)
    assert alone.mean == pytest.approx(0.9)


def test_rows_of_one_group_only_are_told_by_group() -> None:
    picks = [np.array([0, 1]), np.array([1, 2]), np.array([2, 3])]
    assert only_in_one_group(5, picks, [0, 0, 1]).tolist() == [0, 0, -1, 1, -1]
