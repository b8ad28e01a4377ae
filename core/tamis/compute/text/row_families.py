"""Which rows say nearly the same or come from one another, so that a split keeps them on one side."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.text.near_duplicates import NONE, exact_duplicates, minhash_duplicates
from tamis.compute.text.near_groups import near_groups
from tamis.types import Bools, Int64s

NEAR_FRACTION = 0.8  # Jaccard index of the runs of words of two prompts
MOST_NEAR = 200_000  # distinct prompts among which near ones are looked for: 1 KB of memory and 0.1 ms each


@dataclass(frozen=True, slots=True)
class RowLinks:
    """Pairs of rows that belong together, each (e, 2), a later row beside an earlier one: by an equal prompt, by nearly
    equal ones (beside the first of all that such pairs reach), by a family. ``near_searched`` is False where there were
    too many prompts to look for nearly equal ones.
    """

    n_rows: int
    equal: Int64s
    near: Int64s
    family: Int64s
    near_searched: bool

    def groups(self, *, near: bool = True, family: bool = True) -> Int64s:
        """A number for each row, the same for all that belong together, shape (n,)."""
        from scipy.sparse import (
            coo_array,
        )  # a tenth of a second, which a step that links no rows does not wait
        from scipy.sparse.csgraph import connected_components

        kinds = [self.equal, *([self.family] if family else []), *([self.near] if near else [])]
        rows, others = np.concatenate(kinds).T
        graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, others)), shape=(self.n_rows,) * 2)
        labels: Int64s = connected_components(graph, directed=False)[1].astype(np.int64)
        return labels


def link_rows(
    prompts: Sequence[str],
    families: Sequence[Sequence[Hashable]],
    rng: np.random.Generator,
    *,
    every_pair: bool = True,
) -> RowLinks:
    """Links between rows of these prompts (n,); ``families`` (n,) are keys that rows of one family share.

    Prompts are equal with the same words in the same order, whatever case and signs; nearly equal from a Jaccard index of
    ``NEAR_FRACTION`` on, in every such pair. Without ``every_pair`` each is compared, by an estimated index, with those
    alone that are like none before them: nearly equal ones may then stay apart. Blank prompts are like
    none.
    """
    equal = exact_duplicates(prompts).of
    distinct = np.flatnonzero(equal == NONE)
    searched = len(distinct) <= MOST_NEAR
    near = np.empty((0, 2), dtype=np.int64)
    if searched:
        texts = [prompts[i] for i in distinct.tolist()]
        near = distinct[_near_pairs(texts) if every_pair else _best_pairs(texts, rng)]
    return RowLinks(len(prompts), linked_pairs(equal), near, _family_pairs(families), searched)


def count_together(links: RowLinks, rows: Int64s) -> Int64s:
    """Numbers from 0 of these rows (n,), the same for rows that are no evidence of their own beside each other.

    Those are rows linked in any way. Where all of ``rows`` are then one, what is measured on them is about that one kind:
    nearly equal prompts are let apart, then families; equal prompts never.
    """
    numbers: Int64s = np.zeros(len(rows), dtype=np.int64)
    for near, family in ((True, True), (False, True), (False, False)):
        found = links.groups(near=near, family=family)[rows]
        numbers = np.unique(found, return_inverse=True)[1].astype(np.int64)
        if len(rows) and numbers.max() > 0:
            break
    return numbers


def draw_whole_groups(groups: Int64s, open_rows: Bools, n_wanted: int, rng: np.random.Generator) -> Int64s:
    """Positions, ascending, of about ``n_wanted`` rows in whole groups by chance; never more.

    Only groups all of whose rows are open are drawn; one that is larger than what is still wanted is passed over, so the
    last few rows favour small groups.
    """
    numbers, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    is_open = np.bincount(place, weights=~open_rows, minlength=len(numbers)) == 0
    chosen = np.zeros(len(numbers), dtype=np.bool_)
    left = n_wanted
    for group in rng.permutation(len(numbers)):
        if left == 0:
            break
        if is_open[group] and sizes[group] <= left:
            chosen[group] = True
            left -= int(sizes[group])
    return np.flatnonzero(chosen[place]).astype(np.int64)


def rows_that_fit(groups: Int64s, open_rows: Bools, n_wanted: int) -> int:
    """How many rows are in open groups of at most ``n_wanted`` rows."""
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    closed = np.bincount(place, weights=~open_rows, minlength=len(sizes)) > 0
    return int(sizes[~closed & (sizes <= n_wanted)].sum())


def in_groups_of(groups: Int64s, marked: Bools) -> Bools:
    """Which rows are in a group that holds a marked row, shape (n,)."""
    found: Bools = np.isin(groups, np.unique(groups[marked]))
    return found


def _near_pairs(texts: Sequence[str]) -> Int64s:
    first = near_groups(texts, threshold=NEAR_FRACTION)
    return linked_pairs(np.where(first == np.arange(len(texts)), NONE, first))


def _best_pairs(texts: Sequence[str], rng: np.random.Generator) -> Int64s:
    return linked_pairs(minhash_duplicates(texts, threshold=NEAR_FRACTION, rng=rng).of)


def linked_pairs(of: Int64s) -> Int64s:
    """Pairs (e, 2) of each row and the earlier one that it repeats, ``of`` (n,), −1 for none."""
    rows = np.flatnonzero(of != NONE)
    return np.stack([rows, of[rows]], axis=1).astype(np.int64)


def _family_pairs(families: Sequence[Sequence[Hashable]]) -> Int64s:
    """Each row beside the first row of every family that it is in."""
    first: dict[Hashable, int] = {}
    pairs = [(row, first.setdefault(key, row)) for row, keys in enumerate(families) for key in keys]
    return np.array([pair for pair in pairs if pair[0] != pair[1]], dtype=np.int64).reshape(-1, 2)
