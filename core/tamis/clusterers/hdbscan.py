"""HDBSCAN on a UMAP reduction; noise stays noise unless a person asks otherwise."""

from __future__ import annotations

from tamis.clusterers import HdbscanOptions
from tamis.clusterers.result import Clustering, Progress, cosine_distances, unit_centroids
from tamis.compute.cluster.density import assign_noise, hdbscan_clusters
from tamis.compute.map.projection import reduce_umap
from tamis.types import Float32s


def cluster_hdbscan(
    vectors: Float32s, options: HdbscanOptions, *, seed: int, progress: Progress
) -> Clustering:
    """Group the dense rows; ``notes`` has the noise share before any assignment."""
    progress("reduce", 0, 1, "UMAP's first run in a process compiles for up to a minute")
    points = reduce_umap(vectors, options.n_components, n_neighbors=options.n_neighbors, seed=seed)
    progress("HDBSCAN", 0, 1, "")
    clusters = hdbscan_clusters(
        points, min_cluster_size=options.min_cluster_size, min_samples=options.min_samples
    )
    cluster_id = clusters.cluster_id
    if options.assign_noise and clusters.n_clusters:
        cluster_id = assign_noise(vectors, cluster_id)
    centroids = unit_centroids(vectors, cluster_id, clusters.n_clusters)
    notes = {"noise_fraction": clusters.noise_fraction, "noise_assigned": options.assign_noise}
    return Clustering(cluster_id, cosine_distances(vectors, cluster_id, centroids), centroids, notes)
