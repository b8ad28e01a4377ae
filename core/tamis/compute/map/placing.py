"""Rows that a layout was not made with, placed on it by their nearest rows."""

from __future__ import annotations

import numpy as np

from tamis.compute.map.neighbors import NearestRows
from tamis.compute.vectors import unit_rows
from tamis.types import Float32s

NEIGHBOURS = 5


def place_by_neighbours(
    vectors: Float32s, layout: Float32s, added: Float32s, *, neighbours: int = NEIGHBOURS
) -> Float32s:
    """Places (m, 2) of ``added`` (m, d) on the ``layout`` (n, 2) of ``vectors`` (n, d).

    The mean of the places of the nearest rows by cosine, each weighted by how much nearer it is than the last of them; rows
    without a finite place count for nothing. NaN for all where no row has a place.
    """
    placed = np.flatnonzero(np.isfinite(layout).all(axis=1))
    if not len(placed) or not len(added):
        return np.full((len(added), 2), np.nan, dtype=np.float32)
    k = min(neighbours + 1, len(placed))  # the last one sets the scale
    near, cosine = NearestRows(unit_rows(np.asarray(vectors[placed], dtype=np.float32))).search(
        unit_rows(np.asarray(added, dtype=np.float32)), k
    )
    weight = cosine - cosine.min(axis=1, keepdims=True) + np.float32(1e-6)
    weight[near < 0] = 0
    weight /= weight.sum(axis=1, keepdims=True)
    places: Float32s = np.einsum("ij,ijk->ik", weight, layout[placed][near]).astype(np.float32)
    return places
