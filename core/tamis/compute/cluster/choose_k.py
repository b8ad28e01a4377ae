"""Choosing k: silhouettes of the data minus those of a cloud without clusters (METHODS.md 1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tamis.compute.cluster.kmeans import Seeding, kmeans
from tamis.compute.cluster.lloyd import Fit, draw_seeds, few_trials, iterate, nearest_centroids
from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.errors import InvalidOptions
from tamis.types import Float32s, Float64s, Int64s

Null = Literal["gaussian", "permuted"]

MIN_K, MAX_K = 4, 1024
MIN_ROWS_PER_CLUSTER = 10  # of the default candidates
SILHOUETTE_ROWS = 3000  # whose distances to one another are taken
AS_GOOD = 0.01  # of the gap: how far below the best a k is about as good
RESTARTED_UP_TO = 32  # clusters: a single start of few clusters often ends in a bad optimum
_RESTARTS = 4
_SEED_ROWS = 2048  # of a start, or 4 k
_GREEDY_UP_TO = 128  # clusters; above, centroids are drawn several at once


@dataclass(frozen=True, slots=True)
class KScore:
    """What was measured at one k. Silhouettes are means over rows; NaN where one is not defined."""

    k: int
    simplified: float  # in [0, 1]
    standard: float  # in [-1, 1]
    null_simplified: float  # mean over the null clouds
    null_standard: float
    difference: float  # mean of the two silhouettes' gaps to their nulls: what is maximised
    chosen: bool


@dataclass(frozen=True, slots=True)
class KChoice:
    """The chosen number of clusters with the table it was chosen from."""

    k: int
    structure: bool  # False: no k separates the data from the null, and k is only a sensible size
    table: tuple[KScore, ...]  # in the order of k
    n_rows: int  # rows that were measured, a sample when the data is larger

    @property
    def as_good(self) -> tuple[int, ...]:
        """Every k whose gap is within AS_GOOD of the largest, itself among them; none where there is no structure."""
        best = max(row.difference for row in self.table)
        return (
            tuple(row.k for row in self.table if row.difference >= best - AS_GOOD) if self.structure else ()
        )


def simplified_silhouette(vectors: Float32s, centroids: Float32s) -> float:
    """Mean of (d2 - d1) / d2, with SQUARED distances of a row to its nearest and second nearest centroid.

    In [0, 1]; 0 for a row that sits on two centroids at once; NaN for fewer than two centroids. It rises with
    k even without any clusters, so it says something only beside a null. METHODS.md 1.2.
    """
    n, d = check_vectors(vectors)
    if len(centroids) < 2:
        return float("nan")
    norms = np.einsum("ij,ij->i", centroids, centroids)
    total = 0.0
    for rows in blocks(n, max(d, len(centroids))):
        block = block_of(vectors, rows)
        squared = np.einsum("ij,ij->i", block, block)[:, None] + norms - 2 * (block @ centroids.T)
        row, closest = np.arange(len(block)), squared.argmin(axis=1)
        first = np.maximum(squared[row, closest].astype(np.float64), 0)
        squared[row, closest] = np.inf
        second = np.maximum(squared.min(axis=1).astype(np.float64), 0)
        total += float(((second - first) / np.where(second > 0, second, 1)).sum())
    return total / n


def standard_silhouette(
    vectors: Float32s, cluster_id: NDArray[Any], *, max_rows: int = 3000, rng: np.random.Generator
) -> float:
    """Mean silhouette by Euclidean distance, in [-1, 1], on a random sample of at most ``max_rows`` rows.

    NaN where it is not defined: fewer than two clusters in the sample, or every row alone in its cluster.
    """
    from sklearn.metrics import silhouette_score

    n = len(vectors)
    rows = np.arange(n) if n <= max_rows else np.sort(rng.choice(n, size=max_rows, replace=False))
    labels = np.asarray(cluster_id)[rows]
    if not 2 <= np.unique(labels).size < rows.size:
        return float("nan")
    return float(silhouette_score(block_of(vectors, rows), labels))


def null_vectors(vectors: Float32s, *, kind: Null = "gaussian", rng: np.random.Generator) -> Float32s:
    """A cloud (n, d) of unit rows like ``vectors`` but without clusters.

    ``gaussian`` has the same mean and covariance; ``permuted`` shuffles every column by itself, which keeps
    the marginals and loses the correlations.
    """
    matrix = np.asarray(vectors, dtype=np.float32)
    if kind == "permuted":
        return unit_rows(rng.permuted(matrix, axis=0))
    mean = matrix.mean(axis=0)
    variances, directions = np.linalg.eigh(
        np.atleast_2d(np.cov(matrix, rowvar=False, bias=True)).astype(np.float64)
    )
    spread = (directions * np.sqrt(np.maximum(variances, 0))).astype(np.float32)
    normal = rng.standard_normal(matrix.shape, dtype=np.float32)
    return unit_rows(normal @ spread.T + mean)


def default_candidates(n: int) -> tuple[int, ...]:
    """Powers of two from 4 to min(n // 10, 1024); at least one, and none above n."""
    top = min(n // MIN_ROWS_PER_CLUSTER, MAX_K)
    powers = [2**i for i in range(2, 11) if 2**i <= top]
    return tuple(powers) if powers else (min(n, max(1, top), MIN_K),)


def choose_k(
    vectors: Float32s,
    candidates: Sequence[int] | None = None,
    *,
    seeding: Seeding = "greedy",
    n_null: int = 1,
    null: Null = "gaussian",
    min_gap: float = 0.02,
    max_rows: int = 20_000,
    n_iterations: int = 10,
    rng: np.random.Generator,
) -> KChoice:
    """Choose the k whose clusters of ``vectors`` (n, d) exceed those of a null cloud most.

    At each candidate k the simplified and the standard silhouette are measured on the data and on ``n_null``
    null clouds clustered alike; the k with the largest mean gap wins. When no gap reaches ``min_gap`` the
    data shows no clusters: ``structure`` is False and k is sqrt(n / 2), held inside the candidates. At most
    ``max_rows`` rows are measured, a sample from ``rng``. ``greedy`` starts the data's clusters four times for few
    clusters; ``faiss`` clusters with that library, as before. METHODS.md 1.2.

    Raises InvalidOptions for a candidate outside 1..n, CurationError for unusable vectors.
    """
    n, _ = check_vectors(vectors)
    rows = np.arange(n) if n <= max_rows else np.sort(rng.choice(n, size=max_rows, replace=False))
    sample = unit_rows(block_of(vectors, rows))
    ks = sorted(set(candidates)) if candidates else list(default_candidates(rows.size))
    bad = [k for k in ks if not 1 <= k <= rows.size]
    if bad:
        raise InvalidOptions(
            f"Cannot try {bad[0]} clusters on {rows.size} rows: give values from 1 to {rows.size}."
        )
    if n_null < 1:
        raise InvalidOptions(f"The number of null clouds is {n_null}: give 1 or more.")
    nulls = [null_vectors(sample, kind=null, rng=rng) for _ in range(n_null)]
    if seeding == "faiss":
        measured = [_measure_by_faiss(sample, k, n_iterations, rng) for k in ks]
        of_nulls = [[_measure_by_faiss(cloud, k, n_iterations, rng) for cloud in nulls] for k in ks]
        expected = [np.mean(one, axis=0) for one in of_nulls]
    else:
        measured = _measure(sample, ks, _RESTARTS, n_iterations, rng)
        expected = list(np.mean([_measure(cloud, ks, 1, n_iterations, rng) for cloud in nulls], axis=0))
    gaps = np.array([_gap(a, b) for a, b in zip(measured, expected, strict=True)])
    best = int(np.argmax(gaps))
    structure = bool(gaps[best] >= min_gap)
    k = ks[best] if structure else int(np.clip(round(np.sqrt(n / 2)), ks[0], ks[-1]))
    table = tuple(
        KScore(at, float(a[0]), float(a[1]), float(b[0]), float(b[1]), float(gap), at == k)
        for at, a, b, gap in zip(ks, measured, expected, gaps, strict=True)
    )
    return KChoice(k, structure, table, int(rows.size))


def _measure(
    cloud: Float32s, ks: Sequence[int], n_starts: int, n_iterations: int, rng: np.random.Generator
) -> list[Float64s]:
    """Simplified and standard silhouette at each k; ``n_starts`` where there are few clusters, and one where many."""
    rows = _some(len(cloud), SILHOUETTE_ROWS, rng)
    away = _distances(block_of(cloud, rows))
    used = cloud[np.any(cloud != 0, axis=1)]
    found = []
    for k in ks:
        starts = [
            _start(used if len(used) else cloud, k, n_iterations, rng)
            for _ in range(n_starts if k <= RESTARTED_UP_TO else 1)
        ]
        centroids = min(starts, key=lambda fit: fit.loss).centroids
        ids, _ = nearest_centroids(cloud[rows], centroids)
        found.append(np.array([simplified_silhouette(cloud, centroids), silhouette_of(away, ids)]))
    return found


def _start(cloud: Float32s, k: int, n_iterations: int, rng: np.random.Generator) -> Fit:
    sample = cloud[_some(len(cloud), max(_SEED_ROWS, 4 * k), rng)]
    seeds = draw_seeds(sample, k, trials=few_trials(k), greedy=k <= _GREEDY_UP_TO, rng=rng)
    return iterate(cloud, sample[seeds], n_iterations=n_iterations)


def _some(n: int, size: int, rng: np.random.Generator) -> Int64s:
    return np.arange(n) if n <= size else np.sort(rng.choice(n, size=size, replace=False))


def _distances(rows: Float32s) -> Float32s:
    """Euclidean distances (n, n) of unit rows."""
    squared = np.maximum(2 - 2 * (rows @ rows.T), 0)
    np.fill_diagonal(squared, 0)
    away: Float32s = np.sqrt(squared)
    return away


def silhouette_of(away: Float32s, cluster_id: NDArray[Any]) -> float:
    """Mean silhouette, in [-1, 1], of rows whose distances (n, n) are known, as ``standard_silhouette`` defines it.

    A row alone in its cluster counts as 0. NaN for fewer than two clusters, or every row alone.
    """
    _, ids, sizes = np.unique(cluster_id, return_inverse=True, return_counts=True)
    if not 2 <= sizes.size < ids.size:
        return float("nan")
    order = np.argsort(ids, kind="stable")
    # Rows of the matrix are gathered, not columns: it is symmetric, and they lie together.
    sums = np.add.reduceat(away[order], np.cumsum(sizes) - sizes, axis=0)
    row = np.arange(ids.size)
    within = sums[ids, row].astype(np.float64) / np.maximum(sizes[ids] - 1, 1)
    means = sums / sizes[:, None]
    means[ids, row] = np.inf
    nearest = means.min(axis=0)
    larger = np.maximum(within, nearest)
    value = np.where((sizes[ids] > 1) & (larger > 0), (nearest - within) / np.where(larger > 0, larger, 1), 0)
    return float(value.mean())


def _measure_by_faiss(cloud: Float32s, k: int, n_iterations: int, rng: np.random.Generator) -> Float64s:
    clusters = kmeans(
        cloud, k, seeding="faiss", n_iterations=n_iterations, n_restarts=1, max_points_per_centroid=len(cloud), rng=rng
    )  # fmt: skip
    return np.array(
        [
            simplified_silhouette(cloud, clusters.centroids),
            standard_silhouette(cloud, clusters.cluster_id, rng=rng),
        ]
    )


def _gap(measured: Float64s, expected: Float64s) -> float:
    """Mean of the gaps that are defined on both sides; 0 when neither is."""
    gaps = (measured - expected)[np.isfinite(measured - expected)]
    return float(gaps.mean()) if gaps.size else 0.0
