"""CLUSTERERS: ways to group vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from tamis.registry import Options, Plugin, Table


class KMeansOptions(Options):
    """Spherical k-means on unit vectors."""

    FORMER_DEFAULTS: ClassVar[Mapping[str, Any]] = {"seeding": "faiss"}

    n_clusters: int = Field(
        0,
        ge=0,
        description="Number of clusters; 0 chooses it by silhouette against a structureless reference.",
    )
    min_clusters: int = Field(4, ge=2, description="Smallest number tried when it is chosen.")
    max_clusters: int = Field(512, ge=2, description="Largest number tried when it is chosen.")
    seeding: Literal["greedy", "faiss"] = Field(
        "greedy",
        description="greedy draws several rows for each start of a cluster and keeps the best, and chooses the number steadily; "
        "faiss is the rule of before, by that library.",
    )
    n_iterations: int = Field(30, ge=1, le=1000, description="Iterations of a run, at most.")
    n_redo: int = Field(
        4,
        ge=1,
        le=50,
        description="Different starts, of which the best is kept: judged on a sample by greedy (above 128 clusters it is one), "
        "after whole runs by faiss.",
    )
    max_points_per_centroid: int = Field(
        256, ge=1, description="Rows used per centroid while training; all rows are assigned afterwards."
    )


class HdbscanOptions(Options):
    """HDBSCAN on a UMAP reduction: finds the number of clusters itself and leaves outliers as noise."""

    n_components: int = Field(5, ge=2, le=50, description="Dimensions of the UMAP reduction.")
    n_neighbors: int = Field(15, ge=2, le=200, description="Neighbours of the UMAP reduction.")
    min_cluster_size: int = Field(15, ge=2, description="Smallest group that counts as a cluster.")
    min_samples: int = Field(5, ge=1, description="Higher leaves more rows as noise.")
    assign_noise: bool = Field(False, description="Put noise rows into the nearest cluster.")


CLUSTERERS = Table(
    "clustering method",
    Plugin(
        name="kmeans",
        title="k-means",
        summary="Spherical k-means: every row belongs to a cluster; what kMQ was published with.",
        options=KMeansOptions,
        target="tamis.clusterers.kmeans:cluster_kmeans",
    ),
    Plugin(
        name="hdbscan",
        title="HDBSCAN",
        summary="Density clusters on a UMAP reduction; rows in no dense region stay outside as noise.",
        options=HdbscanOptions,
        target="tamis.clusterers.hdbscan:cluster_hdbscan",
        extra="map",
    ),
)
