"""NovelSum: how novel the rows of a selection are to each other, with one fixed pool as the measure of crowding (arXiv 2502.17184)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.select.novelty import ALPHA, BETA, NEIGHBOURS, density
from tamis.compute.vectors import block_of, blocks, unit_rows
from tamis.types import Float32s, Float64s, Int64s

MOST_ROWS, PART_ROWS, N_PARTS = 10_000, 5_000, 3


@dataclass(frozen=True, slots=True)
class NovelSum:
    """The number, what it is without crowding, and how far parts of a large selection differ."""

    value: float
    without_density: float  # the same with beta 0: nothing of it is how crowded the pool is there
    spread: float  # standard deviation over parts of the selection; NaN where it was measured whole
    n: int


def novel_sum(
    vectors: Float32s,
    rows: Int64s,
    *,
    reference: Int64s | None = None,
    n_neighbours: int = NEIGHBOURS,
    beta: float = BETA,
    alpha: float = ALPHA,
    rng: np.random.Generator | None = None,
) -> NovelSum:
    """Mean over ``rows`` of σ times the mean of their cosine distances to all of them, nearest first, weighed by rank^-alpha.

    ``vectors`` (n, d) are used at length 1; σ is ``density`` against the ``reference`` rows, all when None: with the selection
    itself a copy would raise the number. More than 10,000 rows are three random parts of 5,000. NaN for no row. It grows with
    the number of rows and depends on the encoder: compare equal sizes. METHODS.md 5.3.
    """
    if rows.size == 0:
        return NovelSum(float("nan"), float("nan"), float("nan"), 0)
    parts = [rows]
    if rows.size > MOST_ROWS:
        rng = np.random.default_rng(0) if rng is None else rng
        parts = [np.sort(rng.choice(rows, PART_ROWS, replace=False)) for _ in range(N_PARTS)]
    found = []
    for part in parts:
        crowding = density(vectors, part, reference=reference, n_neighbours=n_neighbours, beta=beta)
        apart = _ranked_distance(vectors, part, alpha)
        found.append((float((crowding * apart).mean()), float(apart.mean())))
    value, plain = np.mean(found, axis=0)
    spread = float(np.std([one for one, _ in found], ddof=1)) if len(found) > 1 else float("nan")
    return NovelSum(float(value), float(plain), spread, rows.size)


def _ranked_distance(vectors: Float32s, rows: Int64s, alpha: float) -> Float64s:
    units = unit_rows(block_of(vectors, rows)).astype(np.float64)
    weight = np.arange(1, rows.size + 1) ** -alpha
    mean = np.empty(rows.size)
    for part in blocks(rows.size, rows.size):
        apart = 1 - units[part] @ units.T
        apart[np.arange(len(apart)), np.arange(part.start, part.stop)] = 0
        apart.sort(axis=1)
        mean[part] = apart @ weight / weight.sum()
    return mean
