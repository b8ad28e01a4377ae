from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans as SklearnKMeans

from tamis.clusterers import KMeansOptions
from tamis.clusterers.kmeans import cluster_kmeans
from tamis.compute.cluster.kmeans import KMeans, Seeding, assign, by_size
from tamis.compute.cluster.kmeans import kmeans as with_rule
from tamis.compute.cluster.lloyd import iterate
from tamis.errors import CurationError
from tamis.types import Float32s


@pytest.fixture(params=["greedy", "faiss"])
def kmeans(request: pytest.FixtureRequest) -> Callable[..., KMeans]:
    """Both rules: clusterings of before are made again with theirs."""
    seeding: Seeding = request.param
    return functools.partial(with_rule, seeding=seeding)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def groups(sizes: list[int], d: int = 16) -> tuple[Float32s, np.ndarray]:
    """Tight clusters around orthogonal axes, and the truth."""
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return (np.eye(d)[truth] + 0.02 * rng(1).normal(size=(truth.size, d))).astype(np.float32), truth


def test_planted_clusters_are_found_and_the_largest_is_cluster_0(kmeans) -> None:
    vectors, truth = groups([10, 40, 25, 60])
    found = kmeans(vectors, 4, rng=rng())
    assert np.bincount(found.cluster_id).tolist() == [60, 40, 25, 10]
    assert np.array_equal(found.cluster_id, np.array([3, 1, 2, 0])[truth])
    assert np.linalg.norm(found.centroids, axis=1) == pytest.approx(1)
    assert found.cluster_id.dtype == np.int32
    assert found.distance.dtype == found.centroids.dtype == np.float32


def test_every_row_is_at_its_nearest_centroid(kmeans) -> None:
    vectors = rng(2).normal(size=(300, 8)).astype(np.float32)
    found = kmeans(vectors, 7, rng=rng())
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ found.centroids.T
    assert np.array_equal(found.cluster_id, cosine.argmax(axis=1))
    assert found.distance == pytest.approx(1 - cosine.max(axis=1), abs=1e-5)


