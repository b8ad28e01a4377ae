"""Greedy k-center: again and again the row farthest from all picked so far (METHODS.md 1.3).

The published loop reads all n vectors for every centre. Here a row's distance to the nearest centre is an upper bound
that is brought up to date only when the row could be the farthest, and then for all centres it has missed in
one matrix product; a small set of the farthest rows is kept up to date at every step. The picks are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.select.picks import Picked, Progress, Record, as_picked, pool_of, take
from tamis.compute.vectors import block_of, blocks, check_vectors
from tamis.errors import CurationError
from tamis.types import Float32s, Float64s, Int64s

First = Literal["random", "nearest to mean"]

ACTIVE_ROWS = 8192  # rows kept up to date at every step: 12 MB at d = 384, about what a shared cache holds
PRODUCT_FLOATS = 4_000_000  # size of one block of distances
NOISE_FRACTION = 4e-6  # float32 error of a squared distance, relative to the largest squared length


def k_center(
    vectors: Float32s,
    *,
    budget: int,
    first: First = "random",
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    picked: ArrayLike | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
    rng: np.random.Generator,
) -> Picked:
    """Pick the row farthest (Euclidean) from every picked row until the budget is spent; a 2-approximation of min-max.

    ``vectors`` (n, d) float32, memory-mapped or not; on unit vectors the order is that of cosine. ``first`` is only
    used when nothing is pinned. ``budget`` counts rows, or tokens when ``token_counts`` (n,) are given. Excluded rows
    take no part. ``picked`` resumes a stopped run. Ties go to the lowest row; rows that are nearer to a picked row
    than float32 can tell (2e-3 on unit vectors) come last, by position. Needs about 100 bytes per row beside the
    vectors. Paper section 4 (k-Center); METHODS.md 1.3.

    Raises InvalidOptions for an unusable budget, mask or resume state, CurationError for vectors with NaN.
    """
    n, _ = check_vectors(vectors)
    pool = pool_of(n, pinned=pinned, excluded=excluded, picked=picked)
    order = farthest_first(vectors, pool.start, pool.candidates, first=first, rng=rng)
    rows = take(order, pool, budget=budget, token_counts=token_counts, progress=progress, record=record)
    return as_picked(rows, pool, budget=budget, token_counts=token_counts)


def farthest_first(
    vectors: Float32s, start: Int64s, candidates: Int64s, *, first: First, rng: np.random.Generator
) -> Iterator[int]:
    """Yield ``candidates`` in greedy order, given that the ``start`` rows are centres already."""
    if candidates.size == 0:
        return
    frontier = _Frontier(vectors, start, candidates)
    if start.size == 0:
        row = int(rng.choice(candidates)) if first == "random" else frontier.nearest_to_mean(candidates)
        frontier.add(row)
        yield row
    while (chosen := frontier.farthest()) is not None:
        frontier.add(chosen)
        yield chosen
    yield from frontier.coinciding()


class _Frontier:
    """Upper bounds of every candidate's squared distance to its nearest centre, exact for the farthest ones."""

    def __init__(self, vectors: Float32s, start: Int64s, candidates: Int64s) -> None:
        n, d = check_vectors(vectors)
        self.vectors = vectors
        self.squares = _squared_lengths(vectors)
        self.noise = NOISE_FRACTION * float(self.squares.max())
        self.bound = np.full(n, -np.inf, dtype=np.float32)  # -inf: not a candidate (any more)
        self.bound[candidates] = np.inf
        self.seen = np.zeros(n, dtype=np.int32)  # centres that the bound of a row accounts for
        self.centres = np.empty((max(16, 2 * start.size), d), dtype=np.float32)
        self.centre_squares = np.empty(self.centres.shape[0], dtype=np.float32)
        self.n_centres = 0
        self.floor = -np.inf  # no row outside the active ones has a bound above it
        self.active: Int64s = np.empty(0, dtype=np.int64)
        self.active_vectors: Float32s = np.empty((0, d), dtype=np.float32)
        self.active_bound: Float32s = np.empty(0, dtype=np.float32)
        for row in start.tolist():
            self.add(row)
        self._fold(candidates)

    def nearest_to_mean(self, candidates: Int64s) -> int:
        """The candidate nearest to the candidates' mean, ties by position."""
        mean = np.zeros(self.vectors.shape[1])
        for part in blocks(candidates.size, mean.size):
            mean += block_of(self.vectors, candidates[part]).sum(axis=0, dtype=np.float64) / candidates.size
        distances = np.empty(candidates.size)
        for part in blocks(candidates.size, 2 * mean.size):
            distances[part] = _exact_squares(block_of(self.vectors, candidates[part]), mean[None])
        return int(candidates[np.argmin(distances)])

    def add(self, row: int) -> None:
        """Make ``row`` a centre."""
        if self.n_centres == self.centres.shape[0]:
            self.centres = np.concatenate([self.centres, np.empty_like(self.centres)])
            self.centre_squares = np.concatenate([self.centre_squares, np.empty_like(self.centre_squares)])
        centre = np.asarray(self.vectors[row], dtype=np.float32)
        self.centres[self.n_centres] = centre
        self.centre_squares[self.n_centres] = self.squares[row]
        self.n_centres += 1
        self.bound[row] = -np.inf
        if self.active.size:
            away = self.squares[self.active] + self.squares[row] - 2 * (self.active_vectors @ centre)
            np.minimum(self.active_bound, away, out=self.active_bound)
            self.active_bound[self.active == row] = -np.inf

    def farthest(self) -> int | None:
        """The candidate farthest from all centres; None when the rest coincide with centres."""
        while True:
            top = float(self.active_bound.max(initial=-np.inf))
            if self.active.size and top >= self.floor + self.noise:
                break
            if not self._refill():
                return None
        if top <= self.noise:
            self._forget_active()
            return None
        near = np.sort(self.active[self.active_bound >= top - self.noise])
        if near.size == 1:
            return int(near[0])
        return int(near[np.argmax(self._exact_distances(near))])

    def coinciding(self) -> Iterator[int]:
        """The candidates that are left, by position."""
        yield from np.flatnonzero(self.bound > -np.inf).tolist()

    def _refill(self) -> bool:
        """Choose the active rows anew; False when no candidate is left farther from the centres than noise.

        Every row outside has a bound below ``floor``, so an active row at or above it (and the noise) is the farthest.
        """
        self._forget_active()
        size = ACTIVE_ROWS
        n_open = int(np.count_nonzero(self.bound > -np.inf))
        while n_open and float(self.bound.max()) > self.noise:
            everything = size >= n_open
            floor = -np.inf if everything else float(np.partition(self.bound, -size)[-size])
            rows = np.flatnonzero((self.bound >= floor) & (self.bound > -np.inf))
            self._fold(rows[self.seen[rows] < self.n_centres])
            if everything or float(self.bound[rows].max()) >= floor + self.noise:
                self._activate(rows[self.bound[rows] >= floor], floor)
                return True
            size *= 2
        return False

    def _activate(self, rows: Int64s, floor: float) -> None:
        self.active, self.floor = rows, floor
        self.active_vectors = block_of(self.vectors, rows)
        self.active_bound = self.bound[rows]

    def _forget_active(self) -> None:
        self.bound[self.active] = self.active_bound
        self.seen[self.active] = self.n_centres
        self._activate(self.active[:0], -np.inf)

    def _fold(self, rows: Int64s) -> None:
        """Bring the bounds of ``rows`` up to date with the centres that each has missed."""
        rows = rows[np.argsort(self.seen[rows], kind="stable")]
        at = 0
        while at < rows.size and self.n_centres:
            since = slice(int(self.seen[rows[at]]), self.n_centres)
            step = max(64, PRODUCT_FLOATS // max(since.stop - since.start, self.vectors.shape[1]))
            part = rows[at : at + step]
            away = self._squared_distances(part, since)
            self.bound[part] = np.minimum(self.bound[part], away.min(axis=1, initial=np.inf))
            self.seen[part] = self.n_centres
            at += step

    def _squared_distances(self, rows: Int64s, centres: slice) -> Float32s:
        away: Float32s = block_of(self.vectors, rows) @ self.centres[centres].T
        away *= -2
        away += self.centre_squares[centres]
        away += self.squares[rows][:, None]
        return away

    def _exact_distances(self, rows: Int64s) -> Float64s:
        """Squared distances to the nearest centre in float64, each row for itself, so that equal rows are equal."""
        result = np.empty(rows.size)
        step = max(1, PRODUCT_FLOATS // self.n_centres)
        for at in range(0, rows.size, step):
            part = rows[at : at + step]
            away = self._squared_distances(part, slice(0, self.n_centres))
            mine, centre = np.nonzero(away <= away.min(axis=1, keepdims=True) + self.noise)
            exact = np.empty(mine.size)
            for block in blocks(mine.size, 4 * self.vectors.shape[1]):
                exact[block] = _exact_squares(
                    block_of(self.vectors, part[mine[block]]), self.centres[centre[block]].astype(np.float64)
                )
            result[at : at + step] = np.minimum.reduceat(exact, np.searchsorted(mine, np.arange(part.size)))
        return result


def _squared_lengths(vectors: Float32s) -> Float32s:
    n, d = vectors.shape
    squares = np.empty(n, dtype=np.float32)
    for part in blocks(n, d):
        block = block_of(vectors, part)
        squares[part] = np.einsum("ij,ij->i", block, block)
    bad = np.flatnonzero(~np.isfinite(squares))
    if bad.size:
        raise CurationError(
            f"{bad.size} vectors hold NaN or infinity, the first in row {bad[0]}: compute the embedding again."
        )
    return squares


def _exact_squares(rows: Float32s, others: Float64s) -> Float64s:
    difference = rows.astype(np.float64) - others
    squares: Float64s = (difference * difference).sum(axis=1)
    return squares
