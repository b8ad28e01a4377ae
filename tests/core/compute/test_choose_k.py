from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from tamis.actions.remedies import remarks_on
from tamis.compute.cluster.choose_k import (
    KChoice,
    KScore,
    choose_k,
    default_candidates,
    null_vectors,
    silhouette_of,
    simplified_silhouette,
    standard_silhouette,
)
from tamis.errors import InvalidOptions
from tamis.types import Float32s

CANDIDATES = (16, 64, 256)


def unit(vectors: np.ndarray) -> Float32s:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def noise(n: int = 8000) -> Float32s:
    return unit(np.random.default_rng(0).normal(size=(n, 64)))


def clusters(n: int = 8000, k: int = 64, spread: float = 0.075) -> Float32s:
    rng = np.random.default_rng(1)
    centres = unit(rng.normal(size=(k, 64)))
    return unit(centres[rng.integers(0, k, n)] + spread * rng.normal(size=(n, 64)))


def test_simplified_silhouette_of_a_worked_example() -> None:
    points = np.array([[0.0], [1.0], [4.0]], dtype=np.float32)
    # squared distances to centroids 0 and 4: (0, 16), (1, 9), (16, 0) -> 1, 8/9, 1
    assert simplified_silhouette(points, np.array([[0.0], [4.0]], dtype=np.float32)) == pytest.approx(26 / 27)


def test_simplified_silhouette_of_degenerate_input() -> None:
    points = np.zeros((3, 2), dtype=np.float32)
    assert np.isnan(simplified_silhouette(points, points[:1]))
    assert simplified_silhouette(points, points[:2]) == 0


def test_standard_silhouette_is_undefined_without_two_clusters() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 2)).astype(np.float32)
    assert np.isnan(standard_silhouette(points, np.zeros(5, int), rng=rng))
    assert np.isnan(standard_silhouette(points, np.arange(5), rng=rng))


@pytest.mark.parametrize(
    ("k", "simplified", "standard"), [(16, 0.044, 0.009), (64, 0.064, 0.009), (256, 0.111, -0.001)]
)
def test_silhouettes_of_noise_reproduce_the_reference_table(
    k: int, simplified: float, standard: float
) -> None:
    vectors = noise()
    found = KMeans(k, n_init=1, max_iter=30, random_state=0).fit(vectors)
    assert simplified_silhouette(vectors, found.cluster_centers_) == pytest.approx(simplified, abs=0.004)
    measured = standard_silhouette(vectors, found.labels_, rng=np.random.default_rng(0))
    assert measured == pytest.approx(standard, abs=0.006)


def test_sixty_four_true_clusters_are_found_against_the_null() -> None:
    choice = choose_k(clusters(), CANDIDATES, rng=np.random.default_rng(0))
    assert choice.k == 64
    assert choice.structure
    by_k = {row.k: row for row in choice.table}
    assert by_k[64].simplified == pytest.approx(0.745, abs=0.1)
    assert by_k[64].standard == pytest.approx(0.38, abs=0.1)
    assert by_k[64].difference > 0.3
    assert by_k[64].difference > 2 * max(by_k[16].difference, by_k[256].difference)
    assert [row.k for row in choice.table if row.chosen] == [64]


def test_noise_shows_no_structure_although_its_simplified_silhouette_rises() -> None:
    choice = choose_k(noise(), CANDIDATES, rng=np.random.default_rng(0))
    assert not choice.structure
    assert choice.k == 63  # sqrt(8000 / 2)
    assert all(abs(row.difference) < 0.005 for row in choice.table)
    assert choice.table[0].simplified < choice.table[1].simplified < choice.table[2].simplified
    assert not any(row.chosen for row in choice.table)


def test_permuted_null_finds_the_clusters_too() -> None:
    choice = choose_k(clusters(2000, 8), (4, 8, 16), null="permuted", n_null=1, rng=np.random.default_rng(0))
    assert (choice.k, choice.structure) == (8, True)


