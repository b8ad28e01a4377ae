from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.neighbours import nearest
from tamis.errors import CurationError

VECTORS = np.array([[1, 0], [0, 2], [3, 3], [0, 0], [-1, 0]], dtype=np.float32)


def test_most_similar_rows_come_first_whatever_their_length() -> None:
    rows, cosine = nearest(VECTORS, np.array([2.0, 0.0]), 3)
    assert rows.tolist() == [0, 2, 1]
    assert cosine == pytest.approx([1, 2**-0.5, 0])


def test_own_row_can_be_left_out_and_k_above_n_gives_all() -> None:
    rows, _ = nearest(VECTORS, VECTORS[0], 99, exclude=[0])
    assert rows.tolist() == [2, 1, 3, 4]
    assert nearest(VECTORS, VECTORS[0], 0)[0].tolist() == []
    assert nearest(VECTORS[:1], VECTORS[0], 2, exclude=[0])[0].tolist() == []


def test_ties_go_to_the_lower_row_also_at_the_cut() -> None:
    same = np.ones((10, 3), dtype=np.float32)
    assert nearest(same, same[0], 4)[0].tolist() == [0, 1, 2, 3]


def test_agrees_with_a_full_sort() -> None:
    rng = np.random.default_rng(0)
    vectors, query = rng.normal(size=(500, 9)).astype(np.float32), rng.normal(size=9)
    rows, cosine = nearest(vectors, query, 20)
    full = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    assert rows.tolist() == np.argsort(-full)[:20].tolist()
    assert cosine == pytest.approx(full[rows], abs=1e-5)


def test_query_without_direction_or_of_another_encoder_is_refused() -> None:
    with pytest.raises(CurationError, match="no direction"):
        nearest(VECTORS, np.zeros(2), 1)
    with pytest.raises(CurationError, match="2 numbers"):
        nearest(VECTORS, np.ones(3), 1)
