"""The files of a clustering: a line per row, a line per cluster, and the centroids."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.clusterers.result import Clustering
from tamis.compute.cluster.keywords import cluster_keywords, keyword_names, medoids
from tamis.steps.context import StepContext
from tamis.types import JSON, NOISE

N_KEYWORDS = 8
N_MEDOIDS = 5


def write_clustering(context: StepContext, clusters: Clustering, table: pa.Table) -> dict[str, JSON]:
    """Write clustering.parquet, clusters.parquet and centroids.npy; return the summary. ``table`` is of ``name_clusters``."""
    n_rows, n_clusters = len(clusters.cluster_id), len(clusters.centroids)
    rows = {
        "example_id": pa.array(np.arange(n_rows, dtype=np.int64)),
        "cluster_id": pa.array(clusters.cluster_id.astype(np.int32)),
        "distance": pa.array(clusters.distance),
    }
    pq.write_table(pa.table(rows), context.output.path / "clustering.parquet", compression="zstd")
    np.save(context.output.path / "centroids.npy", clusters.centroids)
    pq.write_table(table, context.output.path / "clusters.parquet")
    noise = int((clusters.cluster_id == NOISE).sum())
    summary: dict[str, JSON] = {
        "n_rows": n_rows,
        "n_clusters": n_clusters,
        "n_noise": noise,
        "noise_fraction": noise / max(n_rows, 1),
    }
    return clusters.notes | summary


def name_clusters(context: StepContext, clusters: Clustering) -> pa.Table:
    """A line per cluster: cluster_id, size, name made of its keywords, keywords, rows nearest to its middle."""
    context.progress("name clusters", 0, 1)
    n_clusters = len(clusters.centroids)
    examples = pq.read_table(
        context.input("examples").file("examples.parquet"), columns=["prompt", "response"]
    )
    texts = [
        f"{str(prompt)[:1000]} {str(response)[:1000]}"
        for prompt, response in zip(
            examples.column("prompt").to_pylist(), examples.column("response").to_pylist(), strict=True
        )
    ]
    vectors = np.load(context.input("embeddings").file("vectors.npy"), mmap_mode="r")
    keywords = cluster_keywords(texts, clusters.cluster_id, n_clusters, top=N_KEYWORDS)
    central = medoids(vectors, clusters.cluster_id, n_clusters, top=N_MEDOIDS)
    sizes = np.bincount(clusters.cluster_id[clusters.cluster_id != NOISE], minlength=n_clusters)
    return pa.table(
        {
            "cluster_id": pa.array(range(n_clusters), pa.int32()),
            "size": pa.array(sizes, pa.int64()),
            "name": pa.array(keyword_names(keywords), pa.string()),
            "keywords": pa.array(keywords, pa.list_(pa.string())),
            "medoids": pa.array(
                [[int(row) for row in rows if row >= 0] for rows in central], pa.list_(pa.int64())
            ),
        }
    )
