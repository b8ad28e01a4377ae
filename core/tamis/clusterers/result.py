"""What every clustering method hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tamis.compute.vectors import group_means, unit_rows
from tamis.types import JSON, NOISE, Float32s, Int32s

Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True, slots=True)
class Clustering:
    """Groups of n rows, ids ordered by size with the largest first.

    ``cluster_id`` (n,) int32, −1 = noise; ``distance`` (n,) float32, cosine distance to the own centroid, NaN for
    noise; ``centroids`` (k, d) float32 unit; ``notes`` go into the summary.
    """

    cluster_id: Int32s
    distance: Float32s
    centroids: Float32s
    notes: dict[str, JSON]


def unit_centroids(vectors: Float32s, cluster_id: Int32s, n_clusters: int) -> Float32s:
    """Direction of the mean vector of every cluster, shape (k, d), unit length; noise takes no part."""
    if n_clusters == 0:
        return np.zeros((0, vectors.shape[1]), dtype=np.float32)
    inside = np.flatnonzero(cluster_id != NOISE)
    means = group_means(np.asarray(vectors[inside]), cluster_id[inside], n_clusters)
    return unit_rows(means.astype(np.float32))


def cosine_distances(vectors: Float32s, cluster_id: Int32s, centroids: Float32s) -> Float32s:
    """Cosine distance of each unit row (n, d) to the centroid of its cluster, shape (n,); NaN for noise."""
    distance = np.full(len(cluster_id), np.nan, dtype=np.float32)
    inside = np.flatnonzero(cluster_id != NOISE)
    for start in range(0, len(inside), 65536):
        rows = inside[start : start + 65536]
        distance[rows] = 1.0 - np.einsum("ij,ij->i", vectors[rows], centroids[cluster_id[rows]])
    return distance
