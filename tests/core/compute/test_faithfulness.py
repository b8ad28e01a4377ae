"""Trustworthiness and continuity: the same as scikit-learn's, and what they say of pictures that are known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from tamis.compute.map.faithfulness import NEIGHBOURS, measure_faithfulness


def _vectors(n: int = 240) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((4, 12))[np.arange(n) % 4] * 3 + rng.standard_normal((n, 12))).astype(
        np.float32
    )


def test_both_agree_with_another_implementation() -> None:
    vectors, layout = _vectors(), np.random.default_rng(1).standard_normal((240, 2)).astype(np.float32)
    layout += _vectors()[:, :2]
    found = measure_faithfulness(vectors, layout)
    assert found is not None
    expected = trustworthiness(vectors, layout, n_neighbors=NEIGHBOURS, metric="cosine")
    assert found.trustworthiness == pytest.approx(expected, abs=1e-6)
    away = np.linalg.norm(layout[:, None] - layout[None], axis=2)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    # Continuity is trustworthiness with picture and vectors exchanged.
    swapped = trustworthiness(away, unit, n_neighbors=NEIGHBOURS, metric="precomputed")
    assert found.continuity == pytest.approx(swapped, abs=1e-6)


def test_a_plane_is_shown_without_loss_and_chance_is_a_half() -> None:
    angle = np.linspace(0, 1.5, 300)
    plane = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    exact = measure_faithfulness(plane, plane)
    assert exact is not None
    assert exact.trustworthiness == exact.continuity == pytest.approx(1, abs=1e-3)
    chance = measure_faithfulness(
        _vectors(1200), np.random.default_rng(2).random((1200, 2)).astype(np.float32)
    )
    assert chance is not None
    assert chance.trustworthiness == pytest.approx(0.5, abs=0.05)


def test_rows_without_a_place_are_left_out_and_few_are_not_measured() -> None:
    vectors, layout = _vectors(), _vectors()[:, :2].copy()
    layout[:10] = np.nan
    found = measure_faithfulness(vectors, layout, sample=100)
    assert found is not None
    assert found.n_rows == 100
    assert measure_faithfulness(vectors[:30], layout[:30]) is None
