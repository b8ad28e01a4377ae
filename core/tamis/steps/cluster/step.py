"""cluster: vectors to named groups."""

from __future__ import annotations

import numpy as np

from tamis.clusterers.result import Clustering
from tamis.steps.cluster.files import name_clusters, write_clustering
from tamis.steps.cluster.options import ClusterOptions
from tamis.steps.context import StepContext
from tamis.types import JSON


def run(context: StepContext, options: ClusterOptions) -> dict[str, JSON]:
    """Write clustering.parquet, clusters.parquet and centroids.npy; return the summary."""
    vectors = np.load(context.input("embeddings").file("vectors.npy"), mmap_mode="r")
    clusters: Clustering = options.build("method")(
        vectors, options.chosen_options("method"), seed=options.seed, progress=context.progress
    )
    return write_clustering(context, clusters, name_clusters(context, clusters))
