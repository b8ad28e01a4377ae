"""The nearest rows of every row, exactly: each cosine is computed once and looked at from both of its ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tamis.types import Float32s, Int64s

TILE = 2048  # rows whose cosines with as many others are in memory at once: 16 MB
MANY = 16  # times as many as a row keeps: more of one tile are no longer sorted one by one


@dataclass(frozen=True, slots=True)
class NearestOfAll:
    """``places`` (n, k) of the rows nearest to each, the nearest first, and their ``cosine`` (n, k), -inf where there are fewer."""

    places: Int64s
    cosine: Float32s


def nearest_of_all(
    units: Float32s, k: int, *, group: Int64s | None = None, beat: Callable[[], None] | None = None
) -> NearestOfAll:
    """The ``k`` rows of the highest cosine to each of ``units`` (n, d), unit vectors, that are of another ``group`` (n,).

    Without groups a row is no neighbour of itself alone. Ties go to the lower row. O(n² d / 2), and n k numbers beside
    a tile; ``beat`` is called at every tile.
    """
    n = len(units)
    own = np.arange(n) if group is None else group
    found = NearestOfAll(np.full((n, k), n, dtype=np.int64), np.full((n, k), -np.inf, dtype=np.float32))
    parts = [slice(start, min(n, start + TILE)) for start in range(0, n, TILE)]
    for part in parts:
        # First each tile with itself: what is found there says what of the others need be looked at.
        cosine = units[part] @ units[part].T
        cosine[own[part][:, None] == own[part]] = -np.inf
        _start(found, part, cosine)
    for i, part in enumerate(parts):
        for other in parts[i + 1 :]:
            if beat is not None:
                beat()
            cosine = units[part] @ units[other].T
            _look(found, own, part, other, cosine, down=False)
            _look(found, own, other, part, cosine, down=True)
    return found


def _start(found: NearestOfAll, part: slice, cosine: Float32s) -> None:
    k = min(found.places.shape[1], len(cosine))
    limit = np.partition(cosine, len(cosine) - k, axis=1)[:, len(cosine) - k]
    rows, places = np.nonzero((cosine >= limit[:, None]) & np.isfinite(cosine))
    _merge(found, rows + part.start, places + part.start, cosine[rows, places])


def _look(
    found: NearestOfAll, own: Int64s, part: slice, other: slice, cosine: Float32s, *, down: bool
) -> None:
    """Take in what is nearer than the farthest that each row of ``part`` has; a tie counts, as it may be of a lower row.

    The rows of ``part`` are the rows of ``cosine``, or, looked ``down``, its columns.
    """
    limit, k = found.cosine[part, -1], found.places.shape[1]
    # One comparison of the tile and one look for what is true in it: no copy of any part of it.
    hits = np.flatnonzero(cosine >= (limit if down else limit[:, None]))
    if not hits.size:
        return
    if hits.size > MANY * k * len(limit):
        # Whole crowds are tied: of each row's the first k are all that can stay.
        near = np.where(own[part][:, None] == own[other], -np.inf, cosine.T if down else cosine)
        best = np.argsort(-near, axis=1, kind="stable")[:, :k]
        at, places = np.repeat(np.arange(len(near)), best.shape[1]), best.ravel()
        values = near[at, places]
    else:
        first, second = np.divmod(hits, cosine.shape[1])
        values = cosine.ravel()[hits]
        at, places = (second, first) if down else (first, second)
    rows, others = at + part.start, places + other.start
    apart = own[rows] != own[others]
    _merge(found, rows[apart], others[apart], values[apart])


def _merge(found: NearestOfAll, rows: Int64s, places: Int64s, cosine: Float32s) -> None:
    """The best k of what each of ``rows`` (m,) has and what is new."""
    k = found.places.shape[1]
    changed = np.unique(rows)
    every = np.concatenate([np.repeat(changed, k), rows])
    place = np.concatenate([found.places[changed].ravel(), places])
    value = np.concatenate([found.cosine[changed].ravel(), cosine])
    order = np.lexsort((place, -value, every))
    sorted_rows = every[order]
    order = order[np.arange(order.size) - np.searchsorted(sorted_rows, sorted_rows) < k]
    found.places[changed] = place[order].reshape(-1, k)
    found.cosine[changed] = value[order].reshape(-1, k)
