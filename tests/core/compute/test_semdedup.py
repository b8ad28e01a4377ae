from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.select import semdedup as module
from tamis.compute.select.kmq import TokenSelection
from tamis.compute.select.semdedup import mark_near_duplicates, semdedup
from tamis.errors import CurationError, InvalidOptions


def unit(seed, n, d=3):
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def brute_force(vectors, ids, threshold, keep):
    """Every pair of a cluster in float64; the row behind is dropped, even behind a dropped one."""
    points, dropped = vectors.astype(np.float64), np.zeros(len(ids), dtype=bool)
    for cluster in range(ids.max() + 1):
        rows = np.flatnonzero(ids == cluster)
        centre = points[rows].mean(axis=0)
        typical = points[rows] @ centre / np.linalg.norm(centre)
        order = rows[np.lexsort((rows, np.round(typical if keep == "farthest" else -typical, 9)))]
        for i, row in enumerate(order):
            dropped[row] = any(points[row] @ points[other] > threshold for other in order[:i])
    return dropped


@pytest.fixture(params=[2048, 7])
def tiles(request, monkeypatch):
    monkeypatch.setattr(module, "TILE_ROWS", request.param)


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("keep", ["farthest", "closest"])
@pytest.mark.parametrize("threshold", [0.6, 0.9, 0.99])
def test_equals_brute_force(keep, threshold):
    vectors, ids = unit(0, 150), np.random.default_rng(1).integers(-1, 4, 150)
    found = mark_near_duplicates(vectors, ids, n_clusters=4, threshold=threshold, keep=keep)
    assert np.array_equal(found.dropped, brute_force(vectors, ids, threshold, keep))
    assert 0 < found.dropped.sum() < 150


@pytest.mark.usefixtures("tiles")
def test_evidence_names_the_nearest_row_ahead():
    vectors, ids = unit(0, 60), np.zeros(60, dtype=np.int64)
    found = mark_near_duplicates(vectors, ids, n_clusters=1, threshold=0.9)
    for row in np.flatnonzero(found.dropped):
        other = found.nearest[row]
        assert other != row
        assert vectors[row] @ vectors[other] == pytest.approx(found.cosine[row], abs=1e-6)
        assert found.cosine[row] > 0.9
    assert np.all(found.nearest[~found.dropped] == -1)
    assert np.isnan(found.cosine[~found.dropped]).all()


def test_of_a_chain_one_stays():
    angles = np.deg2rad([0, 10, 20, 90])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = mark_near_duplicates(vectors, np.zeros(4, dtype=np.int64), n_clusters=1, threshold=0.98)
    assert found.dropped.tolist() == [False, True, True, False]


def test_duplicates_in_different_clusters_both_stay():
    found = mark_near_duplicates(np.ones((2, 2), dtype=np.float32), [0, 1], n_clusters=2)
    assert not found.dropped.any()


def test_all_identical_leaves_one_per_cluster_and_zero_vectors_all():
    ids = np.repeat([0, 1], 5)
    assert (~mark_near_duplicates(np.ones((10, 3), np.float32), ids, n_clusters=2).dropped).nonzero()[
        0
    ].tolist() == [0, 5]
    assert not mark_near_duplicates(np.zeros((10, 3), np.float32), ids, n_clusters=2).dropped.any()


def test_pinned_rows_are_never_dropped_and_drop_others():
    pinned = np.array([False, False, True, True])
    found = mark_near_duplicates(
        np.ones((4, 2), np.float32), np.zeros(4, np.int64), n_clusters=1, pinned=pinned
    )
    assert found.dropped.tolist() == [True, True, False, False]


def test_excluded_rows_and_noise_take_no_part():
    excluded = np.array([True, False, False, False])
    found = mark_near_duplicates(np.ones((4, 2), np.float32), [0, 0, -1, 0], n_clusters=1, excluded=excluded)
    assert found.dropped.tolist() == [False, False, False, True]


@pytest.mark.parametrize("then", ["random", "quality", "kmq"])
def test_no_duplicate_is_picked_and_the_shortfall_is_told(then):
    vectors, ids = np.repeat(unit(4, 20, 16), 3, axis=0), np.repeat(np.arange(20) % 2, 3)
    result = semdedup(
        vectors, ids, np.arange(60.0), budget=30, n_clusters=2, then=then, rng=np.random.default_rng(0)
    )
    assert np.unique(result.rows // 3).size == 20
    assert (result.rows.size, result.shortfall) == (20, 10)


def test_rest_is_picked_by_quality_under_any_budget_in_tokens_or_rows():
    vectors, ids = np.repeat(np.eye(6, dtype=np.float32), 2, axis=0), np.zeros(12, dtype=np.int64)
    options = {"n_clusters": 1, "then": "quality", "rng": np.random.default_rng(0)}
    assert semdedup(vectors, ids, np.arange(12.0), budget=2, **options).rows.tolist() == [10, 8]
    result = semdedup(vectors, ids, np.arange(12.0), budget=9, token_counts=np.full(12, 4), **options)
    assert isinstance(result, TokenSelection)
    assert (result.selection.rows.tolist(), result.unused_tokens) == ([10, 8], 1)


@pytest.mark.parametrize("then", ["random", "kmq"])
def test_same_seed_same_rows(then):
    def run(seed, **tokens):
        vectors, ids = unit(4, 90, 8), np.arange(90) % 3
        result = semdedup(
            vectors,
            ids,
            np.ones(90),
            budget=30,
            n_clusters=3,
            then=then,
            rng=np.random.default_rng(seed),
            **tokens,
        )
        return getattr(result, "selection", result).rows.tolist()

    assert run(1) == run(1) != run(2)
    assert run(1, token_counts=np.full(90, 2)) == run(1, token_counts=np.full(90, 2))


def test_one_giant_cluster_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(module, "PAIR_LIMIT", 100)
    with pytest.raises(CurationError, match=r"largest cluster \(1\) holds 19 rows"):
        mark_near_duplicates(unit(0, 20), [0] + [1] * 19, n_clusters=2)


def test_unusable_requests_are_refused():
    vectors, ids = unit(0, 5), np.zeros(5, dtype=np.int64)
    with pytest.raises(InvalidOptions, match="needs a quality score"):
        semdedup(vectors, ids, budget=2, n_clusters=1, then="quality", rng=np.random.default_rng(0))
    with pytest.raises(InvalidOptions, match="from -1 to 1"):
        mark_near_duplicates(vectors, ids, n_clusters=1, threshold=95)
    with pytest.raises(InvalidOptions, match="give 1 or more"):
        semdedup(vectors, ids, budget=0, n_clusters=1, rng=np.random.default_rng(0))
