"""Dividing a budget over clusters so that it is spent exactly (METHODS.md 1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.errors import InvalidOptions
from tamis.types import Float64s, Int64s

TIE_DECIMALS = 9  # remainders that differ by rounding noise alone count as tied
_WHOLE = 1 + 1e-9  # shares that were said in decimals may add up to a little more than all


def allocate(total: int, weights: ArrayLike, available: ArrayLike) -> Int64s:
    """Divide ``total`` over clusters by weight, by largest remainder, never beyond what a cluster has.

    ``weights`` (k,) are finite and not negative, of any sum; ``available`` (k,) are counts. What a full
    cluster cannot take goes to the others by their weights; when the weights of all open clusters are 0 they
    count as equal. Ties go to the lowest cluster id. The result (k,) sums to ``min(total, available.sum())``
    exactly: a caller that asked for more reports the difference. METHODS.md 1.8, ``quota``.

    Raises InvalidOptions for a negative total, and for the first weight or count that is negative or not
    finite.
    """
    weights, available = _checked(weights, available)
    if total < 0:
        raise InvalidOptions(f"The budget is {total}: give 0 or more.")
    total = min(int(total), int(available.sum()))
    share = np.zeros(available.size, dtype=np.int64)
    while left := total - int(share.sum()):
        open_ids = np.flatnonzero((available > share) & (weights > 0))
        if open_ids.size == 0:
            open_ids = np.flatnonzero(available > share)
        more = _largest_remainder(left, weights[open_ids])
        share[open_ids] = np.minimum(share[open_ids] + more, available[open_ids])
    return share


def allocate_with_floor(total: int, weights: ArrayLike, available: ArrayLike, least: ArrayLike) -> Int64s:
    """Divide as ``allocate`` does, but cluster j gets at least ``least[j]`` (k,), out of the total.

    Clusters whose share would be below their floor get exactly the floor; the others divide the rest.

    Raises InvalidOptions when the floors exceed the total, or a floor exceeds what its cluster has.
    """
    weights, available = _checked(weights, available)
    least = np.asarray(least, dtype=np.int64)
    over = np.flatnonzero(least > available)
    if over.size:
        j = int(over[0])
        raise InvalidOptions(
            f"Cluster {j} must give {least[j]} but has {available[j]}: lower what it must give."
        )
    if least.sum() > total:
        raise InvalidOptions(
            f"{least.sum()} are pinned but the budget is {total}: raise the budget or unpin some rows."
        )
    free = np.ones(least.size, dtype=bool)
    while True:
        share = least.copy()
        share[free] = allocate(total - int(least[~free].sum()), weights[free], available[free])
        short = free & (share < least)
        if not short.any():
            return share
        free &= ~short


def with_shares(weights: Float64s, shares: Mapping[int, float]) -> Float64s:
    """The ``weights`` (k,) changed so that a few groups, -1 the last, weigh just these fractions of all; sums to 1.

    The others divide what is left of 1 by their weights: METHODS.md 1.8. Raises InvalidOptions for a group that there is
    not, a fraction outside 0..1, and fractions that are more than 1 together.
    """
    for group, share in shares.items():
        if not -1 <= group < weights.size - 1:
            raise InvalidOptions(
                f"There is no cluster {group}: this clustering has 0 to {weights.size - 2}, and -1 for rows in none."
            )
        if not 0 <= share <= 1:
            raise InvalidOptions(
                f"The share of cluster {group} is {share:g}: give a fraction between 0 and 1."
            )
    total = sum(shares.values())
    if total > _WHOLE:
        raise InvalidOptions(f"The shares of clusters add up to {total:g}: at most 1 can be given away.")
    fixed = np.array([group % weights.size for group in shares], dtype=np.int64)
    given = weights.astype(np.float64)
    given[fixed] = 0.0
    rest = given.sum()
    given *= max(0.0, 1 - total) / rest if rest > 0 else 0.0
    given[fixed] = list(shares.values())
    return given


def _largest_remainder(left: int, weights: Float64s) -> Int64s:
    """Whole shares of ``left`` that sum to it; a cluster's cap is the caller's business."""
    if not weights.any():
        weights = np.ones_like(weights)
    weights = weights / weights.max()  # so that neither the sum nor the product overflows
    exact = left * (weights / weights.sum())
    share: Int64s = np.floor(exact).astype(np.int64)
    remainder = np.round(exact - share, TIE_DECIMALS)
    extra = left - int(share.sum())
    share[np.argsort(-remainder, kind="stable")[:extra]] += 1
    return share


def _checked(weights: ArrayLike, available: ArrayLike) -> tuple[Float64s, Int64s]:
    weights = np.asarray(weights, dtype=np.float64)
    counts: NDArray[Any] = np.asarray(available)
    if weights.ndim != 1 or weights.shape != counts.shape:
        raise InvalidOptions(
            f"There are {weights.size} weights for {counts.size} clusters: give one weight per cluster."
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise InvalidOptions(
            f"The weight of cluster {bad[0]} is {weights[bad[0]]}: weights must be finite and 0 or more."
        )
    bad = np.flatnonzero(~(counts >= 0))
    if bad.size:
        raise InvalidOptions(
            f"Cluster {bad[0]} has {counts[bad[0]]} rows available: counts must be 0 or more."
        )
    return weights, counts.astype(np.int64)
