"""A rating as the mean of its answers' probabilities instead of the likeliest one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tamis.types import Float64s


def expected_rating(probabilities: Float64s, values: ArrayLike) -> Float64s:
    """``Σ value · probability`` of each row, shape (n,); NaN where a probability is (METHODS.md 4.1).

    ``probabilities`` (n, k) sums to 1 per row, ``values`` (k,) are what the answers stand for. Equal probabilities of
    1 to 6 give 3.5.
    """
    result: Float64s = probabilities @ np.asarray(values, dtype=np.float64)
    return result
