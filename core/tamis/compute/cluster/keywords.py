"""Naming clusters: c-TF-IDF keywords of their texts, and the rows nearest to their centres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from os.path import commonprefix
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.compute.text.tokens import is_unspaced, terms
from tamis.compute.vectors import block_of, blocks, check_vectors, group_means, unit_rows
from tamis.errors import CurationError
from tamis.types import Float32s, Float64s, Int64s

MAX_CHARACTERS = 1000  # of a text: topics show early
NAME_TERMS = 3
RARE_BELOW = 2  # a term in fewer texts than this says nothing about a cluster of more than a few
SMALL_CLUSTER = 5
MIN_STEM, MAX_ENDING = 4, 3  # "cook", "cooked" and "cooking" are one keyword; "art" and "artery" are two


def cluster_keywords(
    texts: Sequence[str],
    cluster_id: NDArray[Any],
    n_clusters: int,
    *,
    top: int = 8,
    max_texts_per_cluster: int = 200,
) -> list[list[str]]:
    """The ``top`` terms that set each cluster's texts apart, best first; one list per cluster, perhaps empty.

    Class-based TF-IDF: (share of the term in the cluster) * log(1 + A / f), with f the term's count over all
    clusters and A the mean number of terms per cluster. A term counts once per text, so that one repetitive
    text does not name its cluster. Read are the first MAX_CHARACTERS of at most ``max_texts_per_cluster``
    texts, evenly spaced, so nothing is random. ``cluster_id`` (n,) -1 is ignored. Grootendorst, arXiv
    2203.05794, section 3.3.

    Raises CurationError when there is not one text per cluster id.
    """
    ids = np.asarray(cluster_id)
    if len(texts) != ids.size:
        raise CurationError(f"There are {len(texts)} texts and {ids.size} cluster ids: give one id per text.")
    counts = [
        _term_counts([texts[row][:MAX_CHARACTERS] for row in rows])
        for rows in _spaced_members(ids, n_clusters, max_texts_per_cluster)
    ]
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    mean_terms = total.total() / max(1, sum(1 for count in counts if count))
    return [_best(count, total, mean_terms, top) for count in counts]


def keyword_names(keywords: Sequence[Sequence[str]]) -> list[str]:
    """A name for every cluster: its first three keywords, or its number where it has none."""
    return [", ".join(words[:NAME_TERMS]) or f"Cluster {j}" for j, words in enumerate(keywords)]


def medoids(vectors: Float32s, cluster_id: NDArray[Any], n_clusters: int, *, top: int = 3) -> Int64s:
    """Rows nearest to their cluster's mean by cosine, nearest first, shape (n_clusters, top).

    -1 fills up where a cluster has fewer rows. Ties go to the lower row.
    """
    n, d = check_vectors(vectors)
    ids = np.asarray(cluster_id, dtype=np.int64)
    if n_clusters == 0:  # every row is noise: there is no centre that a row could be near
        return np.full((0, top), -1, dtype=np.int64)
    centres = unit_rows(group_means(vectors, ids, n_clusters).astype(np.float32))
    cosine: Float64s = np.zeros(n)
    for rows in blocks(n, d):
        cosine[rows] = np.einsum("ij,ij->i", unit_rows(block_of(vectors, rows)), centres[ids[rows]])
    members = np.flatnonzero(ids >= 0)
    order = members[np.lexsort((-np.round(cosine[members], 6), ids[members]))]
    group = ids[order]
    sizes = np.bincount(group, minlength=n_clusters)
    position = np.arange(order.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = np.full((n_clusters, top), -1, dtype=np.int64)
    first = position < top
    chosen[group[first], position[first]] = order[first]
    return chosen


def _spaced_members(ids: NDArray[Any], n_clusters: int, limit: int) -> list[Int64s]:
    """Rows of each cluster in order, thinned evenly to ``limit``."""
    order = np.argsort(ids, kind="stable")
    edges = np.searchsorted(ids[order], np.arange(n_clusters + 1))
    members = [order[low:high] for low, high in zip(edges[:-1], edges[1:], strict=True)]
    return [
        rows[np.unique(np.linspace(0, rows.size - 1, min(limit, rows.size)).astype(int))] for rows in members
    ]


def _term_counts(texts: Sequence[str]) -> Counter[str]:
    """In how many texts each term occurs; rare terms of larger clusters are left out."""
    counts = Counter(chain.from_iterable(map(terms, texts)))
    if len(texts) <= SMALL_CLUSTER:
        return counts
    return Counter({term: count for term, count in counts.items() if count >= RARE_BELOW}) or counts


def _best(count: Counter[str], total: Counter[str], mean_terms: float, top: int) -> list[str]:
    if not count:
        return []
    words = np.array(list(count), dtype=object)
    frequency = np.fromiter(count.values(), dtype=np.float64, count=len(count))
    overall = np.array([total[word] for word in words], dtype=np.float64)
    score = frequency / frequency.sum() * np.log1p(mean_terms / overall)
    pool = np.argsort(-score, kind="stable")[: 20 * top]
    ranked = sorted(pool, key=lambda i: (-round(float(score[i]), 12), _length_rank(str(words[i])), words[i]))
    chosen: list[str] = []
    for i in ranked:
        if len(chosen) == top:
            break
        if not any(_same_topic(words[i], other) for other in chosen):
            chosen.append(words[i])
    return chosen


def _same_topic(term: str, other: str) -> bool:
    """Whether one term repeats the other: a common stem, or without spaces a word inside the other."""
    if is_unspaced(term) and is_unspaced(other):
        return term in other or other in term
    stem = len(commonprefix((term, other)))
    return stem >= max(MIN_STEM, max(len(term), len(other)) - MAX_ENDING)


def _length_rank(term: str) -> int:
    """Among equal scores, short words come first (stems), but without spaces long ones (they say more)."""
    return -len(term) if is_unspaced(term) else len(term)
