"""Spherical k-means, with the number of clusters given or chosen (METHODS.md 1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from tamis.clusterers import KMeansOptions
from tamis.clusterers.result import Clustering, Progress
from tamis.compute.cluster.choose_k import choose_k, default_candidates
from tamis.compute.cluster.kmeans import kmeans
from tamis.errors import InvalidOptions
from tamis.types import JSON, Float32s

_BEFORE: Mapping[str, Any] = {"n_null": 2, "min_gap": 0.01, "n_iterations": 15}  # how k was chosen with faiss

_SEED_NOTE = {"greedy": "training_seed", "faiss": "faiss_seed"}


def cluster_kmeans(vectors: Float32s, options: KMeansOptions, *, seed: int, progress: Progress) -> Clustering:
    """Group all rows; raises InvalidOptions when more clusters than rows are asked for."""
    notes: dict[str, JSON] = {}
    n_clusters = options.n_clusters
    if n_clusters > len(vectors):
        raise InvalidOptions(
            f"n_clusters = {n_clusters} is more than the {len(vectors)} rows of this dataset; ask for fewer."
        )
    if n_clusters == 0:
        progress("choose k", 0, 1, "")
        n_clusters, notes = _choose(vectors, options, seed)
    progress("k-means", 0, 1, f"{n_clusters} clusters")
    clusters = kmeans(
        np.asarray(vectors),
        n_clusters,
        seeding=options.seeding,
        n_iterations=options.n_iterations,
        n_restarts=options.n_redo,
        max_points_per_centroid=options.max_points_per_centroid,
        rng=np.random.default_rng(seed),
    )
    notes |= {"n_train": clusters.n_train, _SEED_NOTE[options.seeding]: clusters.seed}
    return Clustering(clusters.cluster_id, clusters.distance, clusters.centroids, notes)


def _choose(vectors: Float32s, options: KMeansOptions, seed: int) -> tuple[int, dict[str, JSON]]:
    bounds = (options.min_clusters, min(options.max_clusters, len(vectors)))
    candidates = [k for k in default_candidates(len(vectors)) if bounds[0] <= k <= bounds[1]]
    if not candidates:
        return min(options.min_clusters, len(vectors)), {"k_table": []}
    choice = choose_k(
        vectors,
        candidates,
        seeding=options.seeding,
        rng=np.random.default_rng(seed),
        **(_BEFORE if options.seeding == "faiss" else {}),
    )
    table: list[JSON] = [asdict(row) for row in choice.table]
    as_good: list[JSON] = list(choice.as_good)
    return choice.k, {
        "k_table": table,
        "k_structure": choice.structure,
        "k_as_good": as_good,
        "k_rows": choice.n_rows,
    }
