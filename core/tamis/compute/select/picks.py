"""What every selection method shares: the rows it may pick, the walk that spends the budget, the result.

A method that picks one row after the other is an iterator of rows; ``take`` walks it until the budget is spent. Such a
method can be stopped and resumed: given the rows picked so far, it goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.kmq import Selection, TokenSelection
from tamis.compute.select.masks import checked_counts, pins_and_exclusions
from tamis.errors import InvalidOptions
from tamis.types import NOISE, Bools, Float64s, Int64s

Progress = Callable[[int, int], None]
Record = Callable[[list[int]], None]  # called with all rows picked so far, in order; must not change the list
Picked = Selection | TokenSelection  # the latter when the budget was given in tokens
Unscored = Literal["last", "never"]


@dataclass(frozen=True, slots=True)
class Pool:
    """The rows that may be picked."""

    available: Bools  # (n,) not excluded; pinned rows among them
    start: Int64s  # rows picked already, in order: the pinned ones first

    @property
    def candidates(self) -> Int64s:
        """Rows that may still be picked, ascending."""
        left = self.available.copy()
        left[self.start] = False
        return np.flatnonzero(left)


def pool_of(
    n: int,
    *,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    picked: ArrayLike | None = None,
) -> Pool:
    """The pool of ``n`` rows without the ``excluded`` (n,) bool; ``pinned`` (n,) bool rows come first, by position.

    ``picked`` are the rows of an earlier run with the same arguments that was stopped, in the order picked.

    Raises InvalidOptions for a mask of another shape, a row both pinned and excluded, or rows in ``picked`` that are
    repeated, excluded, outside the dataset, or do not begin with the pinned rows.
    """
    pin, out = pins_and_exclusions(n, pinned, excluded)
    first: Int64s = np.flatnonzero(pin)
    if picked is None:
        return Pool(~out, first)
    rows = np.asarray(picked, dtype=np.int64)
    known = rows[(rows >= 0) & (rows < n)]
    begins = np.array_equal(rows[: first.size], first)
    if known.size < rows.size or out[known].any() or np.unique(rows).size < rows.size or not begins:
        raise InvalidOptions(
            f"The {rows.size} rows to resume from do not fit this pool of {n} rows: start the selection anew."
        )
    return Pool(~out, rows)


def check_budget(budget: int, unit: str = "rows") -> None:
    """Raise InvalidOptions for a budget below 1."""
    if budget < 1:
        raise InvalidOptions(f"The budget is {budget} {unit}: give 1 or more.")


def checked_scores(scores: ArrayLike, n: int) -> Float64s:
    """The scores as float64 (n,), NaN = not scored.

    Raises InvalidOptions for another number of scores or an infinite one.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != (n,):
        raise InvalidOptions(f"There are {values.size} quality scores for {n} rows: give one per row.")
    bad = np.flatnonzero(np.isinf(values))
    if bad.size:
        raise InvalidOptions(f"The quality of row {bad[0]} is {values[bad[0]]}: give a finite number or NaN.")
    return values


def by_score(scores: Float64s, rows: Int64s, unscored: Unscored = "last") -> Int64s:
    """The ``rows`` from the highest score down, ties by position; NaN rows at the end, or left out."""
    values = scores[rows]
    if unscored == "never":
        rows, values = rows[~np.isnan(values)], values[~np.isnan(values)]
    return rows[np.lexsort((rows, -values))]  # NaN sorts last


def take(
    order: Iterable[int],
    pool: Pool,
    *,
    budget: int,
    token_counts: ArrayLike | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
) -> Int64s:
    """Walk ``order`` after the rows picked already, until the budget is spent or the order ends.

    ``budget`` counts rows, or tokens when ``token_counts`` (n,) are given: the walk then ends before the first row
    that would overspend, so the result is always a prefix of the order. ``progress(done, budget)`` is called once
    per row, and ``record(rows)`` after each row, so that a run that is stopped can go on from there. Rows in the order
    picked.

    Raises InvalidOptions for a budget below 1 or below what is pinned, and for unusable token counts.
    """
    check_budget(budget, "rows" if token_counts is None else "tokens")
    cost = _costs(token_counts, pool.available.size)
    rows = pool.start.tolist()
    spent = int(cost[pool.start].sum())
    if spent > budget:
        raise InvalidOptions(
            f"The pinned rows cost {spent} but the budget is {budget}: raise it or unpin some rows."
        )
    walk = iter(order)
    while spent < budget:
        if progress is not None:
            progress(spent, budget)
        row = next(walk, None)
        if row is None or spent + cost[row] > budget:
            break
        rows.append(int(row))
        spent += int(cost[row])
        if record is not None:
            record(rows)
    if progress is not None:
        progress(spent, budget)
    return np.asarray(rows, dtype=np.int64)


def as_picked(rows: Int64s, pool: Pool, *, budget: int, token_counts: ArrayLike | None) -> Picked:
    """The picked ``rows`` in their order, all as cluster 0; counted in tokens when ``token_counts`` (n,) are given.

    ``unused_tokens`` are then what the next row of the order did not fit into. A walk along one order does not divide
    its tokens over clusters, so the token quota is what was spent.
    """
    none = np.empty(0, dtype=np.int64)
    bare = Selection(
        rows=rows,
        cluster_id=none,
        rank=none,
        weight=np.empty(0),
        allocated=none,
        available=none,
        shortfall=max(0, budget - rows.size) if token_counts is None else 0,
        n_forced=0,
    )
    whole = np.zeros(pool.available.size, dtype=np.int64)
    selection = with_clusters(bare, whole, n_clusters=1, available=pool.available)
    if token_counts is None:
        return selection
    spent = np.array([np.asarray(token_counts, dtype=np.int64)[rows].sum(), 0])
    return TokenSelection(
        selection=selection, token_quota=spent, tokens=spent, unused_tokens=budget - int(spent[0])
    )


def with_clusters(
    selection: Selection, cluster_id: ArrayLike, *, n_clusters: int, available: Bools | None = None
) -> Selection:
    """The same rows counted over another clustering: ``cluster_id`` (n,) in 0..n_clusters-1, or -1 for noise.

    ``available`` (n,) marks the rows that could have been picked; all when None.
    """
    ids = np.asarray(cluster_id, dtype=np.int64)
    group = np.where(ids == NOISE, n_clusters, ids)
    pool = np.bincount(group if available is None else group[available], minlength=n_clusters + 1)
    mine = group[selection.rows]
    allocated = np.bincount(mine, minlength=n_clusters + 1)
    by_group = np.argsort(mine, kind="stable")
    rank = np.empty(mine.size, dtype=np.int64)
    rank[by_group] = np.arange(mine.size) - np.repeat(np.cumsum(allocated) - allocated, allocated)
    return Selection(
        rows=selection.rows,
        cluster_id=ids[selection.rows],
        rank=rank,
        weight=allocated[mine] / pool[mine],
        allocated=allocated.astype(np.int64),
        available=pool.astype(np.int64),
        shortfall=selection.shortfall,
        n_forced=selection.n_forced,
    )


def _costs(token_counts: ArrayLike | None, n: int) -> Int64s:
    if token_counts is None:
        return np.ones(n, dtype=np.int64)
    return checked_counts(token_counts, n)
