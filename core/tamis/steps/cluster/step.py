"""cluster: vectors to named groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tamis.clusterers.result import Clustering, cosine_distances
from tamis.compute.cluster.kmeans import assign
from tamis.steps.cluster.files import name_clusters, write_clustering
from tamis.steps.cluster.options import ClusterOptions
from tamis.steps.context import StepContext
from tamis.steps.kept import read_kept
from tamis.store.artifacts.readers import read_centroids, read_cluster_ids, read_clusters, read_distances
from tamis.types import JSON, NOISE, Float32s


def run(context: StepContext, options: ClusterOptions) -> dict[str, JSON]:
    """Write clustering.parquet, clusters.parquet and centroids.npy; return the summary."""
    vectors = np.load(context.input("embeddings").file("vectors.npy"), mmap_mode="r")
    if options.kept_from:
        return _kept(context, options, vectors)
    clusters: Clustering = options.build("method")(
        vectors, options.chosen_options("method"), seed=options.seed, progress=context.progress
    )
    return write_clustering(context, clusters, name_clusters(context, clusters))


def _kept(context: StepContext, options: ClusterOptions, vectors: Float32s) -> dict[str, JSON]:
    """The clusters of what this was made from, with their numbers, middles and names; other rows go to the nearest middle.

    A cluster that lost all its rows stays, empty, so that every number means what it meant.
    """
    kept = read_kept(context, options.kept_from, "clustering")
    centroids = np.asarray(read_centroids(kept.result))
    ids = np.full(len(vectors), NOISE, dtype=np.int32)
    ids[kept.stays] = read_cluster_ids(kept.result)[kept.before]
    added = np.flatnonzero(~kept.stays)
    if len(centroids) and len(added):
        ids[added] = assign(np.asarray(vectors[added]), centroids)[0]
    distance = np.empty(len(vectors), dtype=np.float32)
    distance[kept.stays] = read_distances(kept.result)[kept.before]
    distance[added] = cosine_distances(np.asarray(vectors[added]), ids[added], centroids)
    clusters = Clustering(ids, distance, centroids, {"n_kept": len(kept.before), "n_placed": len(added)})
    table = name_clusters(context, clusters)
    called = read_clusters(kept.result)
    numbers, names = called["cluster_id"].to_pylist(), called["name"].to_pylist()
    told = [options.names.get(str(one), str(name)) for one, name in zip(numbers, names, strict=True)]
    table = table.set_column(table.column_names.index("name"), "name", pa.array(told, pa.string()))
    return write_clustering(context, clusters, table)
