"""The walk of a greedy log-determinant: the picks of the plain recursion, most of it in products of matrices.

What a row would add only falls as rows are picked. So between two passes over all rows a front, those that would add
most, is kept exact after every pick, and no other row can come first until the front's best falls to the others' best.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tamis.compute.select.log_det_kernel import Kernel
from tamis.compute.vectors import blocks
from tamis.errors import CurationError
from tamis.types import Float32s, Float64s, Int64s

STORED_NUMBERS = 250_000_000  # rows x picks that the walk keeps in float32: 1 GB
LEAST = 1e-12  # what a row is said to add where rounding leaves nothing
TIE_FRACTION = 1e-6  # gains closer than float32 can tell are tied: the lowest row wins
FRONT_ROWS = 4096
FRONT_PICKS = 64  # at most before all rows are brought up to date


def check_room(n: int, n_picks: float) -> None:
    """Raise CurationError where the walk over n rows would keep more numbers than fit."""
    if n * min(n, n_picks) > STORED_NUMBERS:
        raise CurationError(
            f"log_det keeps a number for each of {n:,} rows and each pick, at most {STORED_NUMBERS:,}: select "
            f"{STORED_NUMBERS // n:,} rows or fewer, or select within a smaller part of the rows."
        )


def greedy_places(kernel: Kernel, start: Int64s) -> Iterator[int]:
    """Places of the rows after those of ``start``, each the one that adds most to the log-determinant of those before."""
    walk = _Walk(kernel)
    queue = start.tolist()
    while walk.n_picks < walk.left.size:
        front = _Front(walk, np.array(queue[walk.n_picks :], dtype=np.int64))
        while len(front.picks) < front.most_picks and walk.n_picks + len(front.picks) < walk.left.size:
            number = walk.n_picks + len(front.picks)
            at = front.best() if number >= len(queue) else queue[number]
            if at is None:
                break
            front.pick(at)
            if number >= len(queue):
                yield at
        walk.take_in(front)


class _Walk:
    """What each of n rows would add after ``n_picks`` picks, ``left`` (n,), as a factor of the determinant.

    ``parts`` (b, n) float32 hold the rows' Cholesky vectors over these picks.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.left = kernel.diagonal()
        self.parts = np.empty((0, self.left.size), dtype=np.float32)
        self.n_picks = 0

    def take_in(self, front: _Front) -> None:
        """Bring every row up to date by all picks of a front at once."""
        # Here: whoever only imports a selection method need not wait for it.
        from scipy.linalg import solve_triangular

        before, now, n = self.n_picks, self.n_picks + len(front.picks), self.left.size
        if now > len(self.parts):
            self._make_room(now)
        new = np.array(front.picks, dtype=np.int64)
        chosen, triangle = self.kernel.take(new), front.triangle()
        known_of_new = self.parts[:before, new].T.copy()
        for rows in blocks(n, 16 * len(new) + self.kernel.units.shape[1]):
            between = chosen.against(self.kernel.take(rows)) - known_of_new @ self.parts[:before, rows]
            more = solve_triangular(triangle, between, lower=True, check_finite=False)
            self.parts[before:now, rows] = more
            self.left[rows] -= np.einsum("ij,ij->j", more, more)
        np.maximum(self.left, LEAST, out=self.left, where=self.left > -np.inf)
        self.left[new] = -np.inf
        self.n_picks = now

    def _make_room(self, needed: int) -> None:
        check_room(self.left.size, needed)
        rows = min(self.left.size, max(16, needed, 2 * len(self.parts)))
        grown = np.empty((rows, self.left.size), dtype=np.float32)
        grown[: self.n_picks] = self.parts[: self.n_picks]
        self.parts = grown


class _Front:
    """The rows that would add most, and those that ``must`` be picked, exact after each of its own ``picks``."""

    def __init__(self, walk: _Walk, must: Int64s) -> None:
        left = walk.left
        inside = left >= _least_inside(left)
        inside[must] = True
        self.places = np.flatnonzero(inside)
        self.outside = float(left[~inside].max(initial=-np.inf))
        self.most_picks = FRONT_PICKS if self.places.size <= 2 * FRONT_ROWS or len(must) else 1
        self.kernel = walk.kernel.take(self.places)
        self.left: Float64s = left[self.places]
        self.n_known = walk.n_picks
        room = self.n_known + min(self.most_picks, left.size - self.n_known)
        self.parts: Float32s = np.empty((room, self.places.size), dtype=np.float32)
        self.parts[: self.n_known] = walk.parts[: self.n_known, self.places]
        self.picks: list[int] = []
        self.roots: list[float] = []  # of what each pick added

    def best(self) -> int | None:
        """The place that adds most, the lowest of those that are tied; None where it may be outside."""
        tied = self.left.max() * (1 - TIE_FRACTION)
        if self.outside >= tied:
            return None
        return int(self.places[np.argmax(self.left >= tied)])

    def pick(self, place: int) -> None:
        """Take the row at a place, and say of all others what is left of them."""
        at, n = int(np.searchsorted(self.places, place)), self.n_known + len(self.picks)
        known = self.parts[:n]
        column = self.kernel.against(self.kernel.take(slice(at, at + 1)))[:, 0]
        root = float(np.sqrt(self.left[at]))
        more = (column - known[:, at] @ known) / root
        self.parts[n] = more
        self.left -= more * more
        np.maximum(self.left, LEAST, out=self.left, where=self.left > -np.inf)
        self.left[at] = -np.inf
        self.picks.append(place)
        self.roots.append(root)

    def triangle(self) -> Float64s:
        """The picks' own Cholesky factor over each other, (k, k), lower."""
        at = np.searchsorted(self.places, self.picks)
        factor = np.tril(self.parts[self.n_known : self.n_known + len(at), at].T.astype(np.float64), -1)
        np.fill_diagonal(factor, self.roots)
        return factor


def _least_inside(left: Float64s) -> float:
    """What the rows of a front would add at least: all that are tied with the best are in it."""
    tied = float(left.max()) * (1 - TIE_FRACTION)
    if left.size <= FRONT_ROWS:
        return -np.inf
    return min(tied, float(np.partition(left, left.size - FRONT_ROWS)[left.size - FRONT_ROWS]))
