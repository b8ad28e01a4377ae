"""Clusters of any shape and a share of noise, by HDBSCAN on few dimensions (see projection.reduce_umap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import hdbscan
import numpy as np
from numpy.typing import NDArray

from tamis.compute.cluster.kmeans import assign, by_size
from tamis.compute.vectors import check_vectors, group_means, unit_rows
from tamis.errors import InvalidOptions
from tamis.types import NOISE, Float32s, Int32s

Method = Literal["eom", "leaf"]


@dataclass(frozen=True, slots=True)
class DensityClusters:
    """Clusters ordered by size, and the rows outside all of them."""

    cluster_id: Int32s  # (n,) in 0..n_clusters-1, or -1: noise
    membership: Float32s  # (n,) in [0, 1], 0 for noise: how deep in its cluster a row lies
    n_clusters: int  # 0 when no region is dense enough: every row is noise
    noise_fraction: float  # in [0, 1]


def hdbscan_clusters(
    points: Float32s,
    *,
    min_cluster_size: int = 15,
    min_samples: int | None = None,
    method: Method = "eom",
    epsilon: float = 0.0,
    n_jobs: int = 1,
) -> DensityClusters:
    """Find dense regions of ``points`` (n, m) by Euclidean distance; m is best kept below about 15.

    ``min_samples`` None means ``min_cluster_size``; smaller values leave less noise. ``method`` "leaf" finds
    smaller and more even clusters than "eom". Finding none at all is a result, not an error: all rows are
    noise. Nothing is random. Noise is never forced into clusters here; see ``assign_noise``.

    Raises InvalidOptions for a ``min_cluster_size`` below 2 or ``min_samples`` below 1.
    """
    n, _ = check_vectors(points)
    if min_cluster_size < 2 or (min_samples is not None and min_samples < 1):
        raise InvalidOptions(
            f"min_cluster_size is {min_cluster_size}, min_samples {min_samples}: give at least 2 and 1."
        )
    if n < max(min_cluster_size, (min_samples or min_cluster_size) + 1):
        return DensityClusters(np.full(n, NOISE, np.int32), np.zeros(n, np.float32), 0, 1.0)
    model = hdbscan.HDBSCAN(
        min_cluster_size=min_cluster_size,
        min_samples=min_samples,
        cluster_selection_method=method,
        cluster_selection_epsilon=epsilon,
        core_dist_n_jobs=n_jobs,
        approx_min_span_tree=False,  # the approximate tree can differ between runs
    ).fit(np.asarray(points, dtype=np.float64))
    n_clusters = int(model.labels_.max()) + 1
    labels, _ = by_size(model.labels_, n_clusters)
    membership = np.nan_to_num(model.probabilities_).astype(np.float32)
    return DensityClusters(labels, membership, n_clusters, float(np.mean(labels == NOISE)))


def assign_noise(vectors: Float32s, cluster_id: NDArray[Any]) -> Int32s:
    """Put every noise row of ``vectors`` (n, d) into the cluster with the nearest centroid by cosine.

    Only for a person who asks for a full partition. Returns new ids (n,); rows in clusters keep theirs, and
    when all rows are noise they all stay noise.
    """
    labels = np.array(cluster_id, dtype=np.int32)
    noise = np.flatnonzero(labels == NOISE)
    if noise.size in (0, labels.size):
        return labels
    centroids = unit_rows(group_means(vectors, labels, int(labels.max()) + 1).astype(np.float32))
    labels[noise], _ = assign(vectors[noise], centroids)
    return labels
