"""Block-wise passes over a matrix of row vectors, so that a memory-mapped one is never copied whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.errors import CurationError
from tamis.types import Float32s, Float64s, Int64s

BLOCK_FLOATS = 16_000_000  # 64 MB of float32: big enough for fast matrix products, small beside a dataset


def blocks(n: int, width: int) -> Iterator[slice]:
    """Slices that cover ``range(n)`` in order, each of about BLOCK_FLOATS / width rows."""
    step = max(1, BLOCK_FLOATS // max(1, width))
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


def block_of(vectors: Float32s, rows: slice | NDArray[np.int64]) -> Float32s:
    """The rows as a contiguous float32 matrix in memory, whatever ``vectors`` is mapped from."""
    return np.ascontiguousarray(vectors[rows], dtype=np.float32)


def check_vectors(vectors: Float32s) -> tuple[int, int]:
    """Return ``(n, d)`` of a matrix of shape (n, d).

    Raises CurationError when it is not two-dimensional, or has no row or no column.
    """
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise CurationError(
            f"Vectors must have the shape (rows, dimension) with at least one row, got {vectors.shape}: "
            "compute the embedding of a dataset that holds examples."
        )
    return int(vectors.shape[0]), int(vectors.shape[1])


def unit_rows(matrix: Float32s) -> Float32s:
    """A copy of ``matrix`` (n, d) with rows of length 1; a zero row stays zero.

    Raises CurationError naming the first row that holds NaN or infinity.
    """
    lengths = np.linalg.norm(matrix, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths))
    if bad.size:
        raise CurationError(
            f"{bad.size} vectors hold NaN or infinity, the first in row {bad[0]} of its block: "
            "compute the embedding again."
        )
    lengths[lengths == 0] = 1
    return np.asarray(matrix / lengths[:, None], dtype=np.float32)


def first_alike(vectors: Float32s) -> Int64s:
    """The first row (n,) that has the same vector as each row, told apart by their bytes."""
    n, d = check_vectors(vectors)
    rows = block_of(vectors, slice(0, n))
    as_bytes = rows.view(np.dtype((np.void, d * rows.itemsize))).ravel()
    _, first, place = np.unique(as_bytes, return_index=True, return_inverse=True)
    return np.asarray(first[place], dtype=np.int64)


def group_means(vectors: Float32s, group: NDArray[Any], n_groups: int) -> Float64s:
    """Mean vector of every group, shape (n_groups, d); ``group`` (n,) holds -1 for rows of none.

    An empty group gets a zero vector, so that a group keeps its index.
    """
    # Here: whoever looks rows up by their vectors, as a page and a command do, need not wait for it.
    from scipy import sparse

    n, d = check_vectors(vectors)
    sums = np.zeros((n_groups, d))
    for rows in blocks(n, d):
        ids = np.asarray(group[rows], dtype=np.int64)
        inside = np.flatnonzero(ids >= 0)
        ones = np.ones(inside.size, dtype=np.float32)
        member = sparse.csr_matrix((ones, (ids[inside], inside)), shape=(n_groups, ids.size))
        sums += member @ block_of(vectors, rows)
    sizes = np.bincount(np.asarray(group)[np.asarray(group) >= 0], minlength=n_groups)
    means: Float64s = sums / np.maximum(sizes, 1)[:, None]
    return means
