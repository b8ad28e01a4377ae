"""Cluster weights from round to round (arXiv 2409.11378, Eq. 4 to 6; METHODS.md 1.4, 1.7, 1.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.ranks import average_ranks
from tamis.errors import InvalidOptions
from tamis.types import Bools, Float64s, Int64s

FLOOR = 1e-6  # of the largest score: what Eq. 6 takes in place of a score that is not positive
SAME = 1e-9  # scores whose spread is below this part of their size differ by rounding alone
SHRINK_ROWS = 5.0  # n0 of METHODS.md 1.8: a cluster of so many scored rows is drawn half way to the mean
LEAST_COMMON = 3  # fewer clusters than this have no rank correlation


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person set by hand, one entry per cluster.

    ``boost`` (k,) multiplies the weight, 0 leaves the cluster out; ``pinned`` (k,) clusters keep their weight.
    """

    boost: Float64s
    pinned: Bools

    @staticmethod
    def none(n_clusters: int) -> Factors:
        """Nothing set."""
        return Factors(np.ones(n_clusters), np.zeros(n_clusters, dtype=np.bool_))


@dataclass(frozen=True, slots=True)
class ClusterScores:
    """Eq. 5 with what it is worth: mean and standard error of the scored rows of each cluster, shape (k,).

    The mean is NaN where no row was scored, the standard error where fewer than two were.
    """

    mean: Float64s
    standard_error: Float64s
    n_scored: Int64s


def first_weights(sizes: ArrayLike, first_round: Literal["proportional", "uniform"]) -> Float64s:
    """Weights (k,) that sum to 1 before any round: by size (the paper's text), or 1/k (its algorithm box).

    A cluster without rows gets 0. Raises InvalidOptions when no cluster has a row. METHODS.md 1.4.
    """
    counts = np.asarray(sizes, dtype=np.float64)
    if not counts.sum() > 0:
        raise InvalidOptions("No row is left to select from: widen the filter, or exclude fewer rows.")
    raw = counts if first_round == "proportional" else (counts > 0).astype(np.float64)
    weights: Float64s = raw / raw.sum()
    return weights


def cluster_scores(gap: ArrayLike, cluster_id: ArrayLike, n_clusters: int) -> ClusterScores:
    """Mean gap between the given and the generated answer per cluster (Eq. 5); NaN gaps are left out.

    ``gap`` (n,), ``cluster_id`` (n,) in 0..n_clusters-1. Raises InvalidOptions when they do not match.
    """
    values, ids = np.asarray(gap, dtype=np.float64), np.asarray(cluster_id, dtype=np.int64)
    if values.shape != ids.shape:
        raise InvalidOptions(f"There are {values.size} scores for {ids.size} rows: give one per row.")
    known = np.isfinite(values)
    values, ids = values[known], ids[known]
    n = np.bincount(ids, minlength=n_clusters)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(ids, weights=values, minlength=n_clusters) / n
        squares = np.bincount(ids, weights=(values - mean[ids]) ** 2, minlength=n_clusters)
        error = np.where(n > 1, np.sqrt(squares / (n - 1) / n), np.nan)
    return ClusterScores(mean, error, n.astype(np.int64))


def shrink(mean: ArrayLike, n_scored: ArrayLike, n0: float = SHRINK_ROWS) -> Float64s:
    """Cluster means (k,) drawn towards the mean of all scored rows: ``n/(n+n0)`` of their own (METHODS.md 1.8).

    NaN stays NaN. ``n0`` 0 changes nothing.
    """
    values, n = np.asarray(mean, dtype=np.float64), np.asarray(n_scored, dtype=np.float64)
    seen = np.isfinite(values) & (n > 0)
    if not seen.any():
        return values.copy()
    overall = np.average(values[seen], weights=n[seen])
    shrunken = np.full(values.shape, np.nan)
    own = n[seen] / (n[seen] + n0)
    shrunken[seen] = own * values[seen] + (1 - own) * overall
    return shrunken


def standardised(scores: ArrayLike) -> Float64s:
    """Scores less their mean in units of their standard deviation, 0 where NaN and where all are alike."""
    values = np.asarray(scores, dtype=np.float64)
    z = np.zeros(values.shape)
    seen = np.isfinite(values)
    if not seen.any():
        return z
    largest = float(np.abs(values[seen]).max())
    if not largest > 0:
        return z
    scaled = values[seen] / largest  # so that no square overflows
    spread = float(scaled.std())
    if spread > SAME:
        z[seen] = (scaled - scaled.mean()) / spread
    return z


