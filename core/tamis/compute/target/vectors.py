"""Vectors for retrieval: positions weighed as in RDS+, and whitening by the pool's own covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.errors import InvalidOptions
from tamis.types import Float32s, Float64s

ENOUGH_ROWS = 10  # rows for each dimension of a covariance


def position_weights(mask: ArrayLike) -> Float64s:
    """Weights of hidden states (n, L) by position from 1 on, a later one more: ``i·mask_i / Σ i·mask_i`` (RDS+, 2503.01807).

    ``mask`` (n, L) is 1 for tokens and 0 for padding, which must be on the right; a row without a token has weights of 0.
    """
    present = np.asarray(mask, dtype=np.float64)
    weights = present * np.arange(1, present.shape[1] + 1)
    total = weights.sum(axis=1, keepdims=True)
    result: Float64s = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return result


@dataclass(frozen=True, slots=True)
class Whitening:
    """A map ``x ← W (x − mean)`` to length 1; ``mean`` (d,), ``matrix`` (d, d') float64, fitted to ``n_rows`` rows."""

    mean: Float64s
    matrix: Float64s
    n_rows: int

    @property
    def is_well_founded(self) -> bool:
        """Whether there were rows enough for a covariance of so many dimensions."""
        return self.n_rows >= ENOUGH_ROWS * len(self.mean)

    def apply(self, vectors: Float32s) -> Float32s:
        """The vectors (n, d) mapped, to unit length; one that falls on the mean stays zero, and so does a zero vector."""
        n, _ = check_vectors(vectors)
        out = np.zeros((n, self.matrix.shape[1]), dtype=np.float32)
        for rows in blocks(n, len(self.mean)):
            block = block_of(vectors, rows)
            filled = block.any(axis=1)
            moved = (block[filled].astype(np.float64) - self.mean) @ self.matrix
            out[np.arange(n)[rows][filled]] = unit_rows(moved.astype(np.float32))
        return out


def fit_whitening(pool: Float32s, *, shrinkage: float = 0.1, n_axes: int | None = None) -> Whitening:
    """The whitening of a pool (n, d) by its own mean and covariance (1/n); zero rows, of blank texts, say nothing.

    ``shrinkage`` γ draws every eigenvalue to their mean, ``(1−γ)Λ + γ·mean(Λ)``, so that an axis that hardly varies is
    not blown up. The map turns back to the vectors' own axes (ZCA), or keeps the ``n_axes`` widest. Raises InvalidOptions
    for fewer than two filled rows, for a γ outside 0 to 1, and for rows that do not vary along an axis where γ is 0.
    """
    if not 0 <= shrinkage <= 1:
        raise InvalidOptions(f"shrinkage = {shrinkage:g} is outside 0 to 1.")
    n_rows, mean, covariance = _moments(pool)
    if n_rows < 2:
        raise InvalidOptions(f"Whitening needs two rows with a text at least, and there are {n_rows}.")
    values, axes = np.linalg.eigh(covariance)
    values = (1 - shrinkage) * np.maximum(values, 0) + shrinkage * values.mean()
    if values[0] <= 1e-12 * max(values[-1], 1e-300):
        raise InvalidOptions(
            "The rows do not vary along every axis of their vectors: raise shrinkage above 0, or leave whiten off."
        )
    scaled = axes / np.sqrt(values)
    matrix = scaled @ axes.T if n_axes is None else scaled[:, ::-1][:, :n_axes]
    return Whitening(mean, np.ascontiguousarray(matrix), n_rows)


def _moments(pool: Float32s) -> tuple[int, Float64s, Float64s]:
    """Number of filled rows, their mean (d,) and covariance (d, d), in two passes."""
    n, d = check_vectors(pool)
    count, total = 0, np.zeros(d)
    for rows in blocks(n, d):
        block = block_of(pool, rows)
        count += int(block.any(axis=1).sum())
        total += block.sum(axis=0, dtype=np.float64)
    mean = total / max(1, count)
    covariance = np.zeros((d, d))
    for rows in blocks(n, d):
        block = block_of(pool, rows)
        centred = block[block.any(axis=1)].astype(np.float64) - mean
        covariance += centred.T @ centred
    return count, mean, covariance / max(1, count)
