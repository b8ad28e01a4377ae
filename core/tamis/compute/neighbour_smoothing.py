"""A score averaged with that of a row's nearest neighbours (idea of DS2 and T-SHIRT; METHODS.md 4.14)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.vectors import block_of, check_vectors, unit_rows
from tamis.errors import InvalidOptions
from tamis.types import Float32s, Float64s, Int64s

LEAST_COSINE = 1e-6
TILE = 20_000_000  # cosines in memory at once


@dataclass(frozen=True, slots=True)
class Smoothed:
    """The smoothed score of each row, and how far its neighbours' scores lie apart."""

    score: Float64s  # (n,); NaN where a row has no score of its own
    local_sd: Float64s  # (n,); NaN where fewer than two neighbours have a score


def smooth(
    vectors: Float32s,
    score: ArrayLike,
    *,
    k: int = 10,
    weight: float = 0.5,
    first: Int64s | None = None,
) -> Smoothed:
    """(1 - ``weight``) · score + ``weight`` · mean of the ``k`` nearest rows' scores, weighed by their cosine where it is above 1e-6.

    ``score`` (n,), NaN = none: such neighbours are passed over. Rows that share ``first`` (n,) say the same and are no
    neighbours of each other. A row whose neighbours have no weight keeps its score. Ties go to the lower row. O(n² d).

    Raises InvalidOptions for scores of another number of rows, k below 1 and a weight outside 0..1.
    """
    n, _ = check_vectors(vectors)
    values = np.asarray(score, dtype=np.float64)
    if values.shape != (n,) or k < 1 or not 0 <= weight <= 1:
        raise InvalidOptions(
            f"Smoothing needs a score for each of {n} rows, k of 1 or more and a weight of 0 to 1, got {values.shape}, "
            f"{k} and {weight}."
        )
    group = np.arange(n) if first is None else first
    units = unit_rows(block_of(vectors, np.arange(n)))
    known = np.flatnonzero(~np.isnan(values))
    made, spread = values.copy(), np.full(n, np.nan)
    step = max(1, TILE // n)
    for top in range(0, n, step):
        rows = np.arange(top, min(n, top + step))
        cosine = (units[rows] @ units[known].T).astype(np.float64)
        cosine[group[rows][:, None] == group[known]] = -np.inf
        near, weights = _nearest(cosine, min(k, known.size))
        theirs = values[known][near]
        total = weights.sum(axis=1)
        mean = (weights * theirs).sum(axis=1) / np.where(total > 0, total, 1)
        made[rows] = np.where(total > 0, (1 - weight) * values[rows] + weight * mean, values[rows])
        spread[rows] = _spread(theirs, np.isfinite(np.take_along_axis(cosine, near, axis=1)))
    return Smoothed(made, spread)


def _nearest(cosine: Float64s, k: int) -> tuple[Int64s, Float64s]:
    """Places (m, k) of the highest cosines, ties to the lower, and the weights of these rows."""
    near = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(cosine, near, axis=1)
    return near, np.where(values > LEAST_COSINE, values, 0.0)


def _spread(values: Float64s, counted: ArrayLike) -> Float64s:
    mask = np.asarray(counted)
    n = mask.sum(axis=1)
    mean = np.where(mask, values, 0).sum(axis=1) / np.maximum(1, n)
    squares = (np.where(mask, values - mean[:, None], 0) ** 2).sum(axis=1)
    return np.where(n > 1, np.sqrt(squares / np.maximum(1, n - 1)), np.nan)
