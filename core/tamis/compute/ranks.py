"""Ranks with ties shared, without the second that importing scipy.stats takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tamis.types import Float64s


def average_ranks(values: ArrayLike) -> Float64s:
    """Ranks (n,) from 1, equal values sharing the mean of theirs, as ``scipy.stats.rankdata`` gives them.

    ``values`` (n,) holds no NaN; infinities are ranked like any number.
    """
    numbers = np.asarray(values)
    _, group, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Float64s = ((2 * last - counts + 1) / 2)[group]
    return ranks


def normal_scores(values: ArrayLike) -> Float64s:
    """What a normal distribution has at the ranks of ``values`` (n,): its quantiles at rank / (n + 1) (van der Waerden 1952).

    NaN stays NaN and takes no rank, equal values share one; the order alone counts, so an extreme value weighs no more
    than the largest of n normal ones.
    """
    from scipy.special import ndtri

    numbers = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(numbers)
    scores: Float64s = np.full(numbers.shape, np.nan)
    scores[known] = ndtri(average_ranks(numbers[known]) / (known.sum() + 1))
    return scores
