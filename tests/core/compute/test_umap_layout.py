"""UMAP of our own beside umap-learn, and on what is odd."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.manifold import trustworthiness

from tamis.compute.map import neighbors
from tamis.compute.map.neighbors import NearestRows
from tamis.compute.map.projection import reduce_umap
from tamis.compute.map.umap_layout import Neighbourhoods, attraction_curve, fuzzy_graph, umap_2d
from tamis.types import Float32s


def clouds(n: int = 300, d: int = 16, k: int = 6, seed: int = 0) -> Float32s:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(k, d))
    rows = centres[np.arange(n) % k] + 0.4 * rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.nightly
@pytest.mark.parametrize("structure", [6, 40])
def test_the_picture_is_as_true_as_that_of_umap_learn(structure: int) -> None:
    vectors = clouds(600, 24, structure)
    theirs = reduce_umap(vectors, 2, min_dist=0.1, seed=1)
    ours = umap_2d(vectors, seed=1)
    true = partial(trustworthiness, vectors, n_neighbors=15, metric="cosine")
    assert true(ours) >= true(theirs) - 0.005


def test_the_same_seed_gives_the_same_bits() -> None:
    vectors = clouds()
    assert np.array_equal(umap_2d(vectors, seed=3), umap_2d(vectors, seed=3))
    assert not np.array_equal(umap_2d(vectors, seed=3), umap_2d(vectors, seed=4))


def test_the_graph_is_that_of_umap_learn() -> None:
    from umap.umap_ import fuzzy_simplicial_set

    vectors = clouds()
    near = Neighbourhoods(*NearestRows(vectors).around_each(15))
    theirs, _, _ = fuzzy_simplicial_set(
        vectors,
        15,
        np.random.RandomState(0),
        "cosine",
        knn_indices=near.rows,
        knn_dists=near.distances.astype(np.float32),
    )
    assert abs(fuzzy_graph(near) - sparse.csr_matrix(theirs)).max() < 0.02


def test_the_curve_is_that_of_umap_learn() -> None:
    from umap.umap_ import find_ab_params

    assert attraction_curve(0.1) == pytest.approx(find_ab_params(1.0, 0.1), rel=1e-3)


@pytest.mark.parametrize(
    "rows",
    [np.ones((40, 6)), np.vstack([np.ones((39, 6)), -np.ones((1, 6))]), np.zeros((40, 6)), np.eye(6), np.repeat(np.eye(8), 30, 0)],
    ids=["equal", "one other", "zero", "six", "copies"],
)  # fmt: skip
def test_odd_rows_get_finite_places(rows: np.ndarray) -> None:
    assert np.isfinite(umap_2d(rows.astype(np.float32))).all()


def test_copies_lie_together_and_groups_apart() -> None:
    vectors = np.repeat(np.eye(4, 8, dtype=np.float32), 25, 0) + np.float32(0.01) * clouds(100, 8)
    points = umap_2d(vectors)
    centres = points.reshape(4, 25, 2).mean(axis=1)
    within = np.linalg.norm(points.reshape(4, 25, 2) - centres[:, None], axis=2).max()
    between = np.linalg.norm(centres[:, None] - centres[None], axis=2)[~np.eye(4, dtype=bool)].min()
    assert between > 2 * within


def test_further_rows_stand_with_their_neighbours() -> None:
    vectors = clouds(400, 16, 5)
    points = umap_2d(vectors, max_fit_rows=200)
    group = np.arange(400) % 5
    centres = np.stack([points[group == one].mean(axis=0) for one in range(5)])
    nearest = np.linalg.norm(points[:, None] - centres[None], axis=2).argmin(axis=1)
    assert (nearest == group).mean() > 0.95


def test_many_rows_are_searched_in_a_graph_that_finds_nearly_all(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clouds(1500, 24, 30)
    exact, _ = NearestRows(vectors).around_each(15)
    monkeypatch.setattr(neighbors, "EXACT_ROWS", 1000)
    found, distances = NearestRows(vectors).around_each(15)
    shared = np.mean([len(set(a) & set(b)) / 15 for a, b in zip(exact, found, strict=True)])
    assert shared > 0.95
    assert (found[:, 0] == np.arange(1500)).all()
    assert (np.diff(distances[:, 1:], axis=1) >= -1e-6).all()
    assert np.array_equal(umap_2d(vectors, n_epochs=10), umap_2d(vectors, n_epochs=10))


def test_a_row_that_copies_crowd_out_is_its_own_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "EXACT_ROWS", 10)
    rows, _ = NearestRows(np.full((60, 4), 0.5, dtype=np.float32)).around_each(5)
    assert (rows[:, 0] == np.arange(60)).all()
