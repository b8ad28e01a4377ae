from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.clear.alignment import alignment
from tamis.errors import CurationError


def test_alignment_is_the_cosine_of_each_pair() -> None:
    prompts = np.array([[1, 0], [2, 0], [1, 1], [1, 0]], dtype=np.float32)
    responses = np.array([[5, 0], [0, 1], [1, 0], [-1, 0]], dtype=np.float32)
    assert alignment(prompts, responses) == pytest.approx([1, 0, 2**-0.5, -1])


def test_a_zero_vector_on_either_side_is_not_scored() -> None:
    a = np.array([[0, 0], [1, 0], [1, 0]], dtype=np.float32)
    b = np.array([[1, 0], [0, 0], [1, 0]], dtype=np.float32)
    assert np.isnan(alignment(a, b)).tolist() == [True, True, False]
    assert np.isnan(alignment(np.zeros((3, 2), np.float32), a)).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(CurationError, match="one encoder"):
        alignment(np.ones((2, 3), np.float32), np.ones((2, 4), np.float32))
