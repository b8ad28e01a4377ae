"""Greedy log-determinant: the likeliest set of a determinantal point process, one row after the other (METHODS.md 4.11)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.ranks import average_ranks
from tamis.compute.select.picks import Picked, Progress, Record, as_picked, checked_scores, pool_of, take
from tamis.compute.vectors import block_of, check_vectors, unit_rows
from tamis.errors import CurationError
from tamis.types import Float32s, Float64s, Int64s

RIDGE = 0.1  # added to the diagonal, so that a repeated row still has a volume
WIDTH_PAIRS = 1000  # pairs of rows whose median distance is the Gaussian kernel's width
STORED_NUMBERS = 250_000_000  # rows x picks that the walk keeps in float32: 1 GB
LEAST = 1e-12  # what a row is said to add where rounding leaves nothing
TIE_FRACTION = 1e-6  # gains closer than float32 can tell are tied: the lowest row wins


class Kernel:
    """The kernel q_i S_ij q_j of some rows: S the cosine, or a Gaussian of the distance, plus ``RIDGE`` on the diagonal.

    ``gaussian`` is for more picks than the vectors have numbers, where every cosine kernel is singular. ``strength`` (n,) is q.
    """

    def __init__(
        self, vectors: Float32s, rows: Int64s, *, gaussian: bool, strength: Float64s | None = None
    ) -> None:
        self.rows = rows
        self.units = unit_rows(block_of(vectors, rows))
        self.squares = np.einsum("ij,ij->i", self.units, self.units)
        self.strength = np.ones(rows.size) if strength is None else strength[rows]
        self.width = self._median_distance() if gaussian else 0.0

    def column(self, at: int) -> Float64s:
        """The kernel of every row with the one at place ``at``, without the ridge, shape (n,)."""
        cosine = (self.units @ self.units[at]).astype(np.float64)
        column: Float64s = (
            self.strength * self._of(cosine, self.squares + self.squares[at]) * self.strength[at]
        )
        return column

    def diagonal(self) -> Float64s:
        """The kernel of every row with itself, ridge included, shape (n,)."""
        own = np.ones(self.rows.size) if self.width else self.squares.astype(np.float64)
        diagonal: Float64s = self.strength**2 * (own + RIDGE)
        return diagonal

    def matrix(self, places: Int64s) -> Float64s:
        """The kernel of the rows at these places, ridge included, shape (b, b)."""
        units, squares, strength = (
            one[places].astype(np.float64) for one in (self.units, self.squares, self.strength)
        )
        made = strength[:, None] * self._of(units @ units.T, squares[:, None] + squares) * strength
        np.fill_diagonal(made, self.diagonal()[places])
        return made

    def _of(self, cosine: Float64s, squares: Float64s) -> Float64s:
        if not self.width:
            return cosine
        return np.exp(-np.maximum(squares - 2 * cosine, 0) / (2 * self.width**2))

    def _median_distance(self) -> float:
        n = self.rows.size
        rng = np.random.default_rng(0)
        left, right = rng.integers(n, size=(2, WIDTH_PAIRS))
        away = np.linalg.norm(self.units[left] - self.units[right], axis=1)[left != right]
        median = float(np.median(away)) if away.size else 0.0
        return median or 1.0


def strengths(quality: ArrayLike | None, n: int, weight: float) -> Float64s | None:
    """The q = exp(weight · rank), the rank of a row's quality among all in 0..1, ties sharing it and NaN in the middle; None for all 1."""
    if quality is None or weight == 0:
        return None
    scores = checked_scores(quality, n)
    known = np.flatnonzero(~np.isnan(scores))
    place = np.full(n, 0.5)
    if known.size > 1:
        place[known] = (average_ranks(scores[known]) - 1) / (known.size - 1)
    return np.exp(weight * place)


def log_det(
    vectors: Float32s,
    quality: ArrayLike | None = None,
    *,
    budget: int,
    gaussian: bool = False,
    quality_weight: float = 0.0,
    token_counts: ArrayLike | None = None,
    pinned: ArrayLike | None = None,
    excluded: ArrayLike | None = None,
    picked: ArrayLike | None = None,
    progress: Progress | None = None,
    record: Record | None = None,
) -> Picked:
    """Pick the row that most raises the log-determinant of the picked rows' kernel, until the budget is spent.

    ``vectors`` (n, d) are used at length 1; ``quality`` (n,) as in ``strengths``. Other arguments as in ``k_center``. Ties go
    to the lowest row. O(n b (b + d)) and n x b floats (Chen, Zhang and Zhou, arXiv 1709.05135).

    Raises InvalidOptions as ``k_center``, CurationError for vectors with NaN and where rows x picks do not fit.
    """
    n, _ = check_vectors(vectors)
    pool = pool_of(n, pinned=pinned, excluded=excluded, picked=picked)
    rows = np.flatnonzero(pool.available)
    kernel = Kernel(vectors, rows, gaussian=gaussian, strength=strengths(quality, n, quality_weight))
    order = _walk(kernel, np.searchsorted(rows, pool.start))
    taken = take(order, pool, budget=budget, token_counts=token_counts, progress=progress, record=record)
    return as_picked(taken, pool, budget=budget, token_counts=token_counts)


def log_det_gains(kernel: Kernel, rows: Int64s) -> Float64s:
    """What each of ``rows`` (b,) added to the log-determinant of those before it, by one Cholesky decomposition."""
    places = np.searchsorted(kernel.rows, rows)
    gains: Float64s = 2 * np.log(np.diagonal(np.linalg.cholesky(kernel.matrix(places))))
    return gains


def check_room(n: int, n_picks: float) -> None:
    """Raise CurationError where the walk over n rows would keep more numbers than fit."""
    if n * min(n, n_picks) > STORED_NUMBERS:
        raise CurationError(
            f"log_det keeps a number for each of {n:,} rows and each pick, at most {STORED_NUMBERS:,}: select "
            f"{STORED_NUMBERS // n:,} rows or fewer, or select within a smaller part of the rows."
        )


def _walk(kernel: Kernel, start: Int64s) -> Iterator[int]:
    left = kernel.diagonal()  # what each row would add, as a factor of the determinant
    parts = np.empty((max(16, 2 * start.size), left.size), dtype=np.float32)
    n_picked = 0
    queue = start.tolist()
    while n_picked < left.size:
        if n_picked == len(parts):
            check_room(left.size, n_picked + 1)
            parts = np.concatenate([parts, np.empty_like(parts)])[: left.size]
        if n_picked < len(queue):
            at = queue[n_picked]
        else:
            top = left.max()
            at = int(np.argmax(left >= top * (1 - TIE_FRACTION)))
        known = parts[:n_picked]
        more = (kernel.column(at) - known[:, at] @ known) / np.sqrt(left[at])
        parts[n_picked] = more
        left -= more * more
        np.maximum(left, LEAST, out=left, where=left > -np.inf)
        left[at] = -np.inf
        n_picked += 1
        if n_picked > start.size:
            queue.append(at)
            yield int(kernel.rows[at])
