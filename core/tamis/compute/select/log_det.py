"""Greedy log-determinant: the likeliest set of a determinantal point process, one row after the other (METHODS.md 4.11)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.ranks import average_ranks
from tamis.compute.select.log_det_kernel import Kernel
from tamis.compute.select.log_det_walk import check_room, greedy_places
from tamis.compute.select.picks import Picked, Progress, Record, as_picked, checked_scores, pool_of, take
from tamis.compute.vectors import check_vectors
from tamis.types import Float32s, Float64s, Int64s

__all__ = ["Kernel", "check_room", "log_det", "log_det_gains", "strengths"]


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
    order = (int(rows[place]) for place in greedy_places(kernel, np.searchsorted(rows, pool.start)))
    taken = take(order, pool, budget=budget, token_counts=token_counts, progress=progress, record=record)
    return as_picked(taken, pool, budget=budget, token_counts=token_counts)


def log_det_gains(kernel: Kernel, rows: Int64s) -> Float64s:
    """What each of ``rows`` (b,) added to the log-determinant of those before it, by one Cholesky decomposition."""
    places = np.searchsorted(kernel.rows, rows)
    gains: Float64s = 2 * np.log(np.diagonal(np.linalg.cholesky(kernel.matrix(places))))
    return gains
