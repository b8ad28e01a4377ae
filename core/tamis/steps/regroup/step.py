"""regroup: a clustering with one change that a person made to it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tamis.clusterers.result import Clustering, cosine_distances, unit_centroids
from tamis.compute.cluster.kmeans import kmeans
from tamis.compute.cluster.regroup import group_of_rows, merge_groups, number_by_size, split_group
from tamis.errors import InvalidOptions
from tamis.steps.cluster.files import name_clusters, write_clustering
from tamis.steps.context import StepContext
from tamis.steps.regroup.options import RegroupOptions
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import read_cluster_ids
from tamis.types import JSON, NOISE, Float32s, Int32s, Int64s


def run(context: StepContext, options: RegroupOptions) -> dict[str, JSON]:
    """Write the same files as ``cluster``; return its summary with what was changed."""
    vectors = _vectors(context)
    before = read_cluster_ids(context.input("clustering"))
    _check(options, before)
    changed, fresh = _changed(context, options, before, vectors)
    ids, old = number_by_size(changed)
    centroids = unit_centroids(vectors, ids, len(old))
    clusters = Clustering(ids, cosine_distances(vectors, ids, centroids), centroids, {})
    table = name_clusters(context, clusters)
    names = _names(options, [str(one) for one in table["name"].to_pylist()], old, fresh)
    at = table.column_names.index("name")
    table = table.set_column(at, "name", pa.array(names, pa.string()))
    return write_clustering(context, clusters, table) | {
        "change": _said(options),
        "parent": context.input("clustering").id,
    }


def _vectors(context: StepContext) -> Float32s:
    """The vectors that the clustering was made from; raises InvalidOptions for others."""
    made_from = context.input("clustering").manifest.inputs.get("embeddings")
    given = context.input("embeddings")
    if made_from != given.id:
        raise InvalidOptions(
            f"The clustering was made from {made_from}: name these as embeddings, not {given.id}."
        )
    vectors: Float32s = np.load(given.file("vectors.npy"), mmap_mode="r")
    return vectors


def _check(options: RegroupOptions, before: Int32s) -> None:
    known = set(np.unique(before[before != NOISE]).tolist())
    named = {*options.merge, *([] if options.split is None else [options.split])}
    if named - known:
        raise InvalidOptions(
            f"There is no cluster {min(named - known)} in this clustering: it has 0 to {max(known, default=0)}. "
            "See: tamis clusters list"
        )


def _changed(
    context: StepContext, options: RegroupOptions, before: Int32s, vectors: Float32s
) -> tuple[Int32s, set[int]]:
    """Cluster of every row after the change, with gaps in the numbers, and the numbers of clusters that came to be."""
    if options.merge:
        return merge_groups(before, options.merge), {options.merge[0]}
    if options.split is not None:
        inside = np.flatnonzero(before == options.split)
        if len(inside) < options.into:
            raise InvalidOptions(
                f"Cluster {options.split} has {len(inside)} rows; it cannot be split into {options.into}."
            )
        parts = _parts(np.asarray(vectors[inside]), options)
        changed = split_group(before, options.split, parts)
        return changed, {options.split, *np.unique(changed[inside]).tolist()}
    chosen = np.zeros(len(before), dtype=bool)
    chosen[read_frozen(context.input("rows"))] = True
    if not chosen.any():
        raise InvalidOptions("There are no rows to make a cluster of.")
    return group_of_rows(before, chosen), {int(before.max()) + 1}


def _parts(vectors: Float32s, options: RegroupOptions) -> Int64s:
    """Which part each row of the split cluster is in, the largest first."""
    return kmeans(vectors, options.into, rng=np.random.default_rng(options.seed)).cluster_id.astype(np.int64)


def _names(options: RegroupOptions, by_keywords: list[str], old: Int32s, fresh: set[int]) -> list[str]:
    """Names that people gave stay with clusters that stay; what came to be has the given name or that of its keywords."""
    named = []
    for own, number in zip(by_keywords, old.tolist(), strict=True):
        if number in fresh:
            named.append(options.name if options.name and options.split is None else own)
        else:
            named.append(options.names.get(str(number), own))
    return named


def _said(options: RegroupOptions) -> str:
    if options.merge:
        return f"merged {', '.join(map(str, options.merge))}"
    return (
        f"split {options.split} into {options.into}" if options.split is not None else "rows made a cluster"
    )
