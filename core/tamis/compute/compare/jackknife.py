"""Intervals of diversity by leaving out parts: a bootstrap repeats rows, and repeats read as less diversity.

They cover the mean of the number over draws of as many rows from what the rows stand for, not the number of all rows,
which is higher: a larger draw is more diverse (METHODS.md 5.4).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from tamis.compute.compare.selections import Interval, cluster_entropy, vendi_of_gram, vendi_score
from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.types import Float32s, Float64s, Int64s

N_PARTS = 20
_ROWS_PER_PART = 2  # fewer, and the parts are no parts


def jackknife_interval(whole: float, without: Float64s, *, confidence_fraction: float = 0.95) -> Interval:
    """``whole`` with a delete-a-group jackknife interval, from its values (g,) with each of g equal parts left out.

    The interval is symmetric, by Student's t with g - 1 degrees of freedom (Efron and Tibshirani 1993, chapter 11).
    """
    g = without.size
    if g < 2:
        return Interval(whole, float("nan"), float("nan"), g)
    error = np.sqrt((g - 1) / g * ((without - without.mean()) ** 2).sum())
    reach = float(stdtrit(g - 1, 0.5 + confidence_fraction / 2) * error)
    return Interval(whole, whole - reach, whole + reach, g)


def vendi_interval(
    vectors: Float32s, rows: Int64s, *, confidence_fraction: float = 0.95, rng: np.random.Generator
) -> Interval:
    """The Vendi score of ``rows`` and an interval of its mean over independent draws of as many; vectors as in ``vendi_score``."""
    _, d = check_vectors(vectors)
    parts = _parts(rows, rng)
    if len(parts) < 2:
        return Interval(vendi_score(vectors, rows), float("nan"), float("nan"), len(parts))
    grams, counts = np.zeros((len(parts), d, d)), np.zeros(len(parts), dtype=np.int64)
    for i, part in enumerate(parts):
        for block in blocks(part.size, 4 * d):
            unit = unit_rows(block_of(vectors, part[block])).astype(np.float64)
            counts[i] += np.count_nonzero(unit.any(axis=1))
            grams[i] += unit.T @ unit
    gram, n = grams.sum(axis=0), int(counts.sum())
    without = [vendi_of_gram(gram - own, n - int(count)) for own, count in zip(grams, counts, strict=True)]
    interval = jackknife_interval(
        vendi_of_gram(gram, n), np.asarray(without), confidence_fraction=confidence_fraction
    )
    return _within(interval, 1.0, float(n))


def entropy_interval(
    cluster_id: ArrayLike, rows: Int64s, *, confidence_fraction: float = 0.95, rng: np.random.Generator
) -> Interval:
    """The entropy in nats of the clusters of ``rows`` and an interval of its mean over independent draws of as many."""
    parts = _parts(rows, rng)
    without = (
        [cluster_entropy(cluster_id, np.setdiff1d(rows, part)) for part in parts] if len(parts) > 1 else []
    )
    interval = jackknife_interval(
        cluster_entropy(cluster_id, rows), np.asarray(without), confidence_fraction=confidence_fraction
    )
    return _within(interval, 0.0, float(np.log(max(1, rows.size))))


def _within(interval: Interval, lowest: float, highest: float) -> Interval:
    """The interval without what the number cannot be; a symmetric one reaches beyond for few rows."""
    return replace(
        interval,
        low=float(np.clip(interval.low, lowest, highest)),
        high=float(np.clip(interval.high, lowest, highest)),
    )


def _parts(rows: Int64s, rng: np.random.Generator) -> list[Int64s]:
    n_parts = min(N_PARTS, rows.size // _ROWS_PER_PART)
    return np.array_split(rng.permutation(rows), n_parts) if n_parts > 1 else []
