"""How well a pool covers a target: the nearest row of every example against how near rows of the pool are to each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.vectors import block_of, blocks
from tamis.types import Bools, Float32s, Float64s, Int64s

NULL_ROWS = 200
FALSE_DISCOVERIES = 0.10


@dataclass(frozen=True, slots=True)
class TargetCoverage:
    """Per example (E,): its ``best`` similarity to a row, ``p`` of a row of the pool being as far, and whether it is
    ``out_of_reach``; NaN and False for an example without a vector. ``null`` (m,) are the similarities of rows of the pool to their nearest.
    """

    best: Float64s
    p: Float64s
    out_of_reach: Bools
    null: Float64s

    @property
    def covered_fraction(self) -> float:
        """The share of examples that the pool has rows near to; NaN without an example."""
        told = ~np.isnan(self.best)
        return float(1 - self.out_of_reach[told].mean()) if told.any() else float("nan")


def benjamini_hochberg(p: Float64s, rate: float) -> Bools:
    """Which p values are discoveries at this false discovery rate (Benjamini and Hochberg 1995); NaN never is."""
    from scipy.stats import false_discovery_control

    told = ~np.isnan(p)
    found = np.zeros(len(p), dtype=np.bool_)
    if told.any():
        found[told] = false_discovery_control(p[told]) <= rate
    return found


def null_similarities(
    pool: Float32s, groups: Int64s, rng: np.random.Generator, n_null: int = NULL_ROWS
) -> Float64s:
    """Similarities (m,) of up to ``n_null`` random rows of unit vectors (n, d) to the nearest row outside their own group.

    ``groups`` (n,) are duplicates and families, which are nearer than anything that a target can find.
    """
    filled = np.flatnonzero([bool(pool[row].any()) for row in range(len(pool))])
    drawn = np.sort(rng.choice(filled, min(n_null, filled.size), replace=False))
    best = np.full(drawn.size, -np.inf)
    for rows in blocks(len(pool), max(pool.shape[1], max(1, drawn.size))):
        near = (block_of(pool, drawn) @ block_of(pool, rows).T).astype(np.float64)
        near[groups[drawn][:, None] == groups[rows][None, :]] = -np.inf
        near[:, ~block_of(pool, rows).any(axis=1)] = -np.inf
        best = np.maximum(best, near.max(axis=1))
    return np.sort(best[best > -np.inf])


def cover_examples(best: Float64s, null: Float64s, *, rate: float = FALSE_DISCOVERIES) -> TargetCoverage:
    """Which examples are farther from the pool than its own rows are, from the ``best`` similarity (E,) of each.

    ``p = (1 + rows of the null that are as far or farther) / (m + 1)``; those beyond reach are its discoveries at ``rate``.
    """
    best = np.asarray(best, dtype=np.float64)
    ordered = np.sort(null)
    p = (1 + np.searchsorted(ordered, best, side="right")) / (ordered.size + 1)
    p = np.where(np.isnan(best), np.nan, p)
    return TargetCoverage(best, p, benjamini_hochberg(p, rate), ordered)
