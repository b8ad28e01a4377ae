"""Rows that a layout was not made with, placed on it by their nearest rows."""

from __future__ import annotations

import numpy as np

from tamis.compute.map.neighbors import NearestRows
from tamis.compute.vectors import unit_rows
from tamis.types import Float32s, Int64s

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
    return _between(near, cosine, layout[placed])


def place_by_similarity(
    similarities: Float32s, layout: Float32s, *, neighbours: int = NEIGHBOURS
) -> Float32s:
    """Like ``place_by_neighbours`` where the similarities (n, m) of the rows to what is placed are known, NaN for none.

    NaN for what is similar to no row that has a place.
    """
    placed = np.flatnonzero(np.isfinite(layout).all(axis=1))
    places = np.full((similarities.shape[1], 2), np.nan, dtype=np.float32)
    for item in range(similarities.shape[1]):  # the matrix may be a file: one column at a time
        column = np.asarray(similarities[:, item])[placed]
        known = np.flatnonzero(np.isfinite(column))
        k = min(neighbours + 1, len(known))
        if k:
            nearest = known[np.argpartition(-column[known], k - 1)[:k]]
            places[item] = _between(nearest[None], column[nearest][None], layout[placed])[0]
    return places


def _between(near: Int64s, cosine: Float32s, layout: Float32s) -> Float32s:
    """The weighted mean of the places of rows ``near`` (m, k); −1 is no row."""
    weight = cosine - cosine.min(axis=1, keepdims=True) + np.float32(1e-6)
    weight[near < 0] = 0
    weight /= weight.sum(axis=1, keepdims=True)
    places: Float32s = np.einsum("ij,ijk->ik", weight, layout[near]).astype(np.float32)
    return places
