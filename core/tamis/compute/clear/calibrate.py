"""From a score and a person's decisions to the probability of being bad, and what a threshold would catch.

A score here is higher for better rows. The curve is Platt's logistic one (Platt 1999) with the weakly informative
prior of Gelman et al. (2008) on a standardised score, forced to fall with the score. The order in which rows were
reviewed may depend on the score: the curve is conditional on it. Rows drawn by ``sample_for_review`` have known
inclusion probabilities, and give estimates that are unbiased without the curve being right (Horvitz and Thompson 1952).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betaincinv, expit

from tamis.compute.select.allocate import allocate
from tamis.types import Bools, Float64s, Int64s

MIN_DECISIONS = 20
LEVEL = 0.95
PRIOR_SD = (5.0, 2.5)  # of the intercept and of the slope per standard deviation of the score
N_DRAWS = 500
N_STRATA = 10
LOW_SCORE_FACTOR = 3.0  # how much denser the lowest stratum is sampled than the highest
_GROUPS = 400  # a population is summed up in so many groups of like scores; a slider redraws often


@dataclass(frozen=True, slots=True)
class NotEnough:
    """Too few decisions with a score for a curve, with what is missing in words."""

    n_decisions: int
    n_missing: int
    message: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted curve: intercept and slope (0 or below) of the log odds of bad over ``(score - centre) / scale``.

    ``draws``, shape (N_DRAWS, 2), are intercepts and slopes that the decisions leave possible.
    """

    n_decisions: int
    n_bad: int
    intercept: float
    slope: float
    centre: float
    scale: float
    draws: Float64s


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
    ``n_below`` and ``n_scored`` count rows. ``method`` is ``sample`` when rows drawn at known probabilities were
    counted, ``curve`` when the calibration was summed over all rows.
    """

    threshold: float
    n_below: int
    n_scored: int
    precision: ProbabilityEstimate
    recall: ProbabilityEstimate
    method: Literal["sample", "curve"]


def calibrate(
    scores: Float64s, is_bad: Bools, rng: np.random.Generator, *, inclusion: Float64s | None = None
) -> Calibration | NotEnough:
    """Fit the curve to decided rows; ``inclusion`` are their inclusion probabilities in (0, 1], if they were drawn.

    Rows without a score (NaN) are left out. Fewer than 20 rows, or scores that are all equal, are NotEnough. Raises
    ValueError for inclusion probabilities outside (0, 1].
    """
    weights = _weights(inclusion, len(scores))
    scored = np.isfinite(scores)
    values, bad, weights = scores[scored], is_bad[scored].astype(np.float64), weights[scored]
    if len(values) < MIN_DECISIONS:
        missing = MIN_DECISIONS - len(values)
        return NotEnough(
            len(values),
            missing,
            f"{len(values)} rows with a score are decided; {missing} more are needed for an estimate.",
        )
    centre, scale = float(values.mean()), float(values.std())
    if scale == 0:
        return NotEnough(
            len(values),
            1,
            f"All {len(values)} decided rows have the score {centre:g}; decide some with another score.",
        )
    weights = weights / weights.mean()
    coefficients, covariance = _fit(
        np.stack([np.ones(len(values)), (values - centre) / scale], axis=1), bad, weights
    )
    draws = rng.multivariate_normal(coefficients, covariance, size=N_DRAWS, method="cholesky")
    draws[:, 1] = np.minimum(draws[:, 1], 0.0)
    return Calibration(
        len(values), int(bad.sum()), float(coefficients[0]), float(coefficients[1]), centre, scale, draws
    )


def bad_probability(calibration: Calibration, scores: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """Probability of being bad at each score with its 95 % interval, each shape (n,); NaN where the score is NaN.

    All three fall or stay as the score grows.
    """
    x = (scores - calibration.centre) / calibration.scale
    value: Float64s = expit(calibration.intercept + calibration.slope * x)
    odds = calibration.draws[:, :1] + calibration.draws[:, 1:] * x
    low, high = expit(np.quantile(odds, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0))
    return value, low, high


def threshold_on_curve(
    calibration: Calibration, scores: Float64s, threshold: float, rng: np.random.Generator
) -> ThresholdEstimate:
    """Precision and recall over all rows from the curve; ``scores`` are those of every row, NaN rows are never dropped.

    The intervals hold both what the decisions leave open about the curve and the chance in which rows are bad.
    """
    scored = scores[np.isfinite(scores)]
    below = scored <= threshold
    n_below, n_above = int(below.sum()), int((~below).sum())
    inside = _expected_bad(calibration, scored[below], rng)
    outside = _expected_bad(calibration, scored[~below], rng)
    total = inside.possible + outside.possible
    return ThresholdEstimate(
        threshold,
        n_below,
        n_below + n_above,
        _summed(inside.value, n_below, inside.possible, np.full(N_DRAWS, float(n_below))),
        _summed(inside.value, inside.value + outside.value, inside.possible, total),
        "curve",
    )


def threshold_on_sample(
    scores: Float64s, sampled: Int64s, is_bad: Bools, inclusion: Float64s, threshold: float
) -> ThresholdEstimate:
    """Precision and recall over all rows from rows that were drawn at known probabilities.

    ``scores`` are those of every row; ``sampled``, ``is_bad`` and ``inclusion``, each shape (m,), are the drawn rows
    that are decided, how, and with which probability each was drawn. Both are ratios of unbiased totals; the intervals
    are Jeffreys' with the effective number of rows (Kish 1965). Raises ValueError for a probability outside (0, 1].
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
        _weighted_share(is_bad[below], weights[below]),
        _weighted_share(below[is_bad & scored], weights[is_bad & scored]),
        "sample",
    )


