"""How alike the losses of two mixtures are: straight in the shares, straight in their roots, and curved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.types import Float64s


@dataclass(frozen=True, slots=True)
class KernelParts:
    """``linear`` and ``squares``, squared distances of the roots of shares, each (m, n)."""

    linear: Float64s
    squares: Float64s


@dataclass(frozen=True, slots=True)
class KernelScale:
    """Weight of the linear part, of the curved one, and its length, all relative to the variance of a run's noise."""

    linear: float
    curved: float
    length: float

    def of(self, parts: KernelParts) -> Float64s:
        """``linear · parts.linear + curved · exp(−squares / 2 length²)``, (m, n)."""
        kernel: Float64s = self.linear * parts.linear + self.curved * curve(parts.squares, self.length)
        return kernel


def curve(squares: Float64s, length: float) -> Float64s:
    """``exp(−squares / 2 length²)``: 1 for equal mixtures."""
    near: Float64s = np.exp(-squares / (2 * length**2))
    return near


def kernel_parts(first: Float64s, second: Float64s, pool: Float64s) -> KernelParts:
    """Parts for mixtures (m, k) and (n, k) around the pool's shares (k,). METHODS.md 5.10."""
    moved = (first - pool) @ (second - pool).T
    roots, others, centre = np.sqrt(first), np.sqrt(second), np.sqrt(pool)
    linear = len(pool) * (moved + (roots - centre) @ (others - centre).T)
    squares = first.sum(axis=1)[:, None] + second.sum(axis=1)[None] - 2 * roots @ others.T
    return KernelParts(linear, np.maximum(squares, 0.0))


def paired_parts(first: Float64s, second: Float64s, pool: Float64s) -> KernelParts:
    """Parts of the variance of a difference of row i of one and row i of the other, each (m,).

    ``linear`` is k(x, x) + k(y, y) − 2 k(x, y) of the linear part.
    """
    shares, roots = first - second, np.sqrt(first) - np.sqrt(second)
    squares = (roots**2).sum(axis=1)
    return KernelParts(len(pool) * ((shares**2).sum(axis=1) + squares), squares)
