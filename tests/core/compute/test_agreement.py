"""Dividing rows among people, and what agreement comes out where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.clear.agreement import divide_rows, measure_agreement
from tamis.errors import InvalidOptions


@pytest.mark.parametrize(("n_people", "overlap"), [(1, 0.0), (2, 0.0), (3, 0.2), (5, 1.0), (4, 0.33)])
def test_every_row_is_somebodys_and_so_many_are_twos(n_people, overlap):
    rows = np.arange(100, 350)
    shares = divide_rows(rows, n_people, overlap, np.random.default_rng(3))
    counts = np.bincount(np.concatenate(shares), minlength=350)
    assert (counts[:100] == 0).all()
    assert set(counts[100:]) <= {1, 2}
    assert (counts == 2).sum() == round(overlap * 250)
    assert max(map(len, shares)) - min(map(len, shares)) <= max(1, n_people - 1)
    again = divide_rows(rows, n_people, overlap, np.random.default_rng(3))
    assert all((one == other).all() for one, other in zip(shares, again, strict=True))
    assert all((np.diff(share) > 0).all() for share in shares)


@pytest.mark.parametrize(("n_people", "overlap"), [(0, 0.0), (2, 1.5), (2, -0.1), (1, 0.5)])
def test_what_cannot_be_divided_is_refused(n_people, overlap):
    with pytest.raises(InvalidOptions):
        divide_rows(np.arange(10), n_people, overlap, np.random.default_rng(0))


def test_agreement_of_known_verdicts():
    verdicts = np.array([[0, 0, 1, 1, 2, 0, 1, 0, 0, 1, 0, np.nan], [0, 0, 1, 0, 2, 0, 1, 0, 1, 1, 0, 1]])
    found = measure_agreement(["ann", "ben"], verdicts, np.random.default_rng(0))
    assert found.observed == pytest.approx(9 / 11)
    kappa = found.kappas["ann", "ben"]
    # p_o = 9/11; p_e = (6·6 + 4·4 + 1·1) / 121
    assert kappa.value == pytest.approx((9 / 11 - 53 / 121) / (1 - 53 / 121))
    assert kappa.n_rows == found.alpha.n_rows == 11
    assert kappa.low <= kappa.value <= kappa.high
    assert found.alpha.low <= found.alpha.value <= found.alpha.high


def test_one_verdict_alone_says_nothing_and_few_rows_have_no_interval():
    alike = measure_agreement(["a", "b"], np.zeros((2, 20)), np.random.default_rng(0))
    assert alike.observed == 1
    assert np.isnan(alike.alpha.value)
    few = measure_agreement(["a", "b"], np.array([[0.0, 1, 0, 1], [0, 1, 0, 0]]), np.random.default_rng(0))
    assert not np.isnan(few.alpha.value)
    assert np.isnan(few.alpha.low)
    none = measure_agreement(["a", "b"], np.full((2, 5), np.nan), np.random.default_rng(0))
    assert np.isnan(none.observed)
    assert none.alpha.n_rows == 0
    assert not none.kappas


def test_agreement_on_everything_still_has_a_lower_end():
    verdicts = np.tile([0.0, 1.0], (2, 20))
    found = measure_agreement(["a", "b"], verdicts, np.random.default_rng(0))
    assert found.alpha.value == 1
    assert 0.7 < found.alpha.low < 1
    assert found.alpha.high == 1
