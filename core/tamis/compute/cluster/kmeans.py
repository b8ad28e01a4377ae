"""Spherical k-means: trained on a sample if large, then every row assigned (METHODS.md 1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tamis.compute.cluster.lloyd import best_fit
from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.errors import CurationError
from tamis.types import Float32s, Int32s, Int64s

MIN_POINTS_PER_CENTROID = 1  # faiss only warns below this; small datasets are ordinary here
SEED_LIMIT = 2**31 - 1  # faiss takes a C int

Seeding = Literal["greedy", "faiss"]


@dataclass(frozen=True, slots=True)
class KMeans:
    """A partition of all rows, clusters ordered by size so that cluster 0 is the largest."""

    centroids: Float32s  # (k, d) unit length; zero only when every vector is zero
    cluster_id: Int32s  # (n,) in 0..k-1, every id used
    distance: Float32s  # (n,) cosine distance 1 - cos to the own centroid, in [0, 2]; 1 for a zero vector
    n_train: int  # rows the centroids were trained on
    seed: int  # of the training, drawn from the generator

    @property
    def n_clusters(self) -> int:
        """Clusters that hold rows; fewer than asked for when there are fewer distinct vectors."""
        return int(self.centroids.shape[0])


def kmeans(
    vectors: Float32s,
    n_clusters: int,
    *,
    seeding: Seeding = "greedy",
    n_iterations: int = 30,
    n_restarts: int = 4,
    max_points_per_centroid: int = 256,
    rng: np.random.Generator,
) -> KMeans:
    """Divide ``vectors`` (n, d) into at most ``n_clusters`` by cosine, starting from k-means++.

    Vectors need not have unit length. At most ``max_points_per_centroid * n_clusters`` rows train the
    centroids, a sample from ``rng``; all rows are assigned afterwards, so ``vectors`` may be memory-mapped.
    ``greedy`` judges ``n_restarts`` starts on a sample and carries the best one on (``lloyd.best_fit``); ``faiss``, the
    rule of before, makes as many whole runs with that library. Clusters that end up empty (fewer distinct vectors than
    clusters) are dropped and ids closed up. Zero vectors take no part in the training and go to cluster 0. The same
    generator state gives the same result. Paper section 3.1.

    Raises CurationError when n_clusters is not in 1..n or a vector holds NaN or infinity.
    """
    n, d = check_vectors(vectors)
    if not 1 <= n_clusters <= n:
        raise CurationError(f"Cannot make {n_clusters} clusters of {n} rows: choose a number from 1 to {n}.")
    seed = int(rng.integers(SEED_LIMIT))
    size = min(n, n_clusters * max_points_per_centroid)
    chosen = np.arange(n) if size == n else np.sort(rng.choice(n, size=size, replace=False))
    train = unit_rows(block_of(vectors, slice(None) if size == n else chosen))
    train = train[np.any(train != 0, axis=1)]
    k = min(n_clusters, max(1, len(train)))
    if len(train) == 0:
        centroids = np.zeros((1, d), dtype=np.float32)
    elif seeding == "faiss":
        centroids = _train_faiss(train, k, n_iterations=n_iterations, n_restarts=n_restarts, seed=seed)
    else:
        own = np.random.default_rng(seed)
        centroids = best_fit(train, k, n_starts=n_restarts, n_iterations=n_iterations, rng=own).centroids
    return _ordered(vectors, centroids, n_train=len(train), seed=seed)


def _train_faiss(train: Float32s, k: int, *, n_iterations: int, n_restarts: int, seed: int) -> Float32s:
    """Centroids by whole runs of faiss, the best of them kept: how clusterings were made before ``seeding`` was named."""
    import faiss

    trainer = faiss.Kmeans(
        train.shape[1],
        k,
        niter=n_iterations,
        nredo=n_restarts,
        seed=seed,
        spherical=True,
        verbose=False,
        init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
        max_points_per_centroid=len(train),  # the sample is drawn already
        min_points_per_centroid=MIN_POINTS_PER_CENTROID,
    )
    trainer.train(train)
    return unit_rows(np.asarray(trainer.centroids))


def assign(vectors: Float32s, centroids: Float32s) -> tuple[Int32s, Float32s]:
    """Nearest centroid by cosine of every row, and the cosine distance to it, both (n,).

    ``centroids`` (k, d) have unit length. Ties go to the lowest id, and a zero vector to cluster 0 at
    distance 1.
    """
    n, d = check_vectors(vectors)
    cluster_id = np.empty(n, dtype=np.int32)
    distance = np.empty(n, dtype=np.float32)
    for rows in blocks(n, max(d, len(centroids))):
        cosine = unit_rows(block_of(vectors, rows)) @ centroids.T
        cluster_id[rows] = cosine.argmax(axis=1)
        distance[rows] = 1 - cosine.max(axis=1)
    return cluster_id, np.clip(distance, 0, 2)


def by_size(cluster_id: NDArray[Any], n_clusters: int) -> tuple[Int32s, Int64s]:
    """Renumber clusters so that 0 is the largest, and empty ones vanish; -1 stays.

    Returns the new ids (n,) and, for each new id, the old one. Equal sizes keep their order.
    """
    sizes = np.bincount(cluster_id[cluster_id >= 0], minlength=n_clusters)
    old = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    new = np.full(n_clusters + 1, -1, dtype=np.int32)
    new[old] = np.arange(old.size)
    return new[cluster_id], old


def _ordered(vectors: Float32s, centroids: Float32s, *, n_train: int, seed: int) -> KMeans:
    cluster_id, distance = assign(vectors, centroids)
    zero = np.flatnonzero(
        distance == 1
    )  # only these rows need a look: a zero vector is at distance 1 exactly
    zero = zero[~np.any(block_of(vectors, zero), axis=1)]
    placed = np.delete(cluster_id, zero) if zero.size < cluster_id.size else cluster_id
    _, old = by_size(placed, len(centroids))
    new = np.full(len(centroids), -1, dtype=np.int32)
    new[old] = np.arange(old.size)
    renumbered = new[cluster_id]
    renumbered[zero] = 0
    return KMeans(centroids[old], renumbered, distance, n_train, seed)
