"""Levels above clusters: clusters merged into fewer groups, each named by what sets it apart from its siblings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.cluster.keywords import cluster_keywords
from tamis.types import Float32s, Int64s

FEWEST = 9  # clusters; of fewer no level says more than they do
POOL = 4  # times as many terms are looked at as make a name
MOST = 6_000  # merging takes memory that grows with the square


@dataclass(frozen=True, slots=True)
class Level:
    """Which group each cluster is in (k,), groups numbered by size; and of each group the keywords against its siblings."""

    group: Int64s
    keywords: list[list[str]]


def merge_clusters(centroids: Float32s, sizes: Int64s) -> list[Int64s]:
    """Group of every cluster at about k^(1/4) and at about sqrt(k) groups, coarse first; none for few or very many clusters.

    Ward's criterion on the centroids (k, d), every cluster counting once. A finer group lies in one coarser group. Groups
    are numbered by the rows in them, the largest first; ties by their first cluster.
    """
    k = len(centroids)
    if not FEWEST <= k <= MOST:
        return []
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(np.asarray(centroids, dtype=np.float64), method="ward")
    wanted = sorted({max(2, round(k**0.25)), max(2, round(k**0.5))})
    levels = [_by_size(fcluster(tree, n, criterion="maxclust").astype(np.int64), sizes) for n in wanted]
    return [one for one in levels if one.max() > 0]


def name_levels(
    groups: Sequence[Int64s], texts: Sequence[str], cluster_id: Int64s, *, top: int = 3
) -> list[Level]:
    """Levels with the keywords of each group: c-TF-IDF among the groups that share its coarser group.

    ``texts`` with their ``cluster_id`` are a sample of the rows, -1 for none. A term that stands out in more than half of the
    siblings tells none of them apart and is left out, so a group may have no keyword.
    """
    named = []
    parents = np.zeros(len(groups[0]), dtype=np.int64) if groups else np.zeros(0, dtype=np.int64)
    for own in groups:
        keywords: list[list[str]] = [[] for _ in range(int(own.max()) + 1)]
        for parent in np.unique(parents):
            siblings = np.unique(own[parents == parent])
            place = np.full(int(own.max()) + 1, -1, dtype=np.int64)
            place[siblings] = np.arange(len(siblings))
            of_text = np.where(cluster_id >= 0, place[own[cluster_id]], -1)
            inside = np.flatnonzero(of_text >= 0).tolist()
            found = cluster_keywords(
                [texts[i] for i in inside], of_text[inside], len(siblings), top=POOL * top
            )
            for number, words in zip(siblings.tolist(), _telling(found), strict=True):
                keywords[number] = words[:top]
        named.append(Level(own, keywords))
        parents = own
    return named


def _telling(keywords: list[list[str]]) -> list[list[str]]:
    if len(keywords) < 2:
        return keywords
    often = Counter(word for words in keywords for word in words)
    most = max(1, len(keywords) // 2)
    return [[word for word in words if often[word] <= most] for words in keywords]


def _by_size(labels: Int64s, sizes: Int64s) -> Int64s:
    rows = np.bincount(labels, weights=sizes)
    first = np.full(len(rows), len(labels))
    np.minimum.at(first, labels, np.arange(len(labels)))
    order = [i for i in np.lexsort((first, -rows)) if first[i] < len(labels)]
    renamed = np.empty(len(rows), dtype=np.int64)
    renamed[order] = np.arange(len(order))
    numbered: Int64s = renamed[labels]
    return numbered
