"""Exact greedy maximisation of coverage plus quality, without the N x N similarity matrix (METHODS.md 4.2).

gain(a) = sum over reference rows v of max(0, cos(a, v) - best[v]), best[v] being the highest cosine of v to a picked
row. The gain of a row never grows (submodular), so an old gain is an upper bound and only rows whose bound could win
are evaluated again (CELF). Two things make that fast on two cores: rows are evaluated in blocks by one matrix product, and
once little of a row's similarity is above ``best`` only that part is kept, because it can only shrink. The whole
work is then a few passes of n x n x d and lists of near neighbours.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

import numpy as np

from tamis.compute.vectors import block_of, blocks, unit_rows
from tamis.types import Float32s, Float64s, Int32s, Int64s

NOISE = 5e-7  # cosines closer than this are equal: float32 products of unit vectors differ by about 1e-7
ERROR_FRACTION = 4e-6  # how far two float32 evaluations of one gain may lie apart, relative to it, ...
ERROR = 5e-7  # ... and absolutely, for gains that are the sum of few cosines
TIE_FRACTION = 1e-9  # float64 gains closer than this, relative to the larger, are tied: the lowest row wins
UNIT_ERROR = 1e-6  # rows this near to length 1 are taken as they are
TILE_ROWS, TILE_COLUMNS = 512, 4096  # one tile of similarities is 8 MB
FIRST_BATCH = 16
SPARSE_FRACTION = 0.05  # a row is kept as a list of neighbours when no more than this part can still gain
STORED_ENTRIES = 110_000_000  # neighbours in all lists, 8 bytes each: 880 MB
REFRESH_FRACTION = 1 / 4  # when a step had to evaluate this part of all rows, one symmetric pass is cheaper
REPEATED_FRACTION = 1 / 32  # the same when the step before ended so: it will be so again

Beat = Callable[[], None]


class Coverage:
    """How well each reference row is covered by what was picked, and what one more row would add."""

    def __init__(
        self, vectors: Float32s, reference_rows: Int64s, *, start_value: float = 0.0, beat: Beat | None = None
    ) -> None:
        self.vectors = vectors
        self.reference_rows = reference_rows
        self.reference = np.empty((reference_rows.size, vectors.shape[1]), dtype=np.float32)
        for part in blocks(reference_rows.size, vectors.shape[1]):
            self.reference[part] = _unit(block_of(vectors, reference_rows[part]))
        self.best = np.full(reference_rows.size, start_value, dtype=np.float32)
        self.start_value = start_value
        self._owner = np.full(reference_rows.size, -1, dtype=np.int64)  # the picked row that gave ``best``
        self._neighbours: dict[int, tuple[Int32s, Float32s]] = {}
        self._n_stored = 0
        self._density = 1.0
        self._tile = np.empty((TILE_ROWS + 1) * TILE_COLUMNS, dtype=np.float32)
        self._over = np.empty_like(self._tile)
        self._beat = beat
        self.n_dense = 0  # rows evaluated against every reference row so far

    def value(self) -> float:
        """Mean over reference rows of the highest cosine to a picked row (at least the start value)."""
        return float(self.best.mean(dtype=np.float64))

    def add(self, row: int) -> None:
        """Count ``row`` as picked."""
        self._forget(row)
        cosine = self._similarities(row)
        better = np.flatnonzero(cosine > self.best)
        self.best[better] = cosine[better]
        self._owner[better] = row

    def exact_gain(self, row: int) -> float:
        """The gain of one row in float64, in a way that does not depend on what else is evaluated."""
        gain = 0.0
        near = np.flatnonzero(self._similarities(row) > self.best)
        mine = _unit(block_of(self.vectors, slice(row, row + 1))).astype(np.float64)
        for part in blocks(near.size, 8 * mine.size):
            rows = self.reference[near[part]].astype(np.float64)
            owner = self._owner[near[part]]
            best = (rows * _unit(block_of(self.vectors, owner))).sum(axis=1)
            more = (rows * mine).sum(axis=1) - np.where(owner < 0, self.start_value, best)
            gain += float(more[more > NOISE].sum())
        return gain

    def gains(self, rows: Int64s) -> Float64s:
        """The gains of ``rows`` (m,), in blocks; within ERROR and ERROR_FRACTION of ``exact_gain``."""
        gains = np.empty(rows.size)
        stored = np.fromiter((row in self._neighbours for row in rows.tolist()), dtype=bool, count=rows.size)
        gains[stored] = [self._stored_gain(row) for row in rows[stored].tolist()]
        dense = np.flatnonzero(~stored)
        for at in range(0, dense.size, TILE_ROWS):
            part = dense[at : at + TILE_ROWS]
            gains[part] = self._dense_gains(rows[part])
        return gains

    def reference_gains(self) -> Float64s:
        """The gains (m,) of all reference rows at half the work: every tile of similarities serves both its sides."""
        m = self.reference_rows.size
        gains = np.zeros(m)
        for top in range(0, m, TILE_ROWS):
            rows = slice(top, min(m, top + TILE_ROWS))
            if self._beat is not None:
                self._beat()
            for left in range(top, m, TILE_COLUMNS):
                columns = slice(left, min(m, left + TILE_COLUMNS))
                tile = self._product(self.reference[rows], columns)
                gains[rows] += self._excess(tile, self.best[columns]).sum(axis=1)
                # columns that are rows of this very stripe have been counted as rows
                beyond = max(0, rows.stop - left)
                if left + beyond < columns.stop:
                    over = self._excess(tile[:, beyond:], self.best[rows, None])
                    gains[left + beyond : columns.stop] += _column_sums(over)
        return gains

    def _similarities(self, row: int) -> Float32s:
        # einsum sums each row for itself, so the same pair gives the same bits every time; BLAS does not promise that,
        # and with other processes on the cores its threads made this three times slower
        column: Float32s = np.einsum(
            "ij,j->i", self.reference, _unit(block_of(self.vectors, slice(row, row + 1)))[0]
        )
        return column

    def _product(self, rows: Float32s, columns: slice) -> Float32s:
        """The cosines of ``rows`` and some reference rows, in memory that the next call reuses."""
        shape = (rows.shape[0], columns.stop - columns.start)
        tile = self._tile[: shape[0] * shape[1]].reshape(shape)
        return np.matmul(rows, self.reference[columns].T, out=tile)

    def _excess(self, tile: Float32s, best: Float32s) -> Float32s:
        """What of each cosine is above ``best``, 0 where that is rounding noise; the next call reuses its memory."""
        over = self._over[: tile.size].reshape(tile.shape)
        np.subtract(tile, best, out=over)
        over *= over > NOISE
        return over

    def _dense_gains(self, rows: Int64s) -> Float64s:
        if self._beat is not None:
            self._beat()
        mine = _unit(block_of(self.vectors, rows))
        self.n_dense += rows.size
        keep = self._density <= SPARSE_FRACTION and self._n_stored < STORED_ENTRIES
        gains, above = np.zeros(rows.size), np.zeros(rows.size, dtype=np.int64)
        kept: list[tuple[Int64s, Int64s, Float32s]] = []
        width = (
            TILE_ROWS * TILE_COLUMNS // max(1, rows.size)
        )  # few rows, wide tiles: fewer and larger products
        for left in range(0, self.best.size, width):
            columns = slice(left, min(self.best.size, left + width))
            tile = self._product(mine, columns)
            if keep:
                row, column = np.divmod(np.flatnonzero(tile > self.best[columns] + NOISE), tile.shape[1])
                cosine = tile[row, column]
                kept.append((row, column + left, cosine))
                gains += np.bincount(row, weights=cosine - self.best[column + left], minlength=rows.size)
                above += np.bincount(row, minlength=rows.size)
            else:
                over = self._excess(tile, self.best[columns])
                gains += over.sum(axis=1)
                above += np.count_nonzero(over, axis=1)
        self._density = float(above.mean()) / self.best.size
        if keep:
            self._store(rows, above, kept)
        return gains

    def _store(self, rows: Int64s, above: Int64s, kept: list[tuple[Int64s, Int64s, Float32s]]) -> None:
        row = np.concatenate([part[0] for part in kept])
        order = np.argsort(row.astype(np.uint16), kind="stable")
        column = np.concatenate([part[1] for part in kept])[order].astype(np.int32)
        cosine = np.concatenate([part[2] for part in kept])[order]
        ends = np.cumsum(above)
        for i, name in enumerate(rows.tolist()):
            if above[i] <= 2 * SPARSE_FRACTION * self.best.size and self._n_stored < STORED_ENTRIES:
                mine = slice(int(ends[i] - above[i]), int(ends[i]))
                self._neighbours[name] = (column[mine].copy(), cosine[mine].copy())
                self._n_stored += int(above[i])

    def _stored_gain(self, row: int) -> float:
        column, cosine = self._neighbours[row]
        more = cosine - self.best[column]
        live = more > NOISE
        n_live = int(np.count_nonzero(live))
        if 2 * n_live < column.size:
            self._neighbours[row] = (column[live], cosine[live])
            self._n_stored -= column.size - n_live
        return float(more[live].sum(dtype=np.float64))

    def _forget(self, row: int) -> None:
        gone = self._neighbours.pop(row, None)
        if gone is not None:
            self._n_stored -= gone[0].size


class LazyGreedy:
    """The greedy order of ``gain_weight * gain / n_reference + bonus``, one row at a time."""

    def __init__(
        self,
        coverage: Coverage,
        candidates: Int64s,
        *,
        gain_weight: float = 1.0,
        bonus: Float64s | None = None,
    ) -> None:
        n = coverage.vectors.shape[0]
        self.coverage = coverage
        self.scale = gain_weight / max(1, coverage.reference_rows.size)
        self.bonus = np.zeros(n) if bonus is None else bonus
        self.gain = np.zeros(n)  # upper bounds; what they were at the step in ``known``
        self.known = np.full(n, -1, dtype=np.int64)
        self.step = 0
        self.refreshed = -1  # the last step at which all gains were computed
        self.symmetric = bool(np.isin(candidates, coverage.reference_rows).all())
        self.open = np.zeros(n, dtype=bool)
        self.open[candidates] = True
        self.heap: list[tuple[float, int]] = []

    def __iter__(self) -> Iterator[int]:
        """Yield the candidates in greedy order, each added to the coverage before it is yielded."""
        self._refresh()
        while self.heap:
            row = self._best()
            self.open[row] = False
            self.coverage.add(row)
            self.step += 1
            yield row

    def _refresh(self) -> None:
        rows = np.flatnonzero(self.open)
        self.refreshed = self.step
        if self.symmetric:
            self.gain[self.coverage.reference_rows] = self.coverage.reference_gains()
        else:
            self.gain[rows] = self.coverage.gains(rows)
        self.known[rows] = self.step
        self.heap = list(zip((-self._values(rows)).tolist(), rows.tolist(), strict=True))
        heapq.heapify(self.heap)

    def _values(self, rows: Int64s) -> Float64s:
        values: Float64s = self.scale * self.gain[rows] + self.bonus[rows]
        return values

    def _best(self) -> int:
        """Take the best row out of the heap, evaluating as few rows as can be the best."""
        fresh: list[int] = []
        top, slack, size = -np.inf, 0.0, FIRST_BATCH
        part = REPEATED_FRACTION if self.refreshed == self.step - 1 else REFRESH_FRACTION
        allowed: float = self.coverage.n_dense + max(TILE_ROWS, part * np.count_nonzero(self.open))
        while self.heap and -self.heap[0][0] >= top - slack:
            rows, settled = self._contenders(size, top - slack)
            stale = rows[(self.known[rows] < self.step) & (self.gain[rows] > 0)]
            self.gain[stale] = self.coverage.gains(stale)
            self.known[stale] = self.step
            fresh += rows.tolist()
            values = self._values(rows)
            lead = int(np.argmax(values))
            if values[lead] > top:
                top = float(values[lead])
                gain = float(self.gain[rows[lead]])
                slack = self.scale * (ERROR_FRACTION * gain + ERROR) if gain else 0.0
            if settled:
                break
            size = min(2 * size, TILE_ROWS)
            if self.symmetric and self.coverage.n_dense > allowed:
                self._refresh()
                fresh, top, slack, allowed = [], -np.inf, 0.0, np.inf
        return self._settle(np.asarray(fresh, dtype=np.int64), top - slack)

    def _contenders(self, size: int, least: float) -> tuple[Int64s, bool]:
        """Rows from the top of the heap; the flag says that the last one cannot be beaten by what is left in it."""
        rows: list[int] = []
        while self.heap and len(rows) < size and -self.heap[0][0] >= least:
            rows.append(heapq.heappop(self.heap)[1])
            # a row that adds nothing keeps its value, and the heap gives ties by position
            if self.gain[rows[-1]] == 0:
                return np.asarray(rows), True
        return np.asarray(rows), False

    def _settle(self, rows: Int64s, least: float) -> int:
        values = self._values(rows)
        near = np.sort(rows[values >= least])
        winner = int(near[0]) if near.size == 1 else self._tie_break(near)
        for value, row in zip(values.tolist(), rows.tolist(), strict=True):
            if row != winner:
                heapq.heappush(self.heap, (-value, row))
        return winner

    def _tie_break(self, near: Int64s) -> int:
        """The lowest of the rows whose values, evaluated one by one, are tied for the best."""
        known: dict[bytes, float] = {}  # copies of one text are common, and gain the same
        gains = np.zeros(near.size)
        for i, row in enumerate(near.tolist()):
            if self.gain[row] > 0:
                text = np.asarray(self.coverage.vectors[row]).tobytes()
                if text not in known:
                    known[text] = self.coverage.exact_gain(row)
                gains[i] = known[text]
        values = self.scale * gains + self.bonus[near]
        lead = int(np.argmax(values))
        slack = TIE_FRACTION * self.scale * gains[lead] + 1e-15 * abs(values[lead])
        return int(near[values >= values[lead] - slack][0])


def _unit(rows: Float32s) -> Float32s:
    """Rows of length 1 (a zero row stays), leaving those that have it to float32 precision bit for bit as they are."""
    scaled = unit_rows(rows)
    return np.where(np.abs(scaled - rows).max(axis=1, keepdims=True, initial=0) < UNIT_ERROR, rows, scaled)


def _column_sums(matrix: Float32s) -> Float64s:
    # in stretches of 64 rows: one float32 sum over all rows would lose more than ERROR_FRACTION
    stretches = np.add.reduceat(matrix, np.arange(0, matrix.shape[0], 64), axis=0)
    sums: Float64s = stretches.sum(axis=0, dtype=np.float64)
    return sums
