"""New rows on an old layout: a twin lies on its twin, a row between two lies between them."""

from __future__ import annotations

import numpy as np

from tamis.compute.map.placing import place_by_neighbours, place_by_similarity
from tamis.compute.vectors import unit_rows


def test_a_row_lies_where_its_nearest_lie() -> None:
    rng = np.random.default_rng(0)
    groups = np.arange(400) % 4
    centres = rng.standard_normal((4, 16)) * 4
    vectors = (centres[groups] + rng.standard_normal((400, 16))).astype(np.float32)
    layout = (
        np.array([[0, 0], [10, 0], [0, 10], [10, 10]])[groups] + 0.3 * rng.standard_normal((400, 2))
    ).astype(np.float32)
    added = (centres[groups[:40]] + rng.standard_normal((40, 16))).astype(np.float32)
    places = place_by_neighbours(vectors, layout, added)
    assert np.abs(places - np.array([[0, 0], [10, 0], [0, 10], [10, 10]])[groups[:40]]).max() < 1.5


def test_twins_lie_on_their_twins_and_rows_without_a_place_count_for_nothing() -> None:
    vectors = np.eye(12, dtype=np.float32)
    layout = np.arange(24, dtype=np.float32).reshape(12, 2)
    assert np.allclose(place_by_neighbours(vectors, layout, vectors), layout, atol=1e-3)
    layout[3] = np.nan
    places = place_by_neighbours(vectors, layout, vectors)
    assert np.isfinite(places).all()
    assert np.allclose(np.delete(places, 3, axis=0), np.delete(layout, 3, axis=0), atol=1e-3)
    assert np.isnan(place_by_neighbours(vectors, np.full_like(layout, np.nan), vectors[:2])).all()


def test_by_known_similarities_it_is_the_same_place() -> None:
    rng = np.random.default_rng(3)
    vectors = unit_rows(rng.normal(size=(200, 8)).astype(np.float32))
    added = unit_rows(rng.normal(size=(7, 8)).astype(np.float32))
    layout = rng.normal(size=(200, 2)).astype(np.float32)
    layout[:20] = np.nan
    similar = vectors @ added.T
    similar[:, 3] = np.nan
    similar[50:, 4] = np.nan
    places = place_by_similarity(similar, layout)
    expected = place_by_neighbours(vectors, layout, added)
    kept = [0, 1, 2, 5, 6]
    assert np.allclose(places[kept], expected[kept], atol=1e-4)
    assert np.isnan(places[3]).all() and np.isfinite(places[4]).all()
    assert np.isnan(place_by_similarity(similar, np.full_like(layout, np.nan))).all()