def test_same_seed_same_choice() -> None:
    vectors = clusters(1500, 8)
    first, again = (choose_k(vectors, (4, 8), max_rows=1000, rng=np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert first.n_rows == 1000


def test_gaussian_null_keeps_mean_and_covariance() -> None:
    rng = np.random.default_rng(0)
    vectors = unit(np.array([3.0, 1.0, 0.0]) + rng.normal(size=(20_000, 3)) * np.array([0.1, 0.4, 0.2]))
    cloud = null_vectors(vectors, rng=rng)
    assert cloud.mean(axis=0) == pytest.approx(vectors.mean(axis=0), abs=0.01)
    assert np.cov(cloud.T) == pytest.approx(np.cov(vectors.T), abs=0.01)


@pytest.mark.parametrize(
    ("n", "expected"), [(1, (1,)), (3, (1,)), (39, (3,)), (45, (4,)), (700, (4, 8, 16, 32, 64))]
)
def test_default_candidates_fit_the_number_of_rows(n: int, expected: tuple[int, ...]) -> None:
    assert default_candidates(n) == expected
    assert default_candidates(10**6)[-1] == 1024


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_tiny_or_identical_data_has_no_structure_and_a_possible_k(n: int) -> None:
    choice = choose_k(np.ones((n, 4), dtype=np.float32), rng=np.random.default_rng(0))
    assert not choice.structure
    assert 1 <= choice.k <= n


def test_candidates_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidOptions, match="50 clusters on 20 rows"):
        choose_k(noise(20), (4, 50), rng=np.random.default_rng(0))
    with pytest.raises(InvalidOptions, match="null clouds is 0"):
        choose_k(noise(20), (4,), n_null=0, rng=np.random.default_rng(0))


def test_silhouette_from_distances_is_the_one_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=(90, 5)))
    away = np.linalg.norm(rows[:, None] - rows[None], axis=2).astype(np.float32)
    for ids in (rng.integers(0, 4, 90), np.r_[7, rng.integers(0, 3, 89)]):
        assert silhouette_of(away, ids) == pytest.approx(standard_silhouette(rows, ids, rng=rng), abs=1e-5)
    assert np.isnan(silhouette_of(away, np.zeros(90, int)))
    assert np.isnan(silhouette_of(away, np.arange(90)))


def test_data_with_structure_has_one_k_whatever_the_seed() -> None:
    vectors = clusters(1200, 12)
    chosen = [choose_k(vectors, (4, 8, 16, 32), rng=np.random.default_rng(seed)) for seed in range(10)]
    assert max([one.k for one in chosen].count(k) for k in (4, 8, 16, 32)) >= 9
    assert all(one.structure and one.k in one.as_good for one in chosen)


def test_what_is_about_as_good_as_the_best_is_said() -> None:
    def row(k: int, difference: float) -> KScore:
        return KScore(k, 0, 0, 0, 0, difference, chosen=k == 16)

    table = (row(4, 0.05), row(8, 0.095), row(16, 0.1), row(32, 0.091))
    assert KChoice(16, structure=True, table=table, n_rows=9).as_good == (8, 16, 32)
    assert KChoice(16, structure=False, table=table, n_rows=9).as_good == ()
    (said,) = remarks_on({"n_clusters": 16, "k_structure": True, "k_as_good": [8, 16, 32]})
    assert said.startswith("8, 16 and 32 clusters are about as good")
    assert remarks_on({"n_clusters": 16, "k_structure": True, "k_as_good": [16]}) == ()
    (said,) = remarks_on({"n_clusters": 45, "k_structure": False, "k_as_good": []})
    assert "45 is only a usual size" in said


def test_the_choice_of_before_is_kept_by_name() -> None:
    vectors = clusters(600, 8)
    before = choose_k(
        vectors,
        (4, 8, 16),
        seeding="faiss",
        n_null=2,
        min_gap=0.01,
        n_iterations=15,
        rng=np.random.default_rng(0),
    )
    assert (before.k, before.structure) == (8, True)
