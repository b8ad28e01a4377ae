"""Ranks with ties shared: the same numbers as scipy's, whose import they save."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import rankdata

from tamis.compute.ranks import average_ranks


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
