"""Exact nearest rows by cosine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.compute.vectors import block_of, blocks, check_vectors, unit_rows
from tamis.errors import CurationError, InvalidOptions
from tamis.types import Float32s, Int64s

SELECTED_BLOCK = 4096
PAIR_POOL = 4096


def nearest(
    vectors: Float32s, query: NDArray[np.floating], k: int, *, exclude: ArrayLike | None = None
) -> tuple[Int64s, Float32s]:
    """The ``k`` rows of ``vectors`` (n, d) most similar to ``query`` (d,), and their cosines, best first.

    Reads all rows once in blocks, so ``vectors`` may be memory-mapped. ``exclude`` holds row numbers to leave
    out (the query's own row). Zero vectors have cosine 0. Ties go to the lower row. Fewer than k are returned
    when there are fewer.

    Raises CurationError when the query has another dimension, is zero or is not finite.
    """
    n, d = check_vectors(vectors)
    query = np.asarray(query, dtype=np.float32)
    if query.shape != (d,):
        raise CurationError(
            f"The query has the shape {query.shape} but vectors have {d} numbers: use one encoder."
        )
    length = float(np.linalg.norm(query))
    if not (np.isfinite(length) and length > 0):
        raise CurationError("The query has no direction (its vector is zero or not finite): type some words.")
    cosine = np.empty(n, dtype=np.float32)
    for rows in blocks(n, d):
        block = block_of(vectors, rows)
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
        cosine[rows] = (block @ (query / length)) / np.where(lengths > 0, lengths, 1)
    open_rows = np.arange(n)
    if exclude is not None:
        open_rows = np.delete(open_rows, np.asarray(exclude, dtype=np.int64))
    k = min(max(0, k), open_rows.size)
    if k == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    among = cosine[open_rows]
    limit = np.partition(among, among.size - k)[among.size - k]
    best = open_rows[among >= limit]  # more than k when the last place is tied
    best = best[np.argsort(-cosine[best], kind="stable")][:k]
    return best, np.clip(cosine[best], -1, 1)


def random_pair_cosines(vectors: Float32s, n_pairs: int, seed: int = 0) -> Float32s:
    """Cosines of ``n_pairs`` random pairs of two different rows of ``vectors`` (n, d); none of fewer than two rows.

    The rows are drawn without regard to each other, so a pair may come twice. Zero vectors have cosine 0.
    """
    n, _ = check_vectors(vectors)
    if n < 2:
        return np.empty(0, dtype=np.float32)
    generator = np.random.default_rng(seed)
    pool = np.sort(generator.permutation(n)[:PAIR_POOL])  # few enough to be read from disk at once
    units = unit_rows(np.asarray(vectors[pool], dtype=np.float32))
    first = generator.integers(0, len(pool), n_pairs)
    second = (first + generator.integers(1, len(pool), n_pairs)) % len(pool)
    cosines: Float32s = np.einsum("ij,ij->i", units[first], units[second])
    return cosines


def nearest_cosines(
    vectors: Float32s,
    rows: Int64s,
    *,
    of: Int64s | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Float32s:
    """Highest cosine (m,) of each row in ``of`` (all when None) to one of ``rows``; vectors at unit length.

    Raises InvalidOptions when ``rows`` is empty: nothing is near an empty selection.
    """
    n, d = check_vectors(vectors)
    if rows.size == 0:
        raise InvalidOptions("The selection is empty: coverage needs at least one selected row.")
    of = np.arange(n) if of is None else of
    selected = [unit_rows(block_of(vectors, rows[part])) for part in blocks(rows.size, 4 * d)]
    nearest = np.full(of.size, -np.inf, dtype=np.float32)
    for part in blocks(of.size, max(d, SELECTED_BLOCK)):
        block = unit_rows(block_of(vectors, of[part]))
        if progress is not None:
            progress(part.start, of.size)
        for chosen in selected:
            for at in range(0, chosen.shape[0], SELECTED_BLOCK):
                cosine = block @ chosen[at : at + SELECTED_BLOCK].T
                np.maximum(nearest[part], cosine.max(axis=1), out=nearest[part])
    nearest[np.isin(of, rows)] = 1.0  # itself, whatever float32 makes of it; a zero vector covers itself too
    return np.clip(nearest, -1, 1)
