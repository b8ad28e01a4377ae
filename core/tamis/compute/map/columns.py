"""A column of any kind as one byte a row: what colours a map. 255 is a missing value wherever it appears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tamis.types import Float64s, Int64s

MISSING, OTHER = 255, 254
MOST_GROUPS = 254  # values that have a byte of their own
MOST_BINS = 254
FOLDED = 20  # colours that small groups share, where a colour goes by the group's number

UInt8s = NDArray[np.uint8]


def encode_groups(groups: NDArray[np.integer], *, fold: bool = False) -> tuple[UInt8s, Int64s]:
    """A byte per row of ``groups`` (n,), whose negative values are missing, and the group that each byte stands for.

    Bytes go by size, largest first; groups beyond MOST_GROUPS share OTHER. With ``fold`` the small ones share FOLDED
    bytes instead, by their number modulo FOLDED, and the answer names -1 for those.
    """
    groups = np.asarray(groups, dtype=np.int64)
    sizes = np.bincount(groups[groups >= 0])
    by_size = np.argsort(-sizes, kind="stable")
    by_size = by_size[sizes[by_size] > 0]
    folding = fold and len(by_size) > MOST_GROUPS
    named = by_size[: MOST_GROUPS - FOLDED if folding else MOST_GROUPS]
    codes = np.full(len(sizes) + 1, MISSING, np.uint8)  # the last place is for -1
    codes[by_size] = len(named) + by_size % FOLDED if folding else OTHER
    codes[named] = np.arange(len(named))
    stands_for = np.concatenate([named, np.full(FOLDED, -1)]) if folding else named
    return codes[np.where(groups < 0, len(sizes), groups)], stands_for.astype(np.int64)


def encode_numbers(values: NDArray[np.floating]) -> tuple[UInt8s, Float64s]:
    """A byte per number (n,), and the edges of the bins, (bins + 1,); numbers that are not finite are missing.

    A value that takes a whole quantile bin has one of its own, so a column of few values keeps all of them. No finite
    value, no edges.
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers)
    codes = np.full(len(numbers), MISSING, np.uint8)
    if not known.any():
        return codes, np.empty(0)
    edges = _edges(numbers[known])
    codes[known] = np.clip(np.searchsorted(edges, numbers[known], side="right") - 1, 0, len(edges) - 2)
    return codes, edges


def _edges(known: Float64s) -> Float64s:
    few = np.unique(known[:: max(1, len(known) // 20_000)])
    values = np.unique(known) if len(few) <= MOST_BINS else few
    if len(values) <= MOST_BINS:
        # One bin a value, from it up to the next.
        return np.append(values, np.nextafter(values[-1], np.inf))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, MOST_BINS + 1)))
    return edges if len(edges) > 1 else np.append(edges, np.nextafter(edges[-1], np.inf))
