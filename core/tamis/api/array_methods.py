"""Relatives of the selection methods on arrays: clusters with a choice of their number, and near duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tamis.api.array_inputs import unit_vectors
from tamis.api.array_results import ClusteredRows, NearDuplicates
from tamis.clusterers import CLUSTERERS
from tamis.errors import InvalidOptions
from tamis.registry import parse_options

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tamis.clusterers.result import Clustering


def kmeans(embeddings: ArrayLike, n_clusters: int = 0, *, seed: int = 42, **options: Any) -> ClusteredRows:  # noqa: ANN401
    """Spherical k-means of ``embeddings`` (n, d), used at length 1; the clusters of the step ``cluster`` for the same seed.

    ``n_clusters`` 0 chooses the number by silhouette against a cloud without clusters; ``notes["k_table"]`` has what was
    measured, and ``notes["k_structure"]`` is False when the data shows no clusters. Other options are those of the
    clustering method ``kmeans``: ``min_clusters``, ``max_clusters``, ``n_iterations``, ``n_redo``,
    ``max_points_per_centroid``. METHODS.md 1.2; Yu et al., arXiv 2409.11378, section 3.1.

    Raises InvalidOptions for an option that is none, or more clusters than rows; CurationError for NaN or infinity.
    """
    return _cluster("kmeans", embeddings, seed, {"n_clusters": n_clusters} | options)


def hdbscan(embeddings: ArrayLike, *, seed: int = 42, **options: Any) -> ClusteredRows:  # noqa: ANN401
    """HDBSCAN on a UMAP reduction of ``embeddings`` (n, d): dense groups, and -1 for rows outside every one.

    Options are those of the clustering method ``hdbscan``: ``n_components``, ``n_neighbors``, ``min_cluster_size``,
    ``min_samples``, ``assign_noise``. METHODS.md 6.2.

    Raises InvalidOptions for an option that is none, MissingExtra without the extra ``map``, CurationError for NaN.
    """
    return _cluster("hdbscan", embeddings, seed, options)


def near_duplicates(
    embeddings: ArrayLike | None = None,
    texts: Sequence[str] | None = None,
    *,
    threshold: float | None = None,
    method: Literal["exact", "minhash", "embedding"] | None = None,
    seed: int = 42,
) -> NearDuplicates:
    """Rows that repeat an earlier one: by vector, or by the words of their ``texts`` (n,).

    ``embedding``: cosine of ``embeddings`` (n, d) at least ``threshold`` (0.8 when left out). ``minhash``: Jaccard index
    of the runs of three words, estimated from 128 hashes (0.8). ``exact``: the same words in the same order. Left out,
    the method follows from what is given. Zero vectors and blank texts repeat nothing. METHODS.md 4.7; Broder 1997.

    Raises InvalidOptions when what the method compares is missing, or for a threshold outside [-1, 1].
    """
    from tamis.compute.text import near_duplicates as methods

    chosen = method or ("embedding" if texts is None else "minhash")
    limit = 0.8 if threshold is None else threshold
    if not -1 <= limit <= 1:
        raise InvalidOptions(f"The threshold is {limit}: give -1 to 1; 0.8 is usual.")
    if chosen == "embedding":
        if embeddings is None:
            raise InvalidOptions("The method 'embedding' compares vectors: give embeddings (n, d).")
        repeated = methods.vector_duplicates(unit_vectors(embeddings), threshold=limit)
    elif texts is None:
        raise InvalidOptions(f"The method {chosen!r} compares words: give texts, one per row.")
    elif chosen == "minhash":
        repeated = methods.minhash_duplicates(texts, threshold=limit, rng=np.random.default_rng(seed))
    elif chosen == "exact":
        repeated, limit = methods.exact_duplicates(texts), 1.0
    else:
        raise InvalidOptions(f"There is no method {chosen!r}. Known: exact, minhash, embedding.")
    for array in (repeated.of, repeated.similarity):
        array.flags.writeable = False
    return NearDuplicates(of=repeated.of, similarity=repeated.similarity, threshold=limit)


def _cluster(name: str, embeddings: ArrayLike, seed: int, options: dict[str, Any]) -> ClusteredRows:
    row = CLUSTERERS[name]
    chosen = parse_options(row.options, options)
    clustering: Clustering = row.load()(unit_vectors(embeddings), chosen, seed=seed, progress=lambda *_: None)
    for array in (clustering.cluster_id, clustering.distance, clustering.centroids):
        array.flags.writeable = False
    return ClusteredRows(
        cluster_ids=clustering.cluster_id,
        distances=clustering.distance,
        centroids=clustering.centroids,
        seed=seed,
        notes=dict(clustering.notes),
    )
