"""Names above clusters: a few groups that a map shows from far away, and more as one comes closer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.read_rows import cluster_of, read_rows
from tamis.actions.roles import needs
from tamis.compute.cluster.levels import Level, merge_clusters, name_levels
from tamis.errors import InvalidOptions
from tamis.store import names as stored
from tamis.store.artifacts.readers import read_centroids, read_clusters
from tamis.store.map.level_files import keep_levels, read_levels
from tamis.types import Int64s

TEXTS = 12_000  # that are read to name the groups of a clustering
NAME_WORDS = 3


@dataclass(frozen=True, slots=True)
class ClusterGroup:
    """Clusters that a level takes together, the largest first, and what sets them apart from the other groups of their own coarser group.

    ``level`` is 1 for the coarsest; ``number`` tells the groups of a level apart.
    """

    clusters: tuple[int, ...]
    name: str
    level: int = 0
    number: int = 0


def cluster_levels(context: DatasetContext) -> list[list[ClusterGroup]]:
    """The levels above the clusters in view, coarse first, groups by size; none for few clusters or without a clustering.

    Made from a sample of the rows on the first look, and kept.
    """
    clustering = context.view.clustering
    if clustering is None:
        return []
    levels = read_levels(clustering)
    if levels is None:
        levels = _made(context)
        keep_levels(clustering, levels)
    table = read_clusters(clustering)
    ids, sizes = (table[name].to_numpy().astype(np.int64) for name in ("cluster_id", "size"))
    whole = [level for level in levels if len(level.group) == len(ids)]
    return [_groups(context, number, level, ids, sizes) for number, level in enumerate(whole, start=1)]


@needs("curator")
def rename_group(
    context: DatasetContext, level: int, number: int, name: str, reviewer: str
) -> list[list[ClusterGroup]]:
    """Name a group above the clusters in view, and return the levels; an empty name gives back what it was called before.

    Raises InvalidOptions, also for a group that is not there.
    """
    clustering = context.view.require("clustering")
    levels = cluster_levels(context)
    if not 1 <= level <= len(levels) or number not in {one.number for one in levels[level - 1]}:
        there = (
            ", ".join(f"{len(groups)} of level {at}" for at, groups in enumerate(levels, start=1)) or "none"
        )
        raise InvalidOptions(
            f"Clustering {clustering.id} has no group {number} of level {level}. Its groups: {there}."
        )
    stored.rename_group(context.workspace.database, clustering, (level, number), name, reviewer)
    now = stored.cluster_names(context.workspace.database, clustering)
    return cluster_levels(replace(context, names=now))


def _made(context: DatasetContext) -> list[Level]:
    clustering = context.view.require("clustering")
    clusters = cluster_of(context)
    centroids = read_centroids(clustering)
    sizes = np.bincount(clusters[clusters >= 0], minlength=len(centroids)).astype(np.int64)
    groups = merge_clusters(centroids, sizes)
    if not groups:
        return []
    rows = _spread(clusters.astype(np.int64), len(centroids))
    table = read_rows(context, rows, ["prompt", "response"])
    pairs = zip(table["prompt"].to_pylist(), table["response"].to_pylist(), strict=True)
    texts = [f"{(prompt or '')[:600]} {(response or '')[:600]}" for prompt, response in pairs]
    return name_levels(groups, texts, clusters[rows].astype(np.int64), top=NAME_WORDS)


def _spread(clusters: Int64s, k: int) -> Int64s:
    """Rows of every cluster, evenly spaced and as many of each as it has a share of all, at least a few."""
    order = np.argsort(clusters, kind="stable")
    edges = np.searchsorted(clusters[order], np.arange(k + 1))
    chosen = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        n = min(high - low, max(5, round(TEXTS * (high - low) / max(1, len(clusters)))))
        chosen.append(order[np.linspace(low, high - 1, n).astype(np.int64)] if n else order[:0])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _groups(
    context: DatasetContext, depth: int, level: Level, ids: Int64s, sizes: Int64s
) -> list[ClusterGroup]:
    groups = []
    for number, words in enumerate(level.keywords):
        members = np.flatnonzero(level.group == number)
        members = members[np.argsort(-sizes[members], kind="stable")]
        clusters = tuple(int(i) for i in ids[members])
        # A person's name first, and a model's; where no term stands out, the largest two say what it is about.
        given = context.names.groups.get((depth, number), "")
        name = given or ", ".join(words) or " · ".join(_apart(context.cluster_name(i)) for i in clusters[:2])
        groups.append(ClusterGroup(clusters, name, depth, number))
    return groups


def _apart(name: str) -> str:
    """The name with its own direction of writing, whatever stands beside it."""
    return f"\u2068{name}\u2069"
