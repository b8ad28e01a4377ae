"""A score averaged with that of a row's nearest neighbours (idea of DS2 and T-SHIRT; METHODS.md 4.14)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tamis.compute.nearest_rows import nearest_of_all
from tamis.compute.vectors import block_of, check_vectors, unit_rows
from tamis.errors import InvalidOptions
from tamis.types import Float32s, Float64s, Int64s

LEAST_COSINE = 1e-6


@dataclass(frozen=True, slots=True)
class Smoothed:
    """The smoothed score of each row, and how far its neighbours' scores lie apart."""

    score: Float64s  # (n,); NaN where a row has no score of its own
    local_sd: Float64s  # (n,); NaN for a row without a score, or with fewer than two such neighbours


def smooth(
    vectors: Float32s,
    score: ArrayLike,
    *,
    k: int = 10,
    weight: float = 0.5,
    first: Int64s | None = None,
    beat: Callable[[], None] | None = None,
) -> Smoothed:
    """(1 - ``weight``) · score + ``weight`` · mean of the ``k`` nearest rows' scores, weighed by their cosine where it is above 1e-6.

    ``score`` (n,), NaN = none: such neighbours are passed over. Rows that share ``first`` (n,) say the same and are no
    neighbours of each other. A row whose neighbours have no weight keeps its score. Ties go to the lower row. O(n² d / 2);
    ``beat`` is called often meanwhile.

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
    known = np.flatnonzero(~np.isnan(values))
    made, spread = values.copy(), np.full(n, np.nan)
    if not known.size:
        return Smoothed(made, spread)
    # A row without a score keeps none, so those with one are all there is to look at.
    units = unit_rows(block_of(vectors, known))
    found = nearest_of_all(units, min(k, known.size), group=group[known], beat=beat)
    there = np.isfinite(found.cosine)
    weights = np.where(found.cosine > LEAST_COSINE, found.cosine, 0.0).astype(np.float64)
    theirs = values[known][np.minimum(found.places, known.size - 1)]
    total = weights.sum(axis=1)
    mean = (weights * theirs).sum(axis=1) / np.where(total > 0, total, 1)
    own = values[known]
    made[known] = np.where(total > 0, (1 - weight) * own + weight * mean, own)
    spread[known] = _spread(theirs, there)
    return Smoothed(made, spread)


def _spread(values: Float64s, counted: ArrayLike) -> Float64s:
    mask = np.asarray(counted)
    n = mask.sum(axis=1)
    mean = np.where(mask, values, 0).sum(axis=1) / np.maximum(1, n)
    squares = (np.where(mask, values - mean[:, None], 0) ** 2).sum(axis=1)
    return np.where(n > 1, np.sqrt(squares / np.maximum(1, n - 1)), np.nan)
