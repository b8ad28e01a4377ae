from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.cluster.density import assign_noise, hdbscan_clusters
from tamis.errors import InvalidOptions


def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    dense = [rng.normal(centre, 0.05, size=(size, 2)) for centre, size in (((0, 0), 30), ((5, 5), 60))]
    return np.vstack([*dense, [[20, -20], [-30, 9]]]).astype(np.float32)


def test_dense_regions_are_clusters_by_size_and_strays_are_noise() -> None:
    found = hdbscan_clusters(points(), min_cluster_size=10, min_samples=3)
    assert found.n_clusters == 2
    assert found.cluster_id[-2:].tolist() == [-1, -1]
    assert set(found.cluster_id[30:90].tolist()) <= {0, -1}
    assert np.count_nonzero(found.cluster_id == 0) > np.count_nonzero(found.cluster_id == 1) > 20
    assert found.noise_fraction == np.mean(found.cluster_id == -1)
    assert (found.membership[found.cluster_id == -1] == 0).all()
    assert ((found.membership >= 0) & (found.membership <= 1)).all()


def test_same_points_same_clusters() -> None:
    first, again = (hdbscan_clusters(points(), min_cluster_size=10) for _ in range(2))
    assert np.array_equal(first.cluster_id, again.cluster_id)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_too_few_rows_are_all_noise(n: int) -> None:
    found = hdbscan_clusters(points()[:n], min_cluster_size=10)
    assert (found.n_clusters, found.noise_fraction) == (0, 1.0)
    assert found.cluster_id.tolist() == [-1] * n


def test_identical_points_give_finite_membership() -> None:
    found = hdbscan_clusters(np.zeros((40, 2), dtype=np.float32), min_cluster_size=5)
    assert np.isfinite(found.membership).all()
    assert found.n_clusters == found.cluster_id.max() + 1


def test_even_scatter_has_no_clusters() -> None:
    found = hdbscan_clusters(
        np.random.default_rng(0).random((300, 2)).astype(np.float32), min_cluster_size=100
    )
    assert found.n_clusters == 0
    assert found.noise_fraction == 1


def test_noise_joins_the_nearest_cluster_only_when_asked() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.2, 1], [1, -1], [-1, 3]], dtype=np.float32)
    assert assign_noise(vectors, np.array([0, 0, 1, 1, -1, -1])).tolist() == [0, 0, 1, 1, 0, 1]
    assert assign_noise(vectors, np.full(6, -1)).tolist() == [-1] * 6


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(InvalidOptions, match="min_cluster_size is 1"):
        hdbscan_clusters(points(), min_cluster_size=1)
