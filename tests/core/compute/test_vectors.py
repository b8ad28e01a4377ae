from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.vectors import blocks, check_vectors, group_means, unit_rows
from tamis.errors import CurationError


def test_blocks_cover_every_row_once() -> None:
    slices = list(blocks(10_000, 4_000_000))
    assert [row for rows in slices for row in range(rows.start, rows.stop)] == list(range(10_000))
    assert list(blocks(0, 5)) == []


def test_unit_rows_leave_zero_rows_zero_and_refuse_nan() -> None:
    rows = unit_rows(np.array([[3, 4], [0, 0]], dtype=np.float32))
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))
    with pytest.raises(CurationError, match="row 1"):
        unit_rows(np.array([[1, 0], [np.nan, 0]], dtype=np.float32))


def test_an_empty_group_keeps_its_index_and_noise_is_left_out() -> None:
    vectors = np.array([[1, 0], [3, 0], [0, 5], [9, 9]], dtype=np.float32)
    assert group_means(vectors, np.array([0, 0, 2, -1]), 3).tolist() == [[2, 0], [0, 0], [0, 5]]


def test_matrix_without_rows_is_refused() -> None:
    with pytest.raises(CurationError, match=r"\(0, 4\)"):
        check_vectors(np.empty((0, 4), dtype=np.float32))
