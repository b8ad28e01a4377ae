from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.clear.alignment import alignment, background_alignment
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


def test_the_background_is_the_mean_cosine_with_the_responses_of_other_rows() -> None:
    rng = np.random.default_rng(3)
    prompts, responses = (rng.normal(0.3, 1, (40, 6)).astype(np.float32) for _ in range(2))
    responses[5] = 0
    kept = [i for i in range(40) if i != 5]
    pairs = [
        float(prompts[i] @ responses[j] / np.linalg.norm(prompts[i]) / np.linalg.norm(responses[j]))
        for i in kept
        for j in kept
        if i != j
    ]
    assert background_alignment(prompts, responses) == pytest.approx(np.mean(pairs), abs=1e-6)


def test_the_background_of_many_rows_is_estimated_from_evenly_spaced_ones(monkeypatch) -> None:
    monkeypatch.setattr("tamis.compute.clear.alignment.SAMPLED_ROWS", 100)
    rng = np.random.default_rng(4)
    vectors = rng.normal(0.2, 1, (1050, 8)).astype(np.float32)
    assert background_alignment(vectors, vectors) == background_alignment(vectors[::11], vectors[::11])


def test_one_row_has_no_background() -> None:
    assert np.isnan(background_alignment(np.ones((1, 3), np.float32), np.ones((1, 3), np.float32)))
