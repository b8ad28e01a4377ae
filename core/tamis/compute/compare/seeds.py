"""Methods beside each other, each drawn with one or more seeds: means over seeds with intervals.

The intervals are Student's t, not a bootstrap: with the few seeds that anybody draws, a bootstrap over them holds the
truth far less often than it says (3 seeds: 74 of 100 times instead of 95, measured on normal numbers).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from tamis.compute.compare.selections import Interval
from tamis.types import Bools, Float64s, Int64s


def mean_over_seeds(
    values: Float64s, *, confidence_fraction: float = 0.95
) -> tuple[Float64s, Float64s, Float64s]:
    """Mean, low and high (k,) of ``values`` (seeds, k); low and high are NaN for a single seed."""
    m, k = values.shape
    mean = values.mean(axis=0)
    if m < 2:
        return mean, np.full(k, np.nan), np.full(k, np.nan)
    reach = stdtrit(m - 1, 0.5 + confidence_fraction / 2) * values.std(axis=0, ddof=1) / np.sqrt(m)
    return mean, mean - reach, mean + reach


def share_over_seeds(
    shares: Float64s, n_picked: int, *, confidence_fraction: float = 0.95
) -> tuple[Float64s, Float64s, Float64s]:
    """Mean, low and high (k,) of ``shares`` (seeds, k) in [0, 1] of selections of ``n_picked`` rows; the interval is, too.

    Wilson's (1927) with Student's t for the normal quantile and the number of rows that would vary as the seeds do
    (p (1 − p) over the variance of the mean): a plain t interval leaves [0, 1] for rare groups. A group that no seed or
    every seed picked alone has Wilson's interval over all picks. NaN for a single seed.
    """
    from scipy.stats import binomtest

    m, k = shares.shape
    mean: Float64s = shares.mean(axis=0)
    if m < 2:
        return mean, np.full(k, np.nan), np.full(k, np.nan)
    spread = mean * (1 - mean)
    variance = shares.var(axis=0, ddof=1) / m
    quantile = float(stdtrit(m - 1, 0.5 + confidence_fraction / 2))
    pull = quantile**2 * np.divide(variance, spread, out=np.zeros(k), where=spread > 0)
    middle = (mean + pull / 2) / (1 + pull)
    half = np.sqrt(pull * spread + pull**2 / 4) / (1 + pull)
    low, high = np.maximum(0.0, middle - half), np.minimum(1.0, middle + half)
    total = max(1, m * n_picked)
    none = binomtest(0, total).proportion_ci(confidence_fraction, method="wilson").high
    high = np.where(mean <= 0, none, high)
    low = np.where(mean >= 1, 1 - none, low)
    return mean, low, high


def difference_over_seeds(
    first: Float64s,
    second: Float64s,
    *,
    paired: bool,
    confidence_fraction: float = 0.95,
    n_methods: int = 2,
) -> Interval:
    """Mean of ``first`` (a,) less that of ``second`` (b,), each a value per seed, with Student's t interval.

    ``paired``: values of one seed stand at one place, and share its random numbers. Otherwise seeds are independent
    (Welch 1947), and a single value is one that no chance is in. NaN bounds where neither has two values, or all are
    equal. Where one of the two was picked among ``n_methods`` after looking, all their pairs hold the truth together
    (Bonferroni): of equal methods the best and the worst one always seem to differ, and any two could have been these.
    """
    if paired:
        differences = first - second
        mean, n, parts = float(differences.mean()), differences.size, [differences]
    else:
        mean, n = float(first.mean() - second.mean()), first.size + second.size
        parts = [one for one in (first, second) if one.size > 1]
    errors = [float(part.var(ddof=1)) / part.size if part.size > 1 else 0.0 for part in parts]
    variance = sum(errors)
    if not variance > 0:
        return Interval(mean, float("nan"), float("nan"), n)
    freedom = variance**2 / sum(e**2 / (part.size - 1) for e, part in zip(errors, parts, strict=True))
    n_pairs = n_methods * (n_methods - 1) / 2
    reach = float(stdtrit(freedom, 1 - (1 - confidence_fraction) / 2 / n_pairs) * np.sqrt(variance))
    return Interval(mean, mean - reach, mean + reach, n)


def overlap_of_methods(
    jaccard: Float64s,
    left: Int64s,
    right: Int64s,
    *,
    independent: Bools,
    confidence_fraction: float = 0.95,
) -> Interval:
    """Mean Jaccard index of the pairs of selections of two methods, or of one method with itself.

    ``jaccard`` (m, m) over all selections, ``left`` and ``right`` which of them belong to each method. A selection is
    not paired with itself unless it is alone. Pairs that are not ``independent`` (m, m), because they share their luck,
    count only where there is no other pair. The interval leaves out one seed of either method at a time (jackknife).
    """
    usable = np.ones((left.size, right.size), dtype=bool)
    if left.size > 1 or right.size > 1:
        usable = left[:, None] != right[None, :]
    apart = usable & independent[np.ix_(left, right)]
    usable = apart if apart.any() else usable
    index = jaccard[np.ix_(left, right)]
    mean, n = float(index[usable].mean()), int(usable.sum())
    if np.array_equal(left, right):
        parts = [_mean_without(index, usable, i, i) for i in range(left.size)]
        groups = [parts] if left.size > 2 else []
    else:
        of_left = [_mean_without(index, usable, i, None) for i in range(left.size)]
        of_right = [_mean_without(index, usable, None, j) for j in range(right.size)]
        groups = [parts for parts in (of_left, of_right) if len(parts) > 1]
    if not groups or any(np.isnan(parts).any() for parts in groups):
        return Interval(mean, float("nan"), float("nan"), n)
    variance = sum((len(p) - 1) / len(p) * float(((np.array(p) - np.mean(p)) ** 2).sum()) for p in groups)
    freedom = min(len(parts) for parts in groups) - 1
    reach = float(stdtrit(freedom, 0.5 + confidence_fraction / 2) * np.sqrt(variance))
    return Interval(mean, max(0.0, mean - reach), min(1.0, mean + reach), n)


def only_in_one_group(n: int, selections: Sequence[Int64s], group: Sequence[int]) -> Int64s:
    """For each of ``n`` rows the one group that picked it (n,), -1 when none or several did."""
    only = np.full(n, -1, dtype=np.int64)
    several = np.zeros(n, dtype=bool)
    for rows, mine in zip(selections, group, strict=True):
        several[rows] |= (only[rows] != -1) & (only[rows] != mine)
        only[rows] = mine
    only[several] = -1
    return only


def _mean_without(index: Float64s, usable: Bools, i: int | None, j: int | None) -> float:
    """Mean of the usable pairs without seed ``i`` of the rows and ``j`` of the columns; NaN when none is left."""
    kept = usable.copy()
    if i is not None:
        kept[i, :] = False
    if j is not None:
        kept[:, j] = False
    return float(index[kept].mean()) if kept.any() else float("nan")
