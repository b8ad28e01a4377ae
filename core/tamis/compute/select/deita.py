"""DEITA: score first, diversity aware. Walk rows from the best score down, keep what nothing kept resembles.

The released loop compares one candidate with everything kept. Here a block of candidates is compared in one matrix
product, and only the block's survivors with each other; the rows kept are the same (METHODS.md 4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.picks import (
    Picked,
    Pool,
    Progress,
    Record,
    Unscored,
    as_picked,
    by_score,
    check_budget,
    checked_scores,
    pool_of,
    take,
)
from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.errors import CurationError, InvalidOptions
from tamis.types import Bools, Float32s, Int64s

Rule = Literal["cosine", "squared_l2", "distance"]

FIRST_BLOCK, LARGEST_BLOCK = 64, 1024
KEPT_ROWS = 8192
NOISE = 2e-6  # float32 error of a cosine; whatever is nearer to the threshold is decided in float64
EQUAL = 1e-7  # a cosine above the threshold by less is equal to it: unit vectors in float32 are no better
ALL_PAIRS_ROWS = 200_000  # the rule 'distance' compares each candidate with the whole pool


def deita(
    vectors: Float32s,
    score: ArrayLike,
    *,
    budget: int,
    threshold: float = 0.9,
    rule: Rule = "cosine",
    fill: bool = False,
    unscored: Unscored = "last",
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    picked: ArrayLike | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
) -> Picked:
    """Walk rows by ``score`` (n,) descending, ties by position, and keep a row unless it is too near to a kept one.

    ``rule``: "cosine" drops a row whose cosine to a kept row is above ``threshold`` (the paper, 0.9, as the released
    code with batch size 1); "squared_l2" drops it when the squared distance of the vectors as given is below
    ``threshold`` (the port in the kMQ authors' code, 0.9); "distance" keeps only rows whose cosine distance to the
    nearest row of the whole pool, kept or not, is at least ``threshold`` (as distilabel does; at 0.9 almost nothing
    passes). The first row is always kept, except under "distance". A zero vector has cosine 0 to everything.

    Pinned rows are kept before the walk. NaN scores come last or never. When fewer rows pass than the budget, the
    rest is the ``shortfall``; ``fill`` spends it on the best rows that did not pass. Tokens as in ``picks.take``.

    Raises InvalidOptions for unusable options, masks or scores; CurationError for a pool too large for "distance".
    """
    n, _ = check_vectors(vectors)
    check_budget(budget, "rows" if token_counts is None else "tokens")
    pool = pool_of(n, pinned=pinned, excluded=excluded, picked=picked)
    order = by_score(checked_scores(score, n), pool.candidates, unscored)
    kept = kept_rows(vectors, order, pool, threshold=threshold, rule=rule)
    rows = take(kept, pool, budget=budget, token_counts=token_counts, progress=progress, record=record)
    if fill:
        rest = order[~np.isin(order, rows)].tolist()
        rows = take(
            rest, Pool(pool.available, rows), budget=budget, token_counts=token_counts, progress=progress
        )
    return as_picked(rows, pool, budget=budget, token_counts=token_counts)


def kept_rows(vectors: Float32s, order: Int64s, pool: Pool, *, threshold: float, rule: Rule) -> Iterator[int]:
    """Yield the rows of ``order`` that the rule keeps, of a pool of which the rows picked already are kept."""
    if rule == "distance":
        return _apart_from_all(vectors, order, np.flatnonzero(pool.available), threshold)
    return diverse_walk(vectors, order, pool.start, threshold=threshold, rule=rule)


def too_near(vectors: Float32s, row: int, others: Int64s, *, threshold: float, rule: Rule) -> Bools:
    """Which of the ``others`` (m,) a row is too near to."""
    near = _Kept(vectors, 1 - threshold, "cosine") if rule == "distance" else _Kept(vectors, threshold, rule)
    return near.pairs(near.prepared(np.array([row])), near.prepared(others)).ravel()


def diverse_walk(
    vectors: Float32s,
    order: Int64s,
    start: Int64s,
    *,
    threshold: float,
    rule: Literal["cosine", "squared_l2"],
) -> Iterator[int]:
    """Yield the rows of ``order`` that are not too near to a row yielded before or to a ``start`` row."""
    kept = _Kept(vectors, threshold, rule)
    for at in range(0, start.size, LARGEST_BLOCK):
        kept.append(kept.prepared(start[at : at + LARGEST_BLOCK]))
    at, size = 0, FIRST_BLOCK
    while at < order.size:
        rows = order[at : at + size]
        block = kept.prepared(rows)
        free = np.flatnonzero(~kept.conflicts(block))
        mutual = kept.pairs(block[free], block[free])
        chosen, blocked = [], np.zeros(free.size, dtype=bool)
        for i in range(free.size):
            if not blocked[i]:
                chosen.append(i)
                blocked |= mutual[i]
        kept.append(block[free[chosen]])
        yield from rows[free[chosen]].tolist()
        at, size = at + size, min(2 * size, LARGEST_BLOCK)


class _Kept:
    """The vectors kept so far, and which of some others are too near to them."""

    def __init__(self, vectors: Float32s, threshold: float, rule: Literal["cosine", "squared_l2"]) -> None:
        if not np.isfinite(threshold):
            raise InvalidOptions(f"The threshold is {threshold}: give a number, 0.9 is usual.")
        self.vectors, self.threshold, self.rule = vectors, threshold, rule
        self.parts: list[Float32s] = []  # of KEPT_ROWS each but the last: growing copies one part at most

    def prepared(self, rows: Int64s) -> Float32s:
        """The rows as they are compared: at unit length for cosines, else as given."""
        block = block_of(self.vectors, rows)
        if self.rule == "cosine":
            return unit_rows(block)
        unit_rows(block)  # raises for NaN
        return block

    def append(self, block: Float32s) -> None:
        """Keep these rows."""
        if self.parts and self.parts[-1].shape[0] < KEPT_ROWS:
            block = np.concatenate([self.parts.pop(), block])
        self.parts += [block[at : at + KEPT_ROWS] for at in range(0, block.shape[0], KEPT_ROWS)]

    def conflicts(self, block: Float32s) -> Bools:
        """Which rows (m,) of the block are too near to a kept one."""
        near = np.zeros(block.shape[0], dtype=bool)
        for part in self.parts:
            open_rows = np.flatnonzero(~near)
            near[open_rows] = self.pairs(block[open_rows], part).any(axis=1)
        return near

    def pairs(self, left: Float32s, right: Float32s) -> Bools:
        """Which pairs (m, k) are too near; those at the threshold to float32 precision are decided in float64."""
        cosine = left @ right.T
        if self.rule == "cosine":
            return _decided(cosine > self.threshold, cosine - self.threshold, NOISE, self._above, left, right)
        squares = [np.einsum("ij,ij->i", side, side) for side in (left, right)]
        away = squares[0][:, None] + squares[1] - 2 * cosine - self.threshold
        noise = 4 * NOISE * float(max(squares[0].max(initial=0), squares[1].max(initial=0)))
        return _decided(away < 0, away, noise, self._within, left, right)

    def _above(self, left: Float32s, right: Float32s) -> Bools:
        x, y = left.astype(np.float64), right.astype(np.float64)
        return np.asarray((x * y).sum(axis=1) > self.threshold + EQUAL)

    def _within(self, left: Float32s, right: Float32s) -> Bools:
        difference = left.astype(np.float64) - right
        return np.asarray((difference * difference).sum(axis=1) < self.threshold)


def _apart_from_all(vectors: Float32s, order: Int64s, everyone: Int64s, threshold: float) -> Iterator[int]:
    if everyone.size > ALL_PAIRS_ROWS:
        raise CurationError(
            f"The rule 'distance' compares all pairs of {everyone.size:,} rows: use the rule 'cosine', or exclude rows "
            f"until at most {ALL_PAIRS_ROWS:,} are left."
        )
    return _walk_apart(_Kept(vectors, 1 - threshold, "cosine"), order, everyone)


def _walk_apart(near: _Kept, order: Int64s, everyone: Int64s) -> Iterator[int]:
    step = KEPT_ROWS
    for at in range(0, order.size, LARGEST_BLOCK):
        rows = order[at : at + LARGEST_BLOCK]
        block, alone = near.prepared(rows), np.ones(rows.size, dtype=bool)
        for start in range(0, everyone.size, step):
            others = everyone[start : start + step]
            pairs = near.pairs(block, near.prepared(others))
            alone &= ~(pairs & (rows[:, None] != others)).any(axis=1)
        yield from rows[alone].tolist()


def _decided(
    decision: Bools,
    gap: Float32s,
    noise: float,
    exact: Callable[[Float32s, Float32s], Bools],
    left: Float32s,
    right: Float32s,
) -> Bools:
    """The ``decision`` (m, k), taken again by ``exact`` on row pairs where the ``gap`` to the threshold is noise."""
    i, j = np.nonzero(np.abs(gap) <= noise)
    for part in blocks(i.size, 4 * left.shape[1]):
        decision[i[part], j[part]] = exact(left[i[part]], right[j[part]])
    return decision
