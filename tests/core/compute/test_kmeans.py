from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.compute.cluster.kmeans import assign, by_size, kmeans
from tamis.errors import CurationError
from tamis.types import Float32s


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def groups(sizes: list[int], d: int = 16) -> tuple[Float32s, np.ndarray]:
    """Tight clusters around orthogonal axes, and the truth."""
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return (np.eye(d)[truth] + 0.02 * rng(1).normal(size=(truth.size, d))).astype(np.float32), truth


def test_planted_clusters_are_found_and_the_largest_is_cluster_0() -> None:
    vectors, truth = groups([10, 40, 25, 60])
    found = kmeans(vectors, 4, rng=rng())
    assert np.bincount(found.cluster_id).tolist() == [60, 40, 25, 10]
    assert np.array_equal(found.cluster_id, np.array([3, 1, 2, 0])[truth])
    assert np.linalg.norm(found.centroids, axis=1) == pytest.approx(1)
    assert found.cluster_id.dtype == np.int32
    assert found.distance.dtype == found.centroids.dtype == np.float32


def test_every_row_is_at_its_nearest_centroid() -> None:
    vectors = rng(2).normal(size=(300, 8)).astype(np.float32)
    found = kmeans(vectors, 7, rng=rng())
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ found.centroids.T
    assert np.array_equal(found.cluster_id, cosine.argmax(axis=1))
    assert found.distance == pytest.approx(1 - cosine.max(axis=1), abs=1e-5)


def test_same_seed_same_clusters_and_another_seed_others() -> None:
    vectors = rng(3).normal(size=(2000, 16)).astype(np.float32)
    first, again, other = (kmeans(vectors, 20, rng=rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.cluster_id, again.cluster_id)
    assert np.array_equal(first.centroids, again.centroids)
    assert not np.array_equal(first.cluster_id, other.cluster_id)


def test_length_does_not_matter() -> None:
    vectors, _ = groups([30, 20, 10])
    scaled = vectors * rng(4).uniform(0.1, 50, size=(60, 1)).astype(np.float32)
    assert np.array_equal(kmeans(vectors, 3, rng=rng()).cluster_id, kmeans(scaled, 3, rng=rng()).cluster_id)


def test_all_rows_are_assigned_when_a_sample_trains(tmp_path: Path) -> None:
    vectors, truth = groups([300, 200, 100])
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    found = kmeans(mapped, 3, max_points_per_centroid=10, rng=rng())
    assert found.n_train == 30
    assert np.array_equal(found.cluster_id, truth)


def test_one_cluster_and_as_many_as_rows() -> None:
    vectors = rng(5).normal(size=(12, 6)).astype(np.float32)
    assert set(kmeans(vectors, 1, rng=rng()).cluster_id.tolist()) == {0}
    each = kmeans(vectors, 12, rng=rng())
    assert sorted(each.cluster_id.tolist()) == list(range(12))
    assert each.distance == pytest.approx(0, abs=1e-5)
    assert kmeans(vectors[:1], 1, rng=rng()).cluster_id.tolist() == [0]


@pytest.mark.parametrize("k", [0, -1, 13])
def test_impossible_number_of_clusters_is_refused_with_the_values(k: int) -> None:
    with pytest.raises(CurationError, match=f"{k} clusters of 12 rows"):
        kmeans(np.ones((12, 3), dtype=np.float32), k, rng=rng())


def test_identical_vectors_make_one_cluster() -> None:
    found = kmeans(np.ones((40, 5), dtype=np.float32), 8, rng=rng())
    assert found.n_clusters == 1
    assert set(found.cluster_id.tolist()) == {0}
    assert found.distance == pytest.approx(0, abs=1e-5)


def test_fewer_distinct_vectors_than_clusters_leave_no_empty_cluster() -> None:
    vectors = np.eye(6, dtype=np.float32)[np.repeat([0, 1, 2], [5, 9, 3])]
    found = kmeans(vectors, 10, rng=rng())
    assert found.n_clusters == 3
    assert np.bincount(found.cluster_id).tolist() == [9, 5, 3]


def test_zero_vectors_go_to_cluster_0_and_move_no_centroid() -> None:
    vectors, truth = groups([30, 20])
    found = kmeans(np.vstack([vectors, np.zeros((5, 16), np.float32)]), 2, rng=rng())
    assert np.array_equal(found.cluster_id[:50], truth)
    assert found.cluster_id[50:].tolist() == [0] * 5
    assert found.distance[50:].tolist() == [1] * 5
    assert np.linalg.norm(found.centroids, axis=1) == pytest.approx(1)


def test_only_zero_vectors_make_one_cluster() -> None:
    found = kmeans(np.zeros((4, 3), dtype=np.float32), 2, rng=rng())
    assert found.cluster_id.tolist() == [0] * 4
    assert found.centroids.tolist() == [[0, 0, 0]]


def test_nan_is_refused() -> None:
    with pytest.raises(CurationError, match="NaN"):
        kmeans(np.full((4, 3), np.nan, dtype=np.float32), 2, rng=rng())


def test_new_rows_are_assigned_with_ties_to_the_lowest_id() -> None:
    ids, distance = assign(np.array([[1, 1], [0, -2]], dtype=np.float32), np.eye(2, dtype=np.float32))
    assert ids.tolist() == [0, 0]
    assert distance == pytest.approx([1 - 2**-0.5, 1])


def test_renumbering_by_size_keeps_noise_and_drops_the_empty() -> None:
    new, old = by_size(np.array([3, 3, 3, 0, -1, 2, 2]), 4)
    assert new.tolist() == [0, 0, 0, 2, -1, 1, 1]
    assert old.tolist() == [3, 2, 0]
