"""Which points of a map lie inside a lasso or a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.errors import InvalidOptions
from tamis.types import Bools, Float64s


def points_in_polygon(xy: NDArray[np.floating], polygon: ArrayLike) -> Bools:
    """Whether each point of ``xy`` (n, 2) is inside ``polygon`` (m, 2), by the even-odd rule; shape (n,).

    The polygon closes itself and may cross itself: a part that its line goes round twice is outside. Points
    on the line belong to one side or the other such that neighbouring polygons share none. NaN points are
    outside.

    Raises InvalidOptions for fewer than three corners or a corner that is not two finite numbers.
    """
    corners = _corners(polygon)
    inside = np.zeros(len(xy), dtype=bool)
    low, high = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero(points_in_box(xy, (low[0], high[0]), (low[1], high[1])))
    near = near[np.argsort(xy[near, 1], kind="stable")]
    x, y = xy[near, 0].astype(np.float64), xy[near, 1].astype(np.float64)
    odd = np.zeros(near.size, dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        # Points are sorted by y, so an edge looks only at those at its own height.
        first, last = np.searchsorted(y, sorted((y1, y2)), side="left")
        at = slice(first, last)
        odd[at] ^= x[at] < x1 + (y[at] - y1) * ((x2 - x1) / (y2 - y1))
    inside[near] = odd
    return inside


def points_in_box(
    xy: NDArray[np.floating], x_range: tuple[float, float], y_range: tuple[float, float]
) -> Bools:
    """Whether each point of ``xy`` (n, 2) is inside the box, its border included; ranges in either order.

    NaN points are outside.
    """
    (left, right), (bottom, top) = sorted(x_range), sorted(y_range)
    x, y = xy[:, 0], xy[:, 1]
    inside: Bools = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    return inside


def _corners(polygon: ArrayLike) -> Float64s:
    corners = np.asarray(polygon, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise InvalidOptions(f"A polygon has the shape {corners.shape}: give three or more corners (x, y).")
    if not np.isfinite(corners).all():
        raise InvalidOptions("A polygon has a corner that is not finite: draw the lasso again.")
    return corners
