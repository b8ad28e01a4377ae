"""From a person's decisions about a drawn sample to shares of bad rows: by score, in all, and under a threshold.

A score here is higher for better rows. Rows drawn by ``sample_for_review`` have known inclusion probabilities, so shares
of them speak for all rows (Horvitz and Thompson 1952) whatever the score is worth. No curve is fitted: one that is not
of the right form is sure of what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from tamis.compute.select.allocate import allocate
from tamis.types import Bools, Float64s, Int64s

MIN_DECISIONS = 20
LEVEL = 0.95
BAND_ROWS, MAX_BANDS = 10, 8  # counted rows in a band of scores at least, and bands at most
N_STRATA = 10
LOW_SCORE_FACTOR = 3.0  # how much denser the lowest stratum is sampled than the highest


@dataclass(frozen=True, slots=True)
class NotEnough:
    """Too few counted rows with a score for an estimate, with what is missing in words."""

    n_decisions: int
    n_missing: int
    message: str


@dataclass(frozen=True, slots=True)
class ScoreBands:
    """Bands of scores, the lowest first, each shape (k,): a row is in the first whose ``end`` is not below its score.

    ``value`` is the estimated share of bad rows among the ``n_rows`` rows of a band, ``low`` and ``high`` its 95 %
    interval, ``n_counted`` how many decided rows of the sample it rests on. ``start`` is the lowest score of all rows or
    the end of the band before.
    """

    start: Float64s
    end: Float64s
    value: Float64s
    low: Float64s
    high: Float64s
    n_rows: Int64s
    n_counted: Int64s


@dataclass(frozen=True, slots=True)
class ProbabilityEstimate:
    """A value in [0, 1] and its 95 % interval; NaN where nothing says anything about it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ThresholdEstimate:
    """What dropping every row with a score at or below a threshold would do, as Auto-Filter does.

    ``precision`` is the share of bad rows among those dropped, ``recall`` the share of the bad rows that are dropped,
    ``n_below`` and ``n_scored`` count rows.
    """

    threshold: float
    n_below: int
    n_scored: int
    precision: ProbabilityEstimate
    recall: ProbabilityEstimate


def bad_by_score(
    scores: Float64s, sampled: Int64s, is_bad: Bools, inclusion: Float64s
) -> ScoreBands | NotEnough:
    """Share of bad rows in bands of scores that hold about 10 counted rows at least; arguments as in ``threshold_on_sample``.

    Fewer than 20 counted rows with a score, or scores that are all equal, are NotEnough. Raises ValueError for a
    probability outside (0, 1].
    """
    weights = _weights(inclusion, len(sampled))
    scored = np.isfinite(scores[sampled])
    mine, bad, weights = scores[sampled][scored], is_bad[scored], weights[scored]
    missing = MIN_DECISIONS - len(mine)
    if missing > 0:
        message = f"{len(mine)} rows of the unbiased sample with a score are counted; {missing} more are needed for an estimate."
        return NotEnough(len(mine), missing, message)
    if np.ptp(mine) == 0:
        message = (
            f"All {len(mine)} counted rows have the score {mine[0]:g}; it tells none of them from another."
        )
        return NotEnough(len(mine), 1, message)
    every = scores[np.isfinite(scores)]
    ends = _band_ends(mine, float(every.max()))
    place, of_all = np.searchsorted(ends, mine), np.searchsorted(ends, every)
    shares = [weighted_share(bad[place == band], weights[place == band]) for band in range(len(ends))]
    return ScoreBands(
        start=np.concatenate([[every.min()], ends[:-1]]),
        end=ends,
        value=np.array([one.value for one in shares]),
        low=np.array([one.low for one in shares]),
        high=np.array([one.high for one in shares]),
        n_rows=np.bincount(of_all, minlength=len(ends)).astype(np.int64),
        n_counted=np.bincount(place, minlength=len(ends)).astype(np.int64),
    )


def threshold_on_sample(
    scores: Float64s, sampled: Int64s, is_bad: Bools, inclusion: Float64s, threshold: float
) -> ThresholdEstimate:
    """Precision and recall over all rows from rows that were drawn at known probabilities.

    ``scores`` are those of every row; ``sampled``, ``is_bad`` and ``inclusion``, each shape (m,), are the drawn rows
    that are decided, how, and with which probability each was drawn. Both are ratios of unbiased totals. Raises
    ValueError for a probability outside (0, 1].
    """
    weights = _weights(inclusion, len(sampled))
    sample_scores = scores[sampled]
    scored = np.isfinite(sample_scores)
    below = (sample_scores <= threshold) & scored
    every = scores[np.isfinite(scores)]
    return ThresholdEstimate(
        threshold,
        int((every <= threshold).sum()),
        len(every),
        weighted_share(is_bad[below], weights[below]),
        weighted_share(below[is_bad & scored], weights[is_bad & scored]),
    )


