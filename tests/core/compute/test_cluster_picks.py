from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.select.allocate import allocate
from tamis.compute.select.cluster_picks import (
    best_of_clusters,
    km_closest,
    km_random,
    kmq_released,
    stratified,
    top_quality,
)
from tamis.compute.select.kmq import TokenSelection
from tamis.errors import InvalidOptions
from tests.support import scale


def rng(seed=0):
    return np.random.default_rng(seed)


@scale.examples(80)
@given(seed=st.integers(0, 999), n=st.integers(1, 60), k=st.integers(1, 6), budget=st.integers(1, 70))
def test_closest_takes_the_nearest_of_each_cluster_by_its_quota(seed, n, k, budget):
    ids, distance = rng(seed).integers(k, size=n), rng(seed).integers(0, 9, n).astype(float)
    sizes = np.bincount(ids, minlength=k)
    expected = set()
    for cluster, quota in enumerate(allocate(budget, sizes, sizes)):
        rows = np.flatnonzero(ids == cluster)
        expected |= set(rows[np.lexsort((rows, distance[rows]))][:quota].tolist())
    result = km_closest(ids, distance, budget=budget, n_clusters=k, rng=rng(seed))
    assert set(result.rows.tolist()) == expected
    assert result.shortfall == max(0, budget - n)


def test_closest_does_not_depend_on_the_seed():
    ids, distance = rng(0).integers(40, size=5000), rng(1).random(5000)
    runs = [km_closest(ids, distance, budget=700, n_clusters=40, rng=rng(seed)).rows for seed in range(3)]
    assert np.array_equal(runs[0], runs[1])
    assert np.array_equal(runs[0], runs[2])


def test_random_and_stratified_give_every_group_its_share():
    codes = np.repeat([0, 1, -1], [60, 30, 10])
    result = stratified(codes, budget=20, n_groups=2, rng=rng())
    assert result.allocated.tolist() == [12, 6, 2]
    equal = stratified(codes, budget=21, n_groups=2, quota="equal", rng=rng())
    assert equal.allocated.tolist() == [7, 7, 7]
    assert km_random(codes, budget=20, n_clusters=2, rng=rng(3)).allocated.tolist() == [12, 6, 2]


def test_random_draws_evenly_inside_a_cluster():
    counts = np.zeros(10)
    for seed in range(3000):
        counts[km_random(np.zeros(10, int), budget=2, n_clusters=1, rng=rng(seed)).rows] += 1
    assert np.all(np.abs(counts - 600) < 5 * np.sqrt(3000 * 0.2 * 0.8))


