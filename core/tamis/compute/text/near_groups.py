"""Texts in groups such that no two with nearly the same words are in different ones; every pair is found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tamis.compute.text.near_duplicates import shingles
from tamis.types import Bools, Float64s, Int64s

if TYPE_CHECKING:
    from scipy.cluster.hierarchy import DisjointSet

ROUNDING = 1e-9


def near_groups(texts: Sequence[str], *, threshold: float, shingle_words: int = 3) -> Int64s:
    """First row (n,) of the group of each text: connected components of all pairs with a Jaccard index of ``threshold``.

    The index is that of the sets of word runs, computed, not estimated. Two sets that are near share one of the rarest
    runs of each, early enough in the order of rarity that enough can be common after it: so candidates are found without
    missing any (prefix filter: Bayardo, Ma and Srikant 2007; positional filter: Xiao et al. 2008). Blank texts are like
    none.
    """
    from scipy.cluster.hierarchy import (
        DisjointSet,
    )  # half a second, which a step that groups no texts does not wait

    runs = _Runs.of(texts, shingle_words)
    joined = DisjointSet(range(len(texts)))
    for rows, place in _sharing(runs, threshold):
        _join_near(rows, place, runs, threshold, joined)
    first = np.arange(len(texts), dtype=np.int64)
    for group in joined.subsets():
        if len(group) > 1:
            first[list(group)] = min(group)
    return first


@dataclass(frozen=True, slots=True)
class _Runs:
    """Sets of word runs, one behind the other: row i has ``run[start[i] : start[i] + size[i]]``, the rarest first.

    A run is its place by rarity; ``count`` tells in how many rows each is.
    """

    run: Int64s
    start: Int64s
    size: Int64s
    count: Int64s

    @staticmethod
    def of(texts: Sequence[str], shingle_words: int) -> _Runs:
        sets = [shingles(text, shingle_words) for text in texts]
        size = np.array([one.size for one in sets], dtype=np.int64)
        _, inverse, count = np.unique(np.concatenate([*sets, []]), return_inverse=True, return_counts=True)
        by_rarity = count.argsort(kind="stable")
        place = np.empty(len(count), dtype=np.int64)
        place[by_rarity] = np.arange(len(count))
        run = place[inverse]
        run = run[np.lexsort((run, np.repeat(np.arange(len(size)), size)))]
        return _Runs(run, np.cumsum(size) - size, size, count[by_rarity].astype(np.int64))

    def row(self, i: int) -> Int64s:
        return self.run[self.start[i] : self.start[i] + self.size[i]]


def _sharing(runs: _Runs, threshold: float) -> Iterator[tuple[Int64s, Int64s]]:
    """For each run that several rows have among their rarest: those rows, and at which place it stands in each."""
    owner = np.repeat(np.arange(len(runs.size)), runs.size)
    place = np.arange(len(runs.run)) - runs.start[owner]
    rarest = runs.size - np.ceil(threshold * runs.size - ROUNDING).astype(np.int64) + 1
    kept = np.flatnonzero((place < rarest[owner]) & (runs.count[runs.run] > 1))
    kept = kept[runs.run[kept].argsort(kind="stable")]
    ends = np.flatnonzero(np.diff(runs.run[kept])) + 1
    for start, end in zip([0, *ends.tolist()], [*ends.tolist(), len(kept)], strict=True):
        if end - start > 1:
            yield owner[kept[start:end]], place[kept[start:end]]


def _join_near(rows: Int64s, place: Int64s, runs: _Runs, threshold: float, joined: DisjointSet[int]) -> None:
    """Join those of the rows that are near, whichever way one reaches them; rows joined before are not compared."""
    kinds, kind, members = np.unique(
        np.stack([runs.size[rows], place], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    kind = kind.ravel()
    possible = _possible(kinds, threshold)
    possible[np.diag_indices(len(kinds))] &= members > 1
    useful = np.flatnonzero(possible.sum(axis=1)[kind])
    left, kind = rows[useful], kind[useful]
    while left.size > 1:
        root = joined[int(left[0])]
        same = np.array([joined[row] == root for row in left.tolist()], dtype=np.bool_)
        reached = list(zip(left[same].tolist(), kind[same].tolist(), strict=True))
        left, kind = left[~same], kind[~same]
        while reached and left.size:
            row, its_kind = reached.pop()
            near: Bools = possible[its_kind, kind]
            near[near] = np.greater_equal(_jaccard(runs, row, left[near]), threshold - ROUNDING)
            for other in left[near].tolist():
                joined.merge(row, other)
            reached += zip(left[near].tolist(), kind[near].tolist(), strict=True)
            left, kind = left[~near], kind[~near]


def _possible(kinds: Int64s, threshold: float) -> Bools:
    """Which pairs of (size, place of a first common run) leave room for enough common runs after it."""
    size, place = kinds.T
    most = np.minimum.outer(size - place, size - place)
    least = threshold / (1 + threshold) * np.add.outer(size, size)
    return np.asarray(most >= least - ROUNDING, dtype=np.bool_)


def _jaccard(runs: _Runs, row: int, others: Int64s) -> Float64s:
    """Of a row with each of the others (m,)."""
    if not others.size:
        return np.empty(0)
    one, sizes = runs.row(row), runs.size[others]
    joint = np.concatenate([runs.row(i) for i in others.tolist()])
    at = np.minimum(np.searchsorted(one, joint), one.size - 1)
    shared = np.add.reduceat(one[at] == joint, np.cumsum(sizes) - sizes, dtype=np.int64)
    index: Float64s = shared / (sizes + one.size - shared)
    return index