def bad_fraction(is_bad: Bools, inclusion: Float64s) -> ProbabilityEstimate:
    """Share of bad rows among all, from rows drawn at known probabilities; raises ValueError for one not in (0, 1]."""
    return weighted_share(is_bad, _weights(inclusion, len(is_bad)))


def sample_for_review(
    scores: Float64s, n: int, rng: np.random.Generator, *, n_strata: int = N_STRATA
) -> tuple[Int64s, Float64s]:
    """Rows to review, ascending, and the probability with which each was drawn, both shape (n,) or all rows if fewer.

    Rows are cut into strata of equal size by their score, rows without one are a stratum of their own; low scores,
    where bad rows are expected, are drawn more densely, and every row has a chance. Raises ValueError for n below 1.
    """
    if n < 1:
        raise ValueError(f"n = {n} rows to review; at least 1 is needed")
    n = min(n, len(scores))
    strata = _strata(scores, min(n, n_strata))
    sizes = np.array([len(rows) for rows in strata], dtype=np.int64)
    # One row of every stratum first: a row that cannot be drawn would bias what is estimated.
    density = np.linspace(LOW_SCORE_FACTOR, 1.0, len(strata)) * sizes
    counts = 1 + allocate(n - len(strata), density, sizes - 1)
    rows = np.concatenate(
        [rng.choice(stratum, count, replace=False) for stratum, count in zip(strata, counts, strict=True)]
    )
    inclusion = np.repeat(counts / sizes, counts)
    order = np.argsort(rows)
    return rows[order], inclusion[order]


def counted_rows(order: Int64s, is_decided: Bools) -> Int64s:
    """Of a drawn sample in an order of chance, shape (m,), the rows that may be counted: those before the first undecided.

    Rows further on may have been decided because of their score, in another order of review or as part of a rule's
    leftovers; counting them, too, would favour such rows. A beginning of an order of chance is drawn like the whole,
    each row with its own probability times one factor for all, which shares do not depend on.
    """
    waiting = np.flatnonzero(~is_decided)
    return order[: waiting[0]] if len(waiting) else order


def weighted_share(hit: Bools, weights: Float64s) -> ProbabilityEstimate:
    """Share of hits (m,) weighted by ``weights`` (m,), with Clopper and Pearson's interval (1934) for the effective number
    of rows (Kish 1965), as Korn and Graubard (1998) have it: inside [0, 1], and never too narrow for few rows.
    """
    if not len(hit):
        return ProbabilityEstimate(np.nan, np.nan, np.nan)
    value = float(weights[hit].sum() / weights.sum())
    n_effective = float(weights.sum() ** 2 / (weights**2).sum())
    hits = value * n_effective
    tail = (1 - LEVEL) / 2
    low = float(betaincinv(hits, n_effective - hits + 1, tail)) if hit.any() else 0.0
    high = float(betaincinv(hits + 1, n_effective - hits, 1 - tail)) if not hit.all() else 1.0
    return ProbabilityEstimate(value, low, high)


def _band_ends(scores: Float64s, highest: float) -> Float64s:
    """Ends of bands with about as many of these scores each; equal scores stay in one band."""
    n_bands = int(np.clip(len(scores) // BAND_ROWS, 1, MAX_BANDS))
    places = (len(scores) * np.arange(1, n_bands) // n_bands) - 1
    inner = np.unique(np.sort(scores)[places])
    return np.append(inner[inner < scores.max()], highest)


def _weights(inclusion: Float64s | None, n: int) -> Float64s:
    if inclusion is None:
        return np.ones(n)
    wrong = ~((inclusion > 0) & (inclusion <= 1))
    if wrong.any():
        raise ValueError(f"inclusion probability {inclusion[wrong][0]} is not in (0, 1]")
    return 1.0 / inclusion


def _strata(scores: Float64s, n_strata: int) -> list[Int64s]:
    scored = np.flatnonzero(np.isfinite(scores))
    unscored = np.flatnonzero(~np.isfinite(scores))
    ordered = scored[np.argsort(scores[scored], kind="stable")]
    n_scored = max(1, n_strata - bool(len(unscored)))
    strata = [part for part in np.array_split(ordered, n_scored) if len(part)]
    if len(unscored) and len(strata) < n_strata:
        strata.append(unscored)
    elif len(unscored):
        strata[-1] = np.concatenate([strata[-1], unscored])
    return strata
