"""What sets selections of one pool apart: overlap, shares, coverage, diversity, distributions, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.neighbours import nearest_cosines
from tamis.compute.select.picks import Progress
from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.errors import InvalidOptions
from tamis.types import Float32s, Float64s, Int64s

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class CoverageSummary:
    """How near the pool is to the selection; vectors at unit length, distances Euclidean (cosine c is sqrt(2 - 2c))."""

    radius: float  # largest distance of a pool row to its nearest selected row: what k-center minimises
    farthest_row: int
    mean_distance: float
    facility_location: float  # mean over the pool of the highest cosine to a selected row, at least 0
    n_pool: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """A column over some rows; NaN values are counted and left out."""

    n: int
    n_missing: int
    mean: float  # NaN when there is no value
    quantiles: Float64s  # at QUANTILES


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with a percentile bootstrap interval; low and high are NaN for fewer than two values."""

    mean: float
    low: float
    high: float
    n: int


def jaccard(selections: Sequence[Int64s]) -> Float64s:
    """Shared rows over all rows of each two selections, shape (m, m), in 0..1; two empty ones are equal (1)."""
    sets = [np.unique(rows) for rows in selections]
    matrix = np.eye(len(sets))
    for i, left in enumerate(sets):
        for j in range(i):
            shared = np.intersect1d(left, sets[j], assume_unique=True).size
            union = left.size + sets[j].size - shared
            matrix[i, j] = matrix[j, i] = shared / union if union else 1.0
    return matrix


def only_in_one(selections: Sequence[Int64s]) -> list[Int64s]:
    """For each selection, the rows that no other one picked, ascending."""
    sets = [np.unique(rows) for rows in selections]
    if not sets:
        return []
    rows, counts = np.unique(np.concatenate(sets), return_counts=True)
    once = rows[counts == 1]
    return [np.intersect1d(mine, once, assume_unique=True) for mine in sets]


def coverage(
    vectors: Float32s, rows: Int64s, *, of: Int64s | None = None, progress: Progress | None = None
) -> CoverageSummary:
    """How near the rows in ``of`` (the whole pool when None, or a sample of it) are to the selected ``rows``.

    n x b cosines in blocks, at most about 200 MB beside the selected vectors. A zero vector that is not
    selected is at cosine 0 to everything. Raises InvalidOptions for an empty selection.
    """
    nearest = nearest_cosines(vectors, rows, of=of, progress=progress).astype(np.float64)
    distance = np.sqrt(2 - 2 * nearest)
    worst = int(np.argmax(distance))
    return CoverageSummary(
        radius=float(distance[worst]),
        farthest_row=worst if of is None else int(of[worst]),
        mean_distance=float(distance.mean()),
        facility_location=float(np.maximum(nearest, 0).mean()),
        n_pool=nearest.size,
    )


def vendi_score(vectors: Float32s, rows: Int64s | None = None) -> float:
    """Effective number of different rows: exp of the entropy of the eigenvalues of K / n, K the cosine kernel.

    1 when all are alike, n when all are orthogonal. X X^T / n and X^T X / n share their eigenvalues, so only
    a d x d matrix is decomposed. Zero vectors have no direction and are left out; 0 when nothing is left.
    Friedman and Dieng 2023, order 1.
    """
    _, d = check_vectors(vectors)
    rows = np.arange(vectors.shape[0]) if rows is None else rows
    gram, n = np.zeros((d, d)), 0
    for part in blocks(rows.size, 4 * d):
        block = unit_rows(block_of(vectors, rows[part])).astype(np.float64)
        n += int(np.count_nonzero(block.any(axis=1)))
        gram += block.T @ block
    return vendi_of_gram(gram, n)


def log_det_per_row(vectors: Float32s, rows: Int64s, ridge: float = 0.1) -> float:
    """Ln det of the cosines of ``rows`` (m,) plus ``ridge`` on the diagonal, over m: the volume that they span; NaN for none.

    By the outer products: det(XXᵀ + rI) = r^(m−d) det(XᵀX + rI), so it costs O(m d² + d³). METHODS.md 5.3.
    """
    _, d = check_vectors(vectors)
    if not rows.size:
        return float("nan")
    gram = np.zeros((d, d))
    for part in blocks(rows.size, d):
        units = unit_rows(block_of(vectors, rows[part])).astype(np.float64)
        gram += units.T @ units
    spanned = float(np.linalg.slogdet(gram + ridge * np.eye(d))[1])
    return (spanned + (rows.size - d) * float(np.log(ridge))) / rows.size


def vendi_of_gram(gram: Float64s, n: int) -> float:
    """The Vendi score of n rows from the sum of their outer products (d, d); 0 for no row."""
    if n == 0:
        return 0.0
    values = np.linalg.eigvalsh(gram / n)
    values = values[values > 1e-12]
    values /= values.sum()
    return float(np.exp(-(values * np.log(values)).sum()))


def cluster_entropy(cluster_id: ArrayLike, rows: Int64s) -> float:
    """Entropy in nats of the clusters of ``rows``, noise being one; 0 when all are in one cluster, or there is none."""
    _, counts = np.unique(np.asarray(cluster_id)[rows], return_counts=True)
    share = counts / max(1, counts.sum())
    return float(-(share * np.log(share)).sum()) + 0.0  # not -0.0


def distribution(values: ArrayLike, rows: Int64s) -> Distribution:
    """Mean and quantiles of a column such as quality or token count over ``rows``."""
    mine = np.asarray(values, dtype=np.float64)[rows]
    known = mine[~np.isnan(mine)]
    if known.size == 0:
        return Distribution(0, mine.size, float("nan"), np.full(len(QUANTILES), np.nan))
    return Distribution(
        known.size, mine.size - known.size, float(known.mean()), np.quantile(known, np.asarray(QUANTILES))
    )


def bootstrap_interval(
    values: ArrayLike, *, confidence_fraction: float = 0.95, n_resamples: int = 2000, rng: np.random.Generator
) -> Interval:
    """Percentile bootstrap interval of the mean of ``values``, one per seed; NaN values are left out.

    With few seeds such an interval is too narrow; ``n`` belongs beside it. Raises InvalidOptions for a
    confidence outside 0..1 or fewer than one resample.
    """
    if not 0 < confidence_fraction < 1:
        raise InvalidOptions(
            f"The confidence is {confidence_fraction}: give a fraction between 0 and 1, such as 0.95."
        )
    if n_resamples < 1:
        raise InvalidOptions(f"{n_resamples} resamples: give 1 or more; 2000 is usual.")
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    if known.size < 2:
        return Interval(
            float(known[0]) if known.size else float("nan"), float("nan"), float("nan"), known.size
        )
    means = np.empty(n_resamples)
    for part in blocks(n_resamples, known.size):
        means[part] = known[rng.integers(known.size, size=(part.stop - part.start, known.size))].mean(axis=1)
    tail = (1 - confidence_fraction) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(known.mean()), float(low), float(high), known.size)