def update_weights(
    weights: ArrayLike,
    scores: ArrayLike,
    n_scored: ArrayLike,
    *,
    mode: Literal["tamis", "paper", "released"] = "tamis",
    tau: float = 1.0,
    w_min_factor: float = 0.1,
    w_max_factor: float = 10.0,
    factors: Factors | None = None,
) -> Float64s:
    """Weights (k,) after a round by the rules of before, never negative or NaN and summing to 1.

    Not what a refinement does by default: these look at one round's scores and multiply round after round, so that on
    scores that are noise alone the weights collapse onto few clusters. Call ``pooled_effects`` of all rounds' evidence
    and ``tilted_weights`` instead (modes ``pooled`` and, with a test of whether chance explains the effects, ``tested``).

    ``paper``: ``w·s/Σs`` (Eq. 6) renormalised, a score that is not positive counting as almost nothing.
    ``released``: the softmax of ``scores/tau``, the old weights unused, as the authors' code meant. ``tamis``:
    ``w·exp(z/tau)`` of the standardised scores, held between ``w_min_factor/k`` and ``w_max_factor/k``; a weight that
    was beyond a bound before may stay, and moves no further out. Clusters without a score (NaN, or ``n_scored`` 0),
    and those pinned in ``factors``, keep their weight exactly; the others divide what these leave. Boosts are not
    applied here but when rows are drawn (``apply_factors``), so they do not add up over rounds. METHODS.md 1.8.

    Raises InvalidOptions for weights that are negative, not finite or all 0, and a tau that is not above 0.
    """
    before = checked_weights(weights)
    values = np.asarray(scores, dtype=np.float64)
    free = np.isfinite(values) & (np.asarray(n_scored) > 0) & (before > 0)
    z = standardised(np.where(free, values, np.nan))
    if factors is not None:
        free &= ~factors.pinned
    if not free.any():
        return before
    if not (np.isfinite(tau) and tau > 0):
        raise InvalidOptions(f"tau = {tau}: give a number above 0.")
    mass = float(before[free].sum())
    after = before.copy()
    if mode == "paper":
        after[free] = _shared_out(np.log(before[free]) + np.log(_positive(values[free])), mass)
    elif mode == "released":
        after[free] = _shared_out(values[free] / tau, mass)
    else:
        k = int((before > 0).sum())
        least = np.minimum(w_min_factor / k, before[free])
        most = np.maximum(w_max_factor / k, before[free])
        after[free] = within_bounds(np.log(before[free]) + z[free] / tau, mass, least, most)
    result: Float64s = after / after.sum()
    return result


def apply_factors(weights: ArrayLike, factors: Factors) -> Float64s:
    """Weights (k,) as they are drawn by: pinned ones as they are, the others times their factor and scaled to fit.

    Raises InvalidOptions when nothing is left.
    """
    raw = checked_weights(weights)
    kept = np.where(factors.pinned, raw, 0.0)
    moved = np.where(factors.pinned, 0.0, raw * factors.boost)
    if moved.sum() > 0:
        moved *= (1 - kept.sum()) / moved.sum()
    drawn = kept + moved
    if not drawn.sum() > 0:
        raise InvalidOptions("Every cluster with rows is excluded: leave at least one in.")
    result: Float64s = drawn / drawn.sum()
    return result


def rank_correlation(one: ArrayLike, other: ArrayLike) -> float:
    """Spearman's correlation over the clusters that both have a score for.

    NaN for fewer than three of them, and where either side gives all of them the same score.
    """
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < LEAST_COMMON:
        return float("nan")
    left, right = average_ranks(a[both]), average_ranks(b[both])
    if left.std() == 0 or right.std() == 0:
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])


def movers(start: ArrayLike, end: ArrayLike, limit: int = 10) -> tuple[Int64s, Int64s]:
    """The clusters whose weight rose and fell most, by ratio, strongest first; at most ``limit`` of each.

    A weight that was 0 before has not moved: there is nothing to compare it with.
    """
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    ratio = np.ones(first.shape)
    np.divide(last, first, out=ratio, where=first > 0)
    order = np.argsort(-ratio, kind="stable")
    up, down = order[ratio[order] > 1 + SAME], order[::-1][ratio[order[::-1]] < 1 - SAME]
    return up[:limit].astype(np.int64), down[:limit].astype(np.int64)


def fallen_fraction(budget: ArrayLike, start: ArrayLike, end: ArrayLike, below: float = 0.5) -> float:
    """Share of the picked rows (``budget``, per cluster) in clusters that ended below ``below`` times their weight.

    NaN when nothing was picked.
    """
    rows = np.asarray(budget, dtype=np.float64)
    fallen = np.asarray(end, dtype=np.float64) < below * np.asarray(start, dtype=np.float64)
    return float(rows[fallen].sum() / rows.sum()) if rows.sum() > 0 else float("nan")


def checked_weights(weights: ArrayLike) -> Float64s:
    """The weights (k,) summing to 1; raises InvalidOptions where one is negative or not finite, or all are 0."""
    values = np.asarray(weights, dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        raise InvalidOptions(
            f"The weight of cluster {bad[0]} is {values[bad[0]]}: weights must be finite and 0 or more."
        )
    if not values.sum() > 0:
        raise InvalidOptions("All cluster weights are 0: at least one must be above.")
    result: Float64s = values / values.sum()
    return result


def _positive(scores: Float64s) -> Float64s:
    largest = float(scores.max())
    if not largest > 0:
        return np.ones_like(scores)
    positive: Float64s = np.maximum(scores, FLOOR * largest) / largest
    return positive


def _shared_out(logs: Float64s, mass: float) -> Float64s:
    """``mass`` divided in proportion to exp(logs)."""
    parts = np.exp(logs - logs.max())
    shared: Float64s = mass * parts / parts.sum()
    return shared


def within_bounds(logs: Float64s, mass: float, least: Float64s, most: Float64s) -> Float64s:
    """``mass`` divided in proportion to exp(logs), each share held between its bounds.

    Clipping and then scaling once would break the bounds again; here the common scale is searched for at which the
    clipped shares sum to ``mass``. It exists because the old weights are within the bounds and sum to ``mass``.
    """
    shared = _shared_out(logs, mass)
    if (shared >= least).all() and (shared <= most).all():
        return shared
    low, high = float((np.log(least) - logs).min()), float((np.log(most) - logs).max())
    for _ in range(100):
        middle = (low + high) / 2
        if _clipped(logs + middle, least, most).sum() < mass:
            low = middle
        else:
            high = middle
    return _clipped(logs + high, least, most)


def _clipped(logs: Float64s, least: Float64s, most: Float64s) -> Float64s:
    # The exponent is bounded first, so that a small tau cannot overflow.
    clipped: Float64s = np.clip(np.exp(np.minimum(logs, np.log(most))), least, most)
    return clipped