def bad_fraction(is_bad: Bools, inclusion: Float64s) -> ProbabilityEstimate:
    """Share of bad rows among all, from rows drawn at known probabilities; raises ValueError for one not in (0, 1]."""
    return _weighted_share(is_bad, _weights(inclusion, len(is_bad)))


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


@dataclass(frozen=True, slots=True)
class _Total:
    """The expected number of bad rows, and numbers that are possible, shape (N_DRAWS,)."""

    value: float
    possible: Float64s


def _fit(design: Float64s, bad: Float64s, weights: Float64s) -> tuple[Float64s, Float64s]:
    """Mode and covariance of intercept and slope; weighted rows get the covariance that survives weighting."""
    # Half a second to import, and nothing else of a review needs it.
    from scipy.optimize import minimize

    precision = 1.0 / np.square(PRIOR_SD)

    def loss(theta: Float64s) -> tuple[float, Float64s]:
        odds = design @ theta
        value = float(weights @ (np.logaddexp(0.0, odds) - bad * odds) + 0.5 * precision @ theta**2)
        return value, design.T @ (weights * (expit(odds) - bad)) + precision * theta

    start = np.array([0.0, -0.1])
    coefficients: Float64s = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(None, None), (None, 0.0)]
    ).x
    p = expit(design @ coefficients)
    inverse = np.linalg.inv(design.T @ (design * (weights * p * (1 - p))[:, None]) + np.diag(precision))
    if np.ptp(weights) == 0:
        return coefficients, inverse
    # The prior counts as one more observation, or a slope that no weight supports would seem certain.
    meat = design.T @ (design * (weights**2 * (bad - p) ** 2)[:, None]) + np.diag(precision)
    return coefficients, inverse @ meat @ inverse


def _expected_bad(calibration: Calibration, scores: Float64s, rng: np.random.Generator) -> _Total:
    if not len(scores):
        return _Total(0.0, np.zeros(N_DRAWS))
    groups = np.array_split(np.sort(scores), min(_GROUPS, len(scores)))
    sizes = np.array([len(group) for group in groups], dtype=np.float64)
    x = (np.array([group.mean() for group in groups]) - calibration.centre) / calibration.scale
    value = float(sizes @ expit(calibration.intercept + calibration.slope * x))
    p = expit(calibration.draws[:, :1] + calibration.draws[:, 1:] * x)
    chance = rng.normal(size=N_DRAWS) * np.sqrt((p * (1 - p)) @ sizes)
    return _Total(value, np.clip(p @ sizes + chance, 0.0, len(scores)))


def _summed(part: float, whole: float, parts: Float64s, wholes: Float64s) -> ProbabilityEstimate:
    if whole <= 0:
        return ProbabilityEstimate(np.nan, np.nan, np.nan)
    shares = parts[wholes > 0] / wholes[wholes > 0]
    if not len(shares):
        return ProbabilityEstimate(part / whole, 0.0, 1.0)
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return ProbabilityEstimate(part / whole, float(low), float(high))


def _weighted_share(hit: Bools, weights: Float64s) -> ProbabilityEstimate:
    if not len(hit):
        return ProbabilityEstimate(np.nan, np.nan, np.nan)
    value = float(weights[hit].sum() / weights.sum())
    n_effective = float(weights.sum() ** 2 / (weights**2).sum())
    hits = value * n_effective
    low = 0.0 if value == 0 else float(betaincinv(hits + 0.5, n_effective - hits + 0.5, (1 - LEVEL) / 2))
    high = 1.0 if value == 1 else float(betaincinv(hits + 0.5, n_effective - hits + 0.5, (1 + LEVEL) / 2))
    return ProbabilityEstimate(value, low, high)


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
