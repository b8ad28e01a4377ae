"""Rows that mean the same: nearest by cosine, over memory-mapped vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.compute.neighbours import nearest
from tamis.errors import no_such_row
from tamis.store.artifacts.readers import read_vectors
from tamis.store.artifacts.view import DatasetView
from tamis.types import Float32s, Int64s


@dataclass(frozen=True, slots=True)
class Similar:
    """Example ids, most similar first, and their cosines in [-1, 1]."""

    rows: Int64s
    cosines: Float32s


def similar_to_vector(
    view: DatasetView, query: Float32s, k: int, *, within: Int64s | None = None, text: str = "both"
) -> Similar:
    """The ``k`` rows nearest to a query vector (d,), among ``within`` (sorted ids) when given.

    ``text`` says which vectors are compared: ``both``, ``prompt`` or ``response``. Fewer than k come back when there
    are fewer. Raises ArtifactMissing without embeddings, CurationError for a query of another dimension or of zeros.
    """
    vectors = read_vectors(view.require("embeddings"), text)
    return _nearest(vectors, query, k, _outside(len(vectors), within))


def similar_to_row(
    view: DatasetView, row: int, k: int, *, within: Int64s | None = None, text: str = "both"
) -> Similar:
    """The ``k`` rows nearest to a row, itself left out; otherwise like ``similar_to_vector``."""
    vectors = read_vectors(view.require("embeddings"), text)
    if not 0 <= row < len(vectors):
        raise no_such_row(row, len(vectors))
    outside = np.append(_outside(len(vectors), within), row)  # np.delete does not mind a repeat
    return _nearest(vectors, np.asarray(vectors[row]), k, outside)


def _nearest(vectors: Float32s, query: Float32s, k: int, exclude: Int64s) -> Similar:
    rows, cosines = nearest(vectors, query, k, exclude=exclude if len(exclude) else None)
    return Similar(rows, cosines)


def _outside(n_rows: int, within: Int64s | None) -> Int64s:
    if within is None:
        return np.empty(0, dtype=np.int64)
    outside = np.ones(n_rows, dtype=bool)
    outside[within] = False
    return np.flatnonzero(outside)
