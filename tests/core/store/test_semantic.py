from __future__ import annotations

import numpy as np
import pytest

from tamis.errors import ArtifactMissing, CurationError, InvalidOptions
from tamis.store.artifacts.readers import read_vectors
from tamis.store.rows.semantic import similar_to_row, similar_to_vector


def _by_hand(view, query, within=None):
    cosines = np.asarray(read_vectors(view.embeddings)) @ (query / np.linalg.norm(query))
    order = np.argsort(-cosines, kind="stable")
    return [int(i) for i in order if within is None or i in within]


def test_the_nearest_rows_come_first(view):
    query = np.random.default_rng(1).normal(size=8).astype(np.float32)
    found = similar_to_vector(view, query, 10)
    assert found.rows.tolist() == _by_hand(view, query)[:10]
    assert (np.diff(found.cosines) <= 0).all()


def test_a_row_is_not_similar_to_itself(view):
    vectors = read_vectors(view.embeddings)
    found = similar_to_row(view, 7, 5)
    assert found.rows.tolist() == [i for i in _by_hand(view, vectors[7]) if i != 7][:5]


def test_only_the_rows_in_scope_are_compared(view):
    within = np.array([3, 7, 20, 41])
    query = np.asarray(read_vectors(view.embeddings)[7])
    assert similar_to_vector(view, query, 10, within=within).rows.tolist() == _by_hand(view, query, within)
    assert set(similar_to_row(view, 7, 10, within=within).rows) == {3, 20, 41}
    assert len(similar_to_vector(view, query, 10, within=np.array([], dtype=np.int64)).rows) == 0


def test_what_cannot_be_compared_is_named(view):
    with pytest.raises(InvalidOptions, match="no row 60"):
        similar_to_row(view, 60, 5)
    with pytest.raises(ArtifactMissing, match="vectors of 'prompt'"):
        similar_to_row(view, 0, 5, text="prompt")
    with pytest.raises(CurationError, match="3 numbers|shape"):
        similar_to_vector(view, np.ones(3, dtype=np.float32), 5)
