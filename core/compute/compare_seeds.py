"""Methods beside each other, each drawn with one or more seeds: means over seeds with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.compute.compare import Interval
from core.types import Bools, Float64s, Int64s

N_RESAMPLES = 2000


def mean_over_seeds(
    values: Float64s, *, confidence_fraction: float = 0.95, rng: np.random.Generator
) -> tuple[Float64s, Float64s, Float64s]:
    """Mean, low and high (k,) of ``values`` (seeds, k); low and high are NaN for a single seed."""
    m, k = values.shape
    if m < 2:
        nothing = np.full(k, np.nan)
        return values.mean(axis=0), nothing, nothing
    means = rng.multinomial(m, np.full(m, 1 / m), size=N_RESAMPLES) @ values / m
    tail = (1 - confidence_fraction) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return values.mean(axis=0), low, high


def overlap_of_methods(
    jaccard: Float64s,
    left: Int64s,
    right: Int64s,
    *,
    independent: Bools,
    confidence_fraction: float = 0.95,
    rng: np.random.Generator,
) -> Interval:
    """Mean Jaccard index of the pairs of selections of two methods, or of one method with itself.

    ``jaccard`` (m, m) over all selections, ``left`` and ``right`` which of them belong to each method. A selection is
    not paired with itself unless it is alone. Pairs that are not ``independent`` (m, m), because they were drawn with
    one seed and share their luck, count only where there is no other pair. The interval resamples seeds of both.
    """
    usable = np.ones((left.size, right.size), dtype=bool)
    if left.size > 1 or right.size > 1:
        usable = left[:, None] != right[None, :]
    apart = usable & independent[np.ix_(left, right)]
    usable = apart if apart.any() else usable
    index = jaccard[np.ix_(left, right)]
    mean = float(index[usable].mean())
    if usable.sum() < 2:
        return Interval(mean, float("nan"), float("nan"), int(usable.sum()))
    same = np.array_equal(left, right)
    times_left = rng.multinomial(left.size, np.full(left.size, 1 / left.size), size=N_RESAMPLES)
    times_right = (
        times_left
        if same
        else rng.multinomial(right.size, np.full(right.size, 1 / right.size), size=N_RESAMPLES)
    )
    weight = np.einsum("ti,ij,tj->t", times_left, usable.astype(np.float64), times_right)
    total = np.einsum("ti,ij,tj->t", times_left, index * usable, times_right)
    means = total[weight > 0] / weight[weight > 0]
    tail = (1 - confidence_fraction) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), int(usable.sum()))


def only_in_one_group(n: int, selections: Sequence[Int64s], group: Sequence[int]) -> Int64s:
    """For each of ``n`` rows the one group that picked it (n,), -1 when none or several did."""
    only = np.full(n, -1, dtype=np.int64)
    several = np.zeros(n, dtype=bool)
    for rows, mine in zip(selections, group, strict=True):
        several[rows] |= (only[rows] != -1) & (only[rows] != mine)
        only[rows] = mine
    only[several] = -1
    return only
