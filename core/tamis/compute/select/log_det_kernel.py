"""The kernel of a greedy log-determinant, whose columns are made as they are asked for."""

from __future__ import annotations

from copy import copy

import numpy as np

from tamis.compute.vectors import block_of, unit_rows
from tamis.types import Float32s, Float64s, Int64s

RIDGE = 0.1  # added to the diagonal, so that a repeated row still has a volume
WIDTH_PAIRS = 1000  # pairs of rows whose median distance is the Gaussian kernel's width


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

    def take(self, places: Int64s | slice) -> Kernel:
        """The kernel of the rows at these places alone, of the same width."""
        part = copy(self)
        part.rows, part.units = self.rows[places], self.units[places]
        part.squares, part.strength = self.squares[places], self.strength[places]
        return part

    def against(self, other: Kernel) -> Float64s:
        """The kernel of every row with every row of another part, without the ridge, shape (n, m)."""
        cosine = (self.units @ other.units.T).astype(np.float64)
        made = (
            self.strength[:, None] * self._of(cosine, self.squares[:, None] + other.squares) * other.strength
        )
        return np.asarray(made, dtype=np.float64)

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
