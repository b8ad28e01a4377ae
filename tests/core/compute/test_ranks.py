"""Ranks with ties shared: the same numbers as scipy's, whose import they save."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import norm, rankdata

from tamis.compute.ranks import average_ranks, normal_scores


@given(
    arrays(
        np.float64,
        array_shapes(max_dims=1, min_side=0, max_side=40),
        elements=st.sampled_from([-np.inf, np.inf, -1.5, -0.0, 0.0, 1e-300, 2.0, 3.0])
        | st.floats(allow_nan=False),
    )
)
def test_ranks_are_those_of_scipy(values: np.ndarray) -> None:
    assert average_ranks(values).tolist() == rankdata(values).tolist()


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert average_ranks([5.0, 1.0, 5.0, -np.inf]).tolist() == [3.5, 2.0, 3.5, 1.0]


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan)), max_size=40), st.floats(0.01, 100))
def test_normal_scores_are_the_quantiles_of_ranks_and_know_the_order_alone(values, scale):
    numbers = np.array(values)
    known = ~np.isnan(numbers)
    found = normal_scores(numbers)
    assert np.isnan(found[~known]).all()
    assert found[known] == pytest.approx(norm.ppf(rankdata(numbers[known]) / (known.sum() + 1)))
    rescaled = np.where(known, scale * np.nan_to_num(np.round(numbers)), math.nan)
    assert normal_scores(rescaled)[known] == pytest.approx(normal_scores(np.round(numbers))[known])
