"""Win rates and Wilson's interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tamis.compute.compare.win_rate import wilson_interval, win_rate, win_rates


def test_wilsons_interval_has_known_values():
    # 8 of 10 at 95 %: 0.4902 to 0.9433 (Newcombe 1998's method 3).
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


@pytest.mark.parametrize(("won", "n"), [(0, 1), (3, 7), (8, 10), (250, 251), (500, 500)])
def test_wilsons_interval_of_whole_votes_is_that_of_scipy(won, n):
    known = binomtest(won, n).proportion_ci(method="wilson")
    assert wilson_interval(won, n) == pytest.approx((known.low, known.high))


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_rate_and_stays_inside_zero_and_one(n, data):
    won = data.draw(st.integers(0, 2 * n)) / 2
    low, high = wilson_interval(won, n)
    assert 0 <= low <= won / n + 1e-12
    assert won / n - 1e-12 <= high <= 1


def test_a_tie_is_half_a_win():
    rate = win_rate(["tuned", "tie", "base", "tie"], 3)
    assert (rate.n_votes, rate.n_won, rate.n_tied, rate.rate) == (4, 1, 2, 0.5)


def test_no_votes_have_no_rate():
    rate = win_rate([], 0)
    assert math.isnan(rate.rate)
    assert math.isnan(rate.low)


def test_rates_are_by_cluster():
    rates = win_rates(["tuned", "base", "tuned"], np.array([2, -1, 2]))
    assert [(r.cluster_id, r.n_votes, r.rate) for r in rates] == [(-1, 1, 0.0), (2, 2, 1.0)]
