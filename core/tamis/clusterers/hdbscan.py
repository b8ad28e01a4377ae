"""HDBSCAN on a UMAP reduction; noise stays noise unless a person asks otherwise."""

from __future__ import annotations

import numpy as np

from tamis.clusterers import HdbscanOptions
from tamis.clusterers.result import Clustering, Progress
from tamis.compute.cluster.density import assign_noise, hdbscan_clusters
from tamis.compute.map.projection import reduce_umap
from tamis.compute.vectors import group_means, unit_rows
from tamis.types import (
    NOISE,
    Float32s,
    Int32s,
)


def cluster(vectors: Float32s, options: HdbscanOptions, *, seed: int, progress: Progress) -> Clustering:
    """Group the dense rows; ``notes`` has the noise share before any assignment."""
    progress("reduce", 0, 1, "UMAP's first run in a process compiles for up to a minute")
    points = reduce_umap(vectors, options.n_components, n_neighbors=options.n_neighbors, seed=seed)
    progress("HDBSCAN", 0, 1, "")
    found = hdbscan_clusters(
        points, min_cluster_size=options.min_cluster_size, min_samples=options.min_samples
    )
    cluster_id = found.cluster_id
    if options.assign_noise and found.n_clusters:
        cluster_id = assign_noise(vectors, cluster_id)
    centroids = _centroids(vectors, cluster_id, found.n_clusters)
    notes = {"noise_fraction": found.noise_fraction, "noise_assigned": options.assign_noise}
    return Clustering(cluster_id, _distances(vectors, cluster_id, centroids), centroids, notes)


def _centroids(vectors: Float32s, cluster_id: Int32s, n_clusters: int) -> Float32s:
    if n_clusters == 0:
        return np.zeros((0, vectors.shape[1]), dtype=np.float32)
    inside = np.flatnonzero(cluster_id != NOISE)
    means = group_means(np.asarray(vectors[inside]), cluster_id[inside], n_clusters)
    return unit_rows(means.astype(np.float32))


def _distances(vectors: Float32s, cluster_id: Int32s, centroids: Float32s) -> Float32s:
    distance = np.full(len(cluster_id), np.nan, dtype=np.float32)
    inside = np.flatnonzero(cluster_id != NOISE)
    for start in range(0, len(inside), 65536):
        rows = inside[start : start + 65536]
        distance[rows] = 1.0 - np.einsum("ij,ij->i", vectors[rows], centroids[cluster_id[rows]])
    return distance
