"""Coverage of many selections of one pool: what is nearest to a few of its rows is found once (METHODS.md 1.12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.neighbours import nearest_cosines
from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.types import Bools, Float32s, Float64s, Int64s

LISTED = 256  # nearest rows that are kept of each: of a tenth of all rows one is picked among them, but for 1 in 10¹¹


@dataclass(frozen=True, slots=True)
class CoverageSample:
    """The rows of a pool that are nearest to some of its rows ``of`` (m,): ``rows`` (m, t), best first, and their ``cosines``."""

    of: Int64s
    rows: Int64s
    cosines: Float32s


def sample_coverage(vectors: Float32s, of: Int64s, *, listed: int = LISTED) -> CoverageSample:
    """The ``listed`` rows of ``vectors`` (n, d) nearest to each row in ``of``, itself among them; fewer when there are fewer.

    m x n cosines in blocks, each block of the vectors read once; vectors may be memory-mapped.
    """
    n, d = check_vectors(vectors)
    mine = unit_rows(block_of(vectors, of))
    kept = min(listed, n)
    rows = np.empty((of.size, 0), dtype=np.int64)
    cosines = np.empty((of.size, 0), dtype=np.float32)
    for part in blocks(n, max(d, 4 * of.size)):  # at most 4 million cosines at once
        number = np.arange(part.start, part.stop)
        found = mine @ unit_rows(block_of(vectors, part)).T
        found[of[:, None] == number] = (
            1.0  # itself, whatever float32 makes of it; a zero vector covers itself too
        )
        cosines = np.concatenate([cosines, found], axis=1)
        rows = np.concatenate([rows, np.broadcast_to(number, found.shape)], axis=1)
        if cosines.shape[1] > kept:
            best = np.argpartition(-cosines, kept - 1, axis=1)[:, :kept]
            cosines, rows = np.take_along_axis(cosines, best, axis=1), np.take_along_axis(rows, best, axis=1)
    order = np.argsort(-cosines, axis=1, kind="stable")
    cosines = np.clip(np.take_along_axis(cosines, order, axis=1), -1, 1)
    return CoverageSample(of, np.take_along_axis(rows, order, axis=1), cosines)


def nearest_picked(near: CoverageSample, picked: Bools, vectors: Float32s) -> Float32s:
    """Highest cosine (m,) of each row in ``near.of`` to a ``picked`` (n,) row, as ``nearest_cosines`` finds it.

    Looked up; rows with no picked one among those listed are measured. Raises InvalidOptions when nothing is picked.
    """
    hits = picked[near.rows]
    place = np.argmax(hits, axis=1)
    among = np.arange(len(place))
    nearest: Float32s = near.cosines[among, place]
    missed = np.flatnonzero(~hits[among, place])
    if missed.size:
        nearest[missed] = nearest_cosines(vectors, np.flatnonzero(picked), of=near.of[missed])
    return nearest


def coverage_of(cosines: Float32s) -> float:
    """Facility location of a selection from the highest cosine of each row to a picked one: METHODS.md 5.2."""
    held: Float64s = np.maximum(cosines.astype(np.float64), 0)
    return float(held.mean())
