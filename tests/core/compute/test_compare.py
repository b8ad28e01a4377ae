from __future__ import annotations

import numpy as np
import pytest

from tamis.compute import neighbours
from tamis.compute.compare.selections import (
    bootstrap_interval,
    cluster_entropy,
    coverage,
    distribution,
    jaccard,
    only_in_one,
    vendi_score,
)
from tamis.compute.neighbours import nearest_cosines
from tamis.errors import InvalidOptions


def rng(seed=0):
    return np.random.default_rng(seed)


def unit(seed, n, d=8):
    vectors = rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rows(*values):
    return np.array(values, dtype=np.int64)


def test_jaccard_matrix_is_shared_over_all():
    matrix = jaccard([rows(1, 2, 3), rows(3, 2, 9), rows(), rows()])
    assert matrix[0].tolist() == [1, 0.5, 0, 0]
    assert matrix[2, 3] == 1
    assert np.array_equal(matrix, matrix.T)
    assert jaccard([]).shape == (0, 0)


def test_rows_that_only_one_picked():
    found = only_in_one([rows(5, 1, 2), rows(2, 3), rows(3, 7)])
    assert [part.tolist() for part in found] == [[1, 5], [], [7]]
    assert only_in_one([]) == []


@pytest.mark.parametrize("block", [4096, 3])
def test_coverage_equals_brute_force(monkeypatch, block):
    monkeypatch.setattr(neighbours, "SELECTED_BLOCK", block)
    vectors, chosen = unit(0, 300), rng(1).choice(300, 20, replace=False)
    cosine = vectors.astype(np.float64) @ vectors[chosen].astype(np.float64).T
    away = np.sqrt(np.maximum(0, 2 - 2 * cosine)).min(axis=1)
    away[chosen] = 0
    found = coverage(vectors, chosen)
    assert found.radius == pytest.approx(away.max(), abs=1e-5)
    assert found.farthest_row == np.argmax(away)
    assert found.mean_distance == pytest.approx(away.mean(), abs=1e-5)
    assert found.facility_location == pytest.approx(np.maximum(cosine.max(axis=1), 0).mean(), abs=1e-5)
    part = coverage(vectors, chosen, of=rows(7, 9))
    assert part.n_pool == 2
    assert part.radius == pytest.approx(away[[7, 9]].max(), abs=1e-5)
    assert part.farthest_row in (7, 9)


def test_everything_selected_is_covered_even_zero_vectors():
    vectors = np.zeros((5, 3), dtype=np.float32)
    vectors[:3] = np.eye(3)
    found = coverage(vectors, np.arange(5))
    assert (found.radius, found.mean_distance, found.facility_location) == (0, 0, 1)
    assert coverage(vectors, rows(0)).radius == pytest.approx(np.sqrt(2))


def test_coverage_of_an_empty_selection_is_refused():
    with pytest.raises(InvalidOptions, match="selection is empty"):
        nearest_cosines(unit(0, 4), rows())


def test_coverage_reports_progress():
    seen = []
    coverage(unit(0, 10), rows(1), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 10)]


def test_vendi_score_counts_different_rows():
    assert vendi_score(np.ones((9, 4), dtype=np.float32)) == pytest.approx(1)
    assert vendi_score(np.eye(6, dtype=np.float32)) == pytest.approx(6)
    pairs = np.repeat(np.eye(6, dtype=np.float32), 2, axis=0)
    assert vendi_score(pairs) == pytest.approx(6)
    assert vendi_score(pairs, rows(0, 1, 2, 3)) == pytest.approx(2)
    assert vendi_score(np.zeros((3, 2), dtype=np.float32)) == 0


def test_vendi_score_equals_the_kernel_form():
    vectors = unit(3, 40).astype(np.float64)
    values = np.linalg.eigvalsh(vectors @ vectors.T / 40)
    values = values[values > 1e-12]
    expected = np.exp(-(values * np.log(values)).sum())
    assert vendi_score(vectors.astype(np.float32) * 3) == pytest.approx(expected, rel=1e-5)


def test_cluster_entropy_of_even_and_single_clusters():
    ids = np.array([0, 1, 2, -1, 0])
    assert cluster_entropy(ids, rows(0, 1, 2, 3)) == pytest.approx(np.log(4))
    assert cluster_entropy(ids, rows(0, 4)) == 0
    assert cluster_entropy(ids, rows()) == 0


def test_distribution_leaves_out_missing_values():
    found = distribution([1.0, np.nan, 3.0, 5.0, 99.0], rows(0, 1, 2, 3))
    assert (found.n, found.n_missing, found.mean) == (3, 1, 3)
    assert found.quantiles[[0, 3, -1]].tolist() == [1, 3, 5]
    nothing = distribution([np.nan], rows(0))
    assert (nothing.n, nothing.n_missing) == (0, 1)
    assert np.isnan(nothing.quantiles).all()


def test_bootstrap_interval_holds_the_mean_about_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        found = bootstrap_interval(rng(seed).normal(3, 1, 30), n_resamples=400, rng=rng(seed + 1000))
        assert found.low <= found.mean <= found.high
        hits += found.low <= 3 <= found.high
    assert 175 <= hits <= 199


def test_bootstrap_of_fewer_than_two_values_has_no_interval():
    one = bootstrap_interval([2.0, np.nan], rng=rng())
    assert (one.mean, one.n, np.isnan(one.low)) == (2, 1, True)
    assert np.isnan(bootstrap_interval([], rng=rng()).mean)
    same = bootstrap_interval([2.0, 2.0, 2.0], rng=rng())
    assert (same.low, same.high) == (2, 2)


def test_bootstrap_is_deterministic_and_refuses_bad_options():
    values = rng(1).random(8)
    assert bootstrap_interval(values, rng=rng(2)) == bootstrap_interval(values, rng=rng(2))
    with pytest.raises(InvalidOptions, match="between 0 and 1"):
        bootstrap_interval(values, confidence_fraction=95, rng=rng())
    with pytest.raises(InvalidOptions, match="1 or more"):
        bootstrap_interval(values, n_resamples=0, rng=rng())


def test_selections_share_a_radius_only_through_an_outlier_that_both_leave_out():
    """A row that is like no other is the worst covered one of every selection without it: their radius is equal then."""
    vectors = unit(3, 200)
    vectors[:, -1] = 0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    picks = [rng(seed).choice(200, 20, replace=False) for seed in range(3)]
    radii = [coverage(vectors, chosen).radius for chosen in picks]
    assert len({round(radius, 6) for radius in radii}) == 3
    outlier = np.zeros((1, vectors.shape[1]), dtype=np.float32)
    outlier[0, -1] = 1
    with_outlier = np.concatenate([vectors, outlier])
    found = [coverage(with_outlier, chosen) for chosen in picks]
    assert {one.farthest_row for one in found} == {200}
    assert [one.radius for one in found] == pytest.approx([np.sqrt(2)] * 3)
    assert coverage(with_outlier, np.append(picks[0], 200)).radius == pytest.approx(radii[0])
