"""Starts and iterations of spherical k-means by NumPy, over unit rows in memory (METHODS.md 1.2).

Lloyd's iteration with centroids held at length 1 (Dhillon and Modha 2001), from greedy k-means++ (Arthur and Vassilvitskii
2007, section 4: of several draws the one that lowers the loss most).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamis.compute.vectors import group_means, unit_rows
from tamis.types import Float32s, Int64s

SAMPLE_ROWS = 4096  # of one start
JUDGED_AFTER = 5  # iterations on the sample of a start
TRIALS = 32  # draws for each centre, of which one is kept
MANY_TRIALS_UP_TO = 128  # clusters; above, 2 + ln k draws cost enough and miss little
GREEDY_UP_TO = 1024  # clusters; above, several draws are kept at once
SETTLED = 0.005  # share of the rows that move in an iteration below which it is the last
_BLOCK_ROWS = 4096  # so that the cosines of a block stay in the cache between the product and the maximum
_SAME = 1e-6  # cosine distance that float32 does not tell from 0


class Fit(NamedTuple):
    """Centroids (k, d) of unit length and what is left: the mean cosine distance of the rows to the nearest of them."""

    centroids: Float32s
    loss: float


def best_fit(
    rows: Float32s, n_clusters: int, *, n_starts: int, n_iterations: int, rng: np.random.Generator
) -> Fit:
    """The best of ``n_starts`` after JUDGED_AFTER iterations on a sample of its own, carried on over all ``rows`` (m, d).

    Rows have unit length. Fewer centroids than ``n_clusters`` come back where fewer rows differ.
    """
    size = min(len(rows), max(SAMPLE_ROWS, 8 * n_clusters))
    trials = TRIALS if n_clusters <= MANY_TRIALS_UP_TO else few_trials(n_clusters)
    starts = []
    for _ in range(n_starts if n_clusters <= MANY_TRIALS_UP_TO else 1):
        sample = rows if size == len(rows) else rows[np.sort(rng.choice(len(rows), size=size, replace=False))]
        seeds = sample[
            draw_seeds(sample, n_clusters, trials=trials, greedy=n_clusters <= GREEDY_UP_TO, rng=rng)
        ]
        starts.append(iterate(sample, seeds, n_iterations=min(JUDGED_AFTER, n_iterations)))
    return iterate(rows, min(starts, key=lambda fit: fit.loss).centroids, n_iterations=n_iterations)


def few_trials(n_clusters: int) -> int:
    """Draws for each centre as scikit-learn takes them, 2 + ln k."""
    return 2 + int(math.log(max(n_clusters, 1)))


def draw_seeds(
    rows: Float32s, n_clusters: int, *, trials: int, greedy: bool, rng: np.random.Generator
) -> Int64s:
    """Row numbers (k,) to start from: each drawn in proportion to its cosine distance to the nearest one before it.

    ``greedy`` takes one at a time, the best of ``trials`` draws; otherwise a sixteenth of all at once. Ends early where no row
    is away from all seeds.
    """
    seeds = [int(rng.integers(len(rows)))]
    away = _away(rows, rows[seeds])[0]
    while len(seeds) < n_clusters:
        reach = np.cumsum(away, dtype=np.float64)
        if reach[-1] <= 0:
            break
        batch = trials if greedy else min(n_clusters - len(seeds), max(1, n_clusters // 16))
        drawn = np.searchsorted(reach, rng.random(batch) * reach[-1], side="right")
        drawn = np.unique(np.minimum(drawn, int(np.flatnonzero(away)[-1])))
        if greedy:
            left = np.minimum(_away(rows, rows[drawn]), away)
            best = int(left.sum(axis=1).argmin())
            drawn, away = drawn[best : best + 1], left[best]
        else:
            away = np.minimum(away, _away(rows, rows[drawn]).min(axis=0))
        seeds.extend(drawn.tolist())
    return np.array(seeds, dtype=np.int64)


def iterate(rows: Float32s, centroids: Float32s, *, n_iterations: int) -> Fit:
    """At most ``n_iterations`` of Lloyd's from ``centroids``, ending when fewer than SETTLED of the rows (m, d) move.

    A centroid that no row is nearest to becomes the row that is farthest from its own.
    """
    ids, cosine = nearest_centroids(rows, centroids)
    for _ in range(n_iterations):
        means = unit_rows(group_means(rows, ids, len(centroids)).astype(np.float32))
        # Rows that cancel out, or none, have no direction.
        centroids = np.where(means.any(axis=1, keepdims=True), means, centroids)
        _refill(rows, centroids, ids, cosine)
        before = ids
        ids, cosine = nearest_centroids(rows, centroids)
        if np.count_nonzero(ids != before) < SETTLED * len(rows):
            break
    return Fit(centroids, 1 - float(cosine.mean(dtype=np.float64)))


def nearest_centroids(rows: Float32s, centroids: Float32s) -> tuple[Int64s, Float32s]:
    """The centroid of highest cosine of each row, and that cosine, both (m,); ties go to the lowest."""
    ids = np.empty(len(rows), dtype=np.int64)
    cosine = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        products = rows[block] @ centroids.T
        ids[block] = products.argmax(axis=1)
        cosine[block] = np.take_along_axis(products, ids[block, None], axis=1)[:, 0]
    return ids, cosine


def _away(rows: Float32s, seeds: Float32s) -> Float32s:
    """Cosine distances (seeds, rows), exactly 0 for what float32 does not tell apart."""
    away: NDArray[np.float32] = np.subtract(1, seeds @ rows.T, dtype=np.float32)
    away[away < _SAME] = 0
    return away


def _refill(rows: Float32s, centroids: Float32s, ids: Int64s, cosine: Float32s) -> None:
    empty = np.flatnonzero(np.bincount(ids, minlength=len(centroids)) == 0)
    if empty.size:
        farthest = np.argsort(cosine, kind="stable")[: empty.size]
        farthest = farthest[1 - cosine[farthest] >= _SAME]
        centroids[empty[: farthest.size]] = rows[farthest]
