"""Values of a column as group numbers, so that a budget can be divided over them (METHODS.md 1.3), and places in groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.types import Float64s, Int64s

NO_GROUP = -1


def group_by_value(values: NDArray[Any]) -> tuple[Int64s, int]:
    """Group (n,) of each value in the order in which values first occur, -1 for None, and the number of groups."""
    seen: dict[Any, int] = {}
    codes = [NO_GROUP if value is None else seen.setdefault(value, len(seen)) for value in values.tolist()]
    return np.asarray(codes, dtype=np.int64), len(seen)


def group_by_quantile(values: Float64s, n_bins: int) -> tuple[Int64s, int]:
    """Group (n,) of each number when their range is cut at quantiles, -1 for NaN and infinity, and the number of groups.

    At most ``n_bins`` groups, as even as can be; fewer where many rows share a number.
    """
    known = np.isfinite(values)
    codes = np.full(values.size, NO_GROUP, dtype=np.int64)
    if known.any():
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, n_bins + 1)))[1:-1]
        # Numbered anew, because an edge at which no row lies leaves a group empty.
        _, codes[known] = np.unique(np.searchsorted(edges, values[known], side="right"), return_inverse=True)
    return codes, int(codes.max(initial=NO_GROUP)) + 1


def places_in_groups(sizes: Int64s) -> Int64s:
    """0, 1, 2 … inside each group, for rows sorted by group; ``sizes`` (k,) of the groups in that order."""
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.arange(start.size) - start