def test_same_seed_same_clusters_and_another_seed_others(kmeans) -> None:
    vectors = rng(3).normal(size=(2000, 16)).astype(np.float32)
    first, again, other = (kmeans(vectors, 20, rng=rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.cluster_id, again.cluster_id)
    assert np.array_equal(first.centroids, again.centroids)
    assert not np.array_equal(first.cluster_id, other.cluster_id)


def test_length_does_not_matter(kmeans) -> None:
    vectors, _ = groups([30, 20, 10])
    scaled = vectors * rng(4).uniform(0.1, 50, size=(60, 1)).astype(np.float32)
    assert np.array_equal(kmeans(vectors, 3, rng=rng()).cluster_id, kmeans(scaled, 3, rng=rng()).cluster_id)


def test_all_rows_are_assigned_when_a_sample_trains(kmeans, tmp_path: Path) -> None:
    vectors, truth = groups([300, 200, 100])
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    found = kmeans(mapped, 3, max_points_per_centroid=10, rng=rng())
    assert found.n_train == 30
    assert np.array_equal(found.cluster_id, truth)


def test_one_cluster_and_as_many_as_rows(kmeans) -> None:
    vectors = rng(5).normal(size=(12, 6)).astype(np.float32)
    assert set(kmeans(vectors, 1, rng=rng()).cluster_id.tolist()) == {0}
    each = kmeans(vectors, 12, rng=rng())
    assert sorted(each.cluster_id.tolist()) == list(range(12))
    assert each.distance == pytest.approx(0, abs=1e-5)
    assert kmeans(vectors[:1], 1, rng=rng()).cluster_id.tolist() == [0]


@pytest.mark.parametrize("k", [0, -1, 13])
def test_impossible_number_of_clusters_is_refused_with_the_values(kmeans, k: int) -> None:
    with pytest.raises(CurationError, match=f"{k} clusters of 12 rows"):
        kmeans(np.ones((12, 3), dtype=np.float32), k, rng=rng())


def test_identical_vectors_make_one_cluster(kmeans) -> None:
    found = kmeans(np.ones((40, 5), dtype=np.float32), 8, rng=rng())
    assert found.n_clusters == 1
    assert set(found.cluster_id.tolist()) == {0}
    assert found.distance == pytest.approx(0, abs=1e-5)


def test_fewer_distinct_vectors_than_clusters_leave_no_empty_cluster(kmeans) -> None:
    vectors = np.eye(6, dtype=np.float32)[np.repeat([0, 1, 2], [5, 9, 3])]
    found = kmeans(vectors, 10, rng=rng())
    assert found.n_clusters == 3
    assert np.bincount(found.cluster_id).tolist() == [9, 5, 3]


def test_zero_vectors_go_to_cluster_0_and_move_no_centroid(kmeans) -> None:
    vectors, truth = groups([30, 20])
    found = kmeans(np.vstack([vectors, np.zeros((5, 16), np.float32)]), 2, rng=rng())
    assert np.array_equal(found.cluster_id[:50], truth)
    assert found.cluster_id[50:].tolist() == [0] * 5
    assert found.distance[50:].tolist() == [1] * 5
    assert np.linalg.norm(found.centroids, axis=1) == pytest.approx(1)


def test_only_zero_vectors_make_one_cluster(kmeans) -> None:
    found = kmeans(np.zeros((4, 3), dtype=np.float32), 2, rng=rng())
    assert found.cluster_id.tolist() == [0] * 4
    assert found.centroids.tolist() == [[0, 0, 0]]


def test_nan_is_refused(kmeans) -> None:
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


def inertia(vectors: Float32s, ids: np.ndarray) -> float:
    """Sum of squared distances to the own mean."""
    return sum(
        float(((vectors[ids == j] - vectors[ids == j].mean(axis=0)) ** 2).sum()) for j in np.unique(ids)
    )


@pytest.mark.parametrize(
    ("n", "d", "k", "spread"), [(3000, 32, 16, 0.5), (2000, 64, 64, 1.0), (1500, 8, 8, 3.0)]
)
def test_inertia_is_not_above_scikit_learns(n: int, d: int, k: int, spread: float) -> None:
    centres = rng(1).normal(size=(k, d))
    vectors = centres[rng(2).integers(k, size=n)] + spread * rng(3).normal(size=(n, d))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found = np.mean([inertia(unit, with_rule(unit, k, rng=rng(s)).cluster_id) for s in range(3)])
    peer = np.mean([SklearnKMeans(k, n_init=1, random_state=s).fit(unit).inertia_ for s in range(3)])
    assert found <= 1.005 * peer


def test_more_copies_than_clusters_and_many_clusters_use_every_id() -> None:
    copies = np.repeat(rng(1).normal(size=(5, 7)), 40, axis=0).astype(np.float32)
    assert np.bincount(with_rule(copies, 9, rng=rng()).cluster_id).tolist() == [40] * 5
    many = rng(2).normal(size=(2500, 6)).astype(np.float32)
    found = with_rule(many, 1200, rng=rng())  # above GREEDY_UP_TO: several are drawn at once
    sizes = np.bincount(found.cluster_id, minlength=found.n_clusters)
    assert found.n_clusters > 1100
    assert sizes.min() > 0
    assert (np.diff(sizes) <= 0).all()


def test_opposite_rows_in_one_cluster_leave_no_centroid_without_direction() -> None:
    rows = np.array([[1, 0], [-1, 0], [1, 0], [-1, 0]], dtype=np.float32)
    assert np.linalg.norm(with_rule(rows, 1, rng=rng()).centroids) == pytest.approx(1)


def test_one_iteration_worked_by_hand() -> None:
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], dtype=np.float32)
    fit = iterate(rows, rows[[0, 2]], n_iterations=1)
    # (1, 0) alone; the other three, whose sum is (-0.4, 1.8).
    assert fit.centroids[0].tolist() == [1, 0]
    assert fit.centroids[1] == pytest.approx(np.array([-0.4, 1.8]) / np.hypot(0.4, 1.8), abs=1e-6)
    # Now (0.6, 0.8) has cosine 0.6 to the first and 0.651 to the second.
    assert fit.loss == pytest.approx(1 - (1 + (-0.24 + 1.44 + 1.8 + 0.4) / np.hypot(0.4, 1.8)) / 4, abs=1e-6)


def test_clusterings_of_before_keep_their_rule() -> None:
    assert KMeansOptions.FORMER_DEFAULTS == {"seeding": "faiss"}
    vectors, _ = groups([30, 20])
    before = KMeansOptions(n_clusters=2, n_redo=2, seeding="faiss")
    made = cluster_kmeans(vectors, before, seed=42, progress=lambda *_: None)
    assert made.notes == {"n_train": 50, "faiss_seed": 191664963}
    now = cluster_kmeans(vectors, KMeansOptions(n_clusters=2), seed=42, progress=lambda *_: None)
    assert set(now.notes) == {"n_train", "training_seed"}
