from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.map.projection import pca, pca_2d, reduce_umap
from tamis.compute.map.umap_layout import umap_2d
from tamis.errors import InvalidOptions


def sample(n: int = 200, d: int = 12) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=(n, d)) * np.linspace(3, 0.1, d)).astype(np.float32)


def test_axes_are_those_of_largest_variance() -> None:
    vectors = sample()
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:2].T
    assert np.abs(pca_2d(vectors)) == pytest.approx(np.abs(expected), abs=1e-3)


def test_picture_does_not_flip() -> None:
    vectors = sample()
    points = pca_2d(vectors)
    assert np.array_equal(points, pca_2d(vectors))
    assert points == pytest.approx(pca_2d(vectors[::-1])[::-1], abs=1e-3)
    loadings = np.linalg.lstsq(vectors - vectors.mean(axis=0), points, rcond=None)[0]
    assert (loadings[np.abs(loadings).argmax(axis=0), [0, 1]] > 0).all()


def test_axes_from_evenly_spaced_rows_are_nearly_those_of_all() -> None:
    vectors = sample(5000)
    few, full = pca_2d(vectors, max_fit_rows=1000), pca_2d(vectors)
    assert np.corrcoef(few[:, 0], full[:, 0])[0, 1] > 0.95


@pytest.mark.parametrize(("n", "d"), [(1, 8), (2, 8), (3, 8), (5, 1), (4, 2)])
def test_tiny_input_gives_finite_points(n: int, d: int) -> None:
    points = pca_2d(sample(n, d))
    assert points.shape == (n, 2)
    assert points.dtype == np.float32
    assert np.isfinite(points).all()


def test_identical_vectors_fall_on_the_origin() -> None:
    assert not pca_2d(np.full((50, 7), 0.3, dtype=np.float32)).any()


def test_missing_components_are_zero() -> None:
    points = pca(sample(10, 2), 4)
    assert points.shape == (10, 4)
    assert not points[:, 2:].any()
    with pytest.raises(InvalidOptions, match="dimensions is 0"):
        pca(sample(), 0)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_umap_of_a_handful_of_rows_is_pca(n: int) -> None:
    assert np.array_equal(umap_2d(sample(n), seed=1), pca_2d(sample(n)))


def test_umap_of_identical_rows_is_one_point() -> None:
    assert not umap_2d(np.ones((30, 5), dtype=np.float32)).any()


def test_umap_options_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidOptions, match="n_neighbors is 1"):
        umap_2d(sample(), n_neighbors=1)


@pytest.mark.slow
def test_umap_with_a_seed_repeats_itself_and_keeps_groups_apart() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 30)
    vectors = (np.eye(8)[truth * 3] + 0.05 * rng.normal(size=(60, 8))).astype(np.float32)
    vectors[1] = vectors[0]
    vectors[2] = 0
    first = umap_2d(vectors, n_neighbors=8, seed=3)
    assert np.array_equal(first, umap_2d(vectors, n_neighbors=8, seed=3))
    assert np.isfinite(first).all()
    apart = np.linalg.norm(first[truth == 0].mean(axis=0) - first[truth == 1].mean(axis=0))
    assert apart > first[truth == 1].std()


@pytest.mark.nightly
def test_umap_learn_places_rows_in_more_dimensions() -> None:
    vectors = sample(60, 8)
    vectors[1] = vectors[0]
    vectors[2] = 0
    placed = reduce_umap(vectors, 3, n_neighbors=8, max_fit_rows=40, seed=3)
    assert placed.shape == (60, 3)
    assert np.isfinite(placed).all()
