"""What a map draws of a dataset too large to draw: a sample that keeps every cluster, over a density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.compute.select.kmq import kmq
from tamis.errors import InvalidOptions
from tamis.types import Float64s, Int64s


@dataclass(frozen=True, slots=True)
class DensityGrid:
    """How many points fall into each cell of a grid over all finite points."""

    counts: Int64s  # (bins, bins), counts[i, j]: column i of x, row j of y
    x_edges: Float64s  # (bins + 1,)
    y_edges: Float64s  # (bins + 1,)


def stratified_sample(
    cluster_id: ArrayLike, size: int, *, always: ArrayLike | None = None, rng: np.random.Generator
) -> Int64s:
    """At most ``size`` rows, ascending, divided over clusters (n,) (-1: noise) in proportion to their sizes.

    Rows where ``always`` (n,) is True are kept, and count; when they alone exceed ``size``, that many of them
    are drawn, divided over clusters as well. All rows come back when they fit.
    """
    ids = np.asarray(cluster_id, dtype=np.int64)
    if size < 0:
        raise InvalidOptions(f"The sample size is {size}: give 0 or more.")
    if ids.size <= size:
        return np.arange(ids.size)
    if size == 0:
        return np.empty(0, dtype=np.int64)
    keep = np.zeros(ids.size, dtype=bool) if always is None else np.asarray(always, dtype=bool)
    n_clusters = max(1, int(ids.max()) + 1)
    too_many = int(keep.sum()) > size
    picked = kmq(
        ids,
        None,
        budget=size,
        n_clusters=n_clusters,
        pinned=None if too_many else keep,
        excluded=~keep if too_many else None,
        rng=rng,
    )
    return np.sort(picked.rows)


def density_grid(xy: NDArray[np.floating], bins: int) -> DensityGrid:
    """Count the points of ``xy`` (n, 2) on a grid of ``bins`` by ``bins``.

    Points that are not finite are left out.
    The grid covers the range of the points; an axis on which all are equal gets a width of 1.

    Raises InvalidOptions when bins is below 1.
    """
    if bins < 1:
        raise InvalidOptions(f"The number of bins is {bins}: give 1 or more.")
    points = np.asarray(xy, dtype=np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        points = np.empty((0, 2))
        low, high = np.zeros(2), np.ones(2)
    else:
        low, high = points.min(axis=0), points.max(axis=0)
    flat = high <= low
    low, high = np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high)
    cell = np.minimum(((points - low) / (high - low) * bins).astype(np.int64), bins - 1)
    counts = np.bincount(cell[:, 0] * bins + cell[:, 1], minlength=bins * bins).reshape(bins, bins)
    return DensityGrid(counts, np.linspace(low[0], high[0], bins + 1), np.linspace(low[1], high[1], bins + 1))
