"""Weighted draws without replacement, by Gumbel noise (METHODS.md 1.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.compute.ranks import average_ranks
from tamis.errors import InvalidOptions
from tamis.types import NOISE, Float64s, Int64s

# Softmax keys below this are all "never by chance"; lower ones would swallow the Gumbel noise.
LOWEST_KEY = -1e12


def draw(log_weight: ArrayLike, m: int, rng: np.random.Generator) -> Int64s:
    """Draw ``m`` positions without replacement, with odds ``exp(log_weight)`` (n,), in the order drawn.

    The m largest of log weight + Gumbel noise follow the same law as one weighted draw after the other. -inf
    is drawn only when nothing else is left, and then at random. METHODS.md 1.8, ``draw``.

    Raises InvalidOptions when m is not in 0..n or a weight is NaN or +inf.
    """
    log_weight = np.asarray(log_weight, dtype=np.float64)
    if not 0 <= m <= log_weight.size:
        raise InvalidOptions(f"Cannot draw {m} of {log_weight.size} rows without replacement.")
    bad = np.flatnonzero(~(log_weight < np.inf))
    if bad.size:
        raise InvalidOptions(
            f"The log weight of row {bad[0]} is {log_weight[bad[0]]}: give a number or -inf."
        )
    noise = rng.gumbel(size=log_weight.size)
    order: Int64s = np.lexsort((-noise, -(log_weight + noise)))
    return order[:m]


@dataclass(frozen=True, slots=True)
class Odds:
    """How quality becomes the chance of a row inside its cluster.

    ``linear``: in proportion to quality, none for quality of 0 or less, so for scores that are never negative.
    ``rank``: in proportion to the rank among the rows that may be picked, 1 the worst, ties sharing theirs: the same
    rows for any score in that order. ``softmax``: to exp(quality / T), T in standard deviations of the quality of the
    rows that may be picked, or in units of the score itself where not ``in_spreads``.
    """

    kind: Literal["linear", "rank", "softmax"] = "linear"
    temperature: float = 1.0
    in_spreads: bool = True


LINEAR, RANK = Odds("linear"), Odds("rank")


def log_weights(
    quality: ArrayLike,
    cluster_id: ArrayLike,
    *,
    n_clusters: int,
    odds: Odds = LINEAR,
    available: ArrayLike | None = None,
) -> Float64s:
    """Log odds (n,) of each row inside its cluster; -inf is never drawn unless forced.

    ``available`` (n,) bool are the rows that may be picked, which ranks and spreads are taken over; all when None. A NaN
    quality means not scored: such a row gets the median of its cluster's scored rows, or of all rows where its cluster
    has none, or 1 where nothing is scored, so a missing score neither helps nor harms. ``cluster_id`` may hold -1.
    METHODS.md 1.1.

    Raises InvalidOptions for an infinite quality or a temperature that is not above 0, or when there is
    not one quality per cluster id.
    """
    quality, ids = np.asarray(quality, dtype=np.float64), np.asarray(cluster_id)
    if quality.shape != ids.shape:
        raise InvalidOptions(f"There are {quality.size} quality scores for {ids.size} rows: give one each.")
    bad = np.flatnonzero(np.isinf(quality))
    if bad.size:
        raise InvalidOptions(
            f"The quality of row {bad[0]} is {quality[bad[0]]}: give a finite number or NaN."
        )
    quality = _neutral_filled(quality, ids, n_clusters)
    if odds.kind == "linear":
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.maximum(quality, 0)))
    may = (
        np.ones(quality.shape, dtype=np.bool_) if available is None else np.asarray(available, dtype=np.bool_)
    )
    if odds.kind == "rank":
        return _log_ranks(quality, may)
    return _softmax(quality, may, odds)


def _log_ranks(quality: Float64s, available: NDArray[np.bool_]) -> Float64s:
    """Rows that may not be picked get odds too, those of the worst: they are never looked at."""
    ranks = np.ones(quality.shape)
    ranks[available] = average_ranks(quality[available])
    return np.asarray(np.log(ranks))


def _softmax(quality: Float64s, available: NDArray[np.bool_], odds: Odds) -> Float64s:
    temperature = odds.temperature
    if not (np.isfinite(temperature) and temperature > 0):
        raise InvalidOptions(f"The temperature is {temperature}: give a number above 0, or take linear odds.")
    if quality.size == 0:
        return quality
    scale = 1.0
    if odds.in_spreads and available.any():
        size = float(np.abs(quality[available]).max()) or 1.0  # so that no square overflows
        scale = size * float((quality[available] / size).std()) or 1.0
    with np.errstate(over="ignore"):
        # Shifted by the largest, so that nothing overflows.
        return np.asarray(np.maximum((quality - quality.max()) / (scale * temperature), LOWEST_KEY))


def _neutral_filled(quality: Float64s, ids: NDArray[Any], n_clusters: int) -> Float64s:
    missing = np.isnan(quality)
    if not missing.any():
        return quality
    scored = np.flatnonzero(~missing)
    if scored.size == 0:
        return np.ones_like(quality)
    medians = np.full(n_clusters + 1, np.median(quality[scored]))
    group = np.where(ids == NOISE, n_clusters, ids)
    order = scored[np.lexsort((quality[scored], group[scored]))]
    sizes = np.bincount(group[order], minlength=n_clusters + 1)
    start = np.cumsum(sizes) - sizes
    seen = np.flatnonzero(sizes)
    low, high = (start + (sizes - 1) // 2)[seen], (start + sizes // 2)[seen]
    medians[seen] = (quality[order[low]] + quality[order[high]]) / 2
    return np.where(missing, medians[group], quality)