def test_same_seed_same_rows():
    ids = rng(0).integers(4, size=80)
    runs = [km_random(ids, budget=20, n_clusters=4, rng=rng(seed)).rows.tolist() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_top_quality_orders_rows_with_ties_by_position_and_nan_last_or_never():
    quality = [1.0, np.nan, 3.0, 3.0, -5.0]
    assert top_quality(quality, budget=5, rng=rng()).rows.tolist() == [2, 3, 0, 4, 1]
    never = top_quality(quality, budget=5, unscored="never", rng=rng())
    assert (never.rows.tolist(), never.shortfall) == ([2, 3, 0, 4], 1)


def test_top_quality_is_exact_for_many_rows_and_respects_pins_and_exclusions():
    quality = rng(0).random(50_000)
    pinned, excluded = np.zeros(50_000, dtype=bool), np.zeros(50_000, dtype=bool)
    order = np.argsort(-quality)
    pinned[order[-1]], excluded[order[0]] = True, True
    rows = top_quality(quality, budget=1000, pinned=pinned, excluded=excluded, rng=rng()).rows
    assert rows[0] == order[-1]
    assert rows[1:].tolist() == order[1:1000].tolist()


def test_token_budgets_fill_with_rows_that_fit():
    result = top_quality([5, 4, 3, 2], budget=10, token_counts=[6, 5, 4, 1], rng=rng())
    assert isinstance(result, TokenSelection)
    assert (result.selection.rows.tolist(), result.unused_tokens) == ([0, 2], 0)
    closest = km_closest([0, 0, 0], [2, 1, 0], budget=8, n_clusters=1, token_counts=[4, 4, 4], rng=rng())
    assert closest.selection.rows.tolist() == [2, 1]


def released(ids, quality, budget, k, seed):
    """The authors' loop in our words, whose rng draws row by row."""
    generator = rng(seed)
    picked = []
    for cluster in range(k):
        rows = np.flatnonzero(ids == cluster)
        odds = np.exp(quality[rows].astype(np.int64).astype(float))
        size = min(int(budget / k), rows.size)
        if size:
            picked += generator.choice(rows, size=size, replace=False, p=odds / odds.sum()).tolist()
    return picked


def test_released_code_gives_its_quotas_and_loses_the_rest():
    ids = np.repeat([0, 1, 2, 3], [50, 30, 3, 0])
    result = kmq_released(ids, np.ones(83), budget=42, n_clusters=4, rng=rng())
    assert result.allocated[:4].tolist() == [10, 10, 3, 0]
    assert (result.rows.size, result.shortfall) == (23, 19)
    assert len(released(ids, np.ones(83), 42, 4, 0)) == 23


def test_released_code_follows_the_same_law():
    ids, quality = np.repeat([0, 1], 4), np.array([0.9, 1.2, 1.9, 2.0, 3.5, 3.9, 3.1, 3.0])
    ours, theirs = np.zeros(8), np.zeros(8)
    for seed in range(3000):
        ours[kmq_released(ids, quality, budget=5, n_clusters=2, rng=rng(seed)).rows] += 1
        theirs[released(ids, quality, 5, 2, seed)] += 1
    assert np.all(np.abs(ours - theirs) < 5 * np.sqrt(2 * 3000 * 0.25))
    assert ours[0] < 0.5 * ours[3]  # 0.9 counts as 0, 2.0 as 2
    assert abs(ours[4] - ours[5]) < 200  # 3.5 and 3.9 both count as 3


def test_released_code_in_ours_survives_scores_that_overflow_exp():
    result = kmq_released(np.zeros(4, int), [5000.0, 1.0, 4000.0, 2.0], budget=2, n_clusters=1, rng=rng())
    assert result.rows.tolist() == [0, 2]


def test_released_code_respects_pins_beyond_the_quota_and_ignores_noise():
    ids = np.array([0, 0, 0, 1, 1, 1, -1, -1])
    pinned = np.array([True, True, False, False, False, False, True, False])
    result = kmq_released(ids, np.ones(8), budget=4, n_clusters=2, pinned=pinned, rng=rng())
    assert {0, 1, 6} <= set(result.rows.tolist())
    assert 7 not in result.rows
    assert result.rows.size == 4


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        (lambda: km_random([0, 1], budget=0, n_clusters=2, rng=rng()), "give 1 or more"),
        (lambda: kmq_released([0, 1], [1, 1], budget=1, n_clusters=2, rng=rng()), "give 2 or more"),
        (lambda: kmq_released([0, 1], [1, 1], budget=0, n_clusters=2, rng=rng()), "give 1 or more"),
        (lambda: km_closest([0, 1], [0.0], budget=1, n_clusters=2, rng=rng()), "one per row"),
        (lambda: top_quality([np.inf, 1], budget=1, rng=rng()), "row 0 is inf"),
        (lambda: stratified([0, 5], budget=1, n_groups=2, rng=rng()), "cluster 5"),
    ],
)
def test_unusable_requests_are_refused(pick, message):
    with pytest.raises(InvalidOptions, match=message):
        pick()


@pytest.mark.parametrize("k", [1, 10])
def test_ten_rows_in_one_or_ten_clusters(k):
    ids = np.arange(10) % k
    for result in (
        km_random(ids, budget=10, n_clusters=k, rng=rng()),
        km_closest(ids, np.full(10, np.nan), budget=10, n_clusters=k, rng=rng()),
        kmq_released(ids, np.full(10, np.nan), budget=10, n_clusters=k, rng=rng()),
    ):
        assert sorted(result.rows.tolist()) == list(range(10))


def test_cluster_and_ranking_takes_the_best_of_each_cluster_before_the_best_of_all() -> None:
    cluster, quality = [0, 0, 0, 1, 1, -1, 2], [5.0, 9.0, 7.0, 1.0, 2.0, 8.0, np.nan]
    order = best_of_clusters(cluster, quality, per_cluster=1)
    assert np.argsort(-order).tolist() == [1, 4, 5, 2, 0, 3, 6]
    two = best_of_clusters(cluster, quality, per_cluster=2)
    assert np.argsort(-two).tolist() == [1, 2, 4, 3, 5, 0, 6]
    assert np.argsort(-best_of_clusters(cluster, quality, per_cluster=0)).tolist() == [1, 5, 2, 0, 4, 3, 6]
    without = best_of_clusters(cluster, quality, per_cluster=1, available=np.arange(7) != 1)
    assert np.argsort(-without)[:2].tolist() == [2, 4]
