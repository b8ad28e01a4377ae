"""How far a picture of two dimensions can be believed: trustworthiness and continuity of its neighbourhoods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.vectors import unit_rows
from tamis.types import Float32s, Float64s, Int64s

NEIGHBOURS = 15
SAMPLE = 1_500  # rows; the ranks of all pairs of them are held at once


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """``trustworthiness``: rows that lie together on the picture belong together; ``continuity``: rows that belong together
    lie together. Both at most 1 and about .5 for a random picture; over ``n_rows``, ``neighbours`` of each.
    """

    trustworthiness: float
    continuity: float
    n_rows: int
    neighbours: int


def measure_faithfulness(
    vectors: Float32s, layout: Float32s, *, neighbours: int = NEIGHBOURS, sample: int = SAMPLE, seed: int = 0
) -> Faithfulness | None:
    """Of at most ``sample`` rows drawn evenly, among themselves; cosine in ``vectors`` (n, d), Euclidean in ``layout`` (n, 2).

    Rows without a finite place are left out. None where fewer than 3 * neighbours + 2 are left. Venna and Kaski, 2001.
    """
    placed = np.flatnonzero(np.isfinite(layout).all(axis=1))
    if len(placed) > sample:
        placed = np.sort(np.random.default_rng(seed).choice(placed, sample, replace=False))
    n, k = len(placed), neighbours
    if n < 3 * k + 2:
        return None
    unit = unit_rows(np.asarray(vectors[placed], dtype=np.float32)).astype(np.float64)
    at = np.asarray(layout[placed], dtype=np.float64)
    above = _ranks(1 - unit @ unit.T)
    squares = (at**2).sum(axis=1)
    below = _ranks(squares[:, None] + squares[None, :] - 2 * at @ at.T)
    most = n * k * (2 * n - 3 * k - 1) / 2
    return Faithfulness(1 - _intruders(above, below, k) / most, 1 - _intruders(below, above, k) / most, n, k)


def _ranks(distances: Float64s) -> Int64s:
    """Rank of every column among the neighbours of its row, from 1; 0 for the row itself. Ties by number."""
    np.fill_diagonal(distances, -np.inf)
    order = np.argsort(distances, axis=1, kind="stable")
    ranks = np.empty(order.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(order.shape[1])[None, :], axis=1)
    return ranks


def _intruders(true: Int64s, shown: Int64s, k: int) -> float:
    """How far beyond rank k those lie that are shown among the first k and are not."""
    intrude = (shown <= k) & (shown > 0) & (true > k)
    return float((true[intrude] - k).sum())
