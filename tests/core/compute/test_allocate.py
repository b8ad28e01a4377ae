from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.select.allocate import allocate, allocate_with_floor
from tamis.errors import InvalidOptions
from tests.support import scale

weight = st.one_of(st.just(0.0), st.floats(0, 1e12, allow_subnormal=True), st.integers(0, 9).map(float))
clusters = st.lists(st.tuples(weight, st.integers(0, 40)), min_size=1, max_size=12)


def by_hand(total: int, weights: list[float], available: list[int]) -> list[int]:
    """METHODS.md 1.8 word by word, one cluster at a time."""
    total, share = min(total, sum(available)), [0] * len(available)
    while left := total - sum(share):
        open_ids = [j for j in range(len(share)) if available[j] > share[j]]
        total_weight = sum(weights[j] for j in open_ids)
        exact = {
            j: left * (weights[j] / total_weight if total_weight else 1 / len(open_ids)) for j in open_ids
        }
        more = {j: int(exact[j] + 1e-9) for j in open_ids}
        ranked = sorted(open_ids, key=lambda j: (-round(exact[j] - more[j], 6), j))
        for j in ranked[: left - sum(more.values())]:
            more[j] += 1
        for j in open_ids:
            share[j] = min(share[j] + more[j], available[j])
    return share


def test_what_a_full_cluster_cannot_take_goes_to_the_others_by_weight() -> None:
    assert allocate(10, [0.5, 0.3, 0.2], [2, 9, 9]).tolist() == [2, 5, 3]


def test_ties_go_to_the_lowest_cluster_id() -> None:
    assert allocate(2, [1, 1, 1], [5, 5, 5]).tolist() == [1, 1, 0]
    assert allocate(5, [0.1, 0.1, 0.1, 0.7], [9, 9, 9, 9]).tolist() == [1, 1, 0, 3]
    assert allocate(2, [0.3, 0.1], [9, 9]).tolist() == [2, 0]  # 1.5 and 0.5, neither exact in binary


def test_zero_weight_takes_only_what_nobody_else_can() -> None:
    assert allocate(4, [1, 0, 0], [9, 9, 9]).tolist() == [4, 0, 0]
    assert allocate(6, [1, 0, 0], [2, 9, 9]).tolist() == [2, 2, 2]
    assert allocate(5, [0, 0], [9, 9]).tolist() == [3, 2]


def test_more_than_there_is_gives_all_there_is() -> None:
    assert allocate(100, [1, 2], [3, 4]).tolist() == [3, 4]
    assert allocate(0, [1, 2], [3, 4]).tolist() == [0, 0]
    assert allocate(7, [], []).tolist() == []


@pytest.mark.parametrize("bad", [float("nan"), -0.5, float("inf")])
def test_unusable_weight_is_named_by_its_cluster(bad: float) -> None:
    with pytest.raises(InvalidOptions, match="cluster 1"):
        allocate(5, [1.0, bad, 1.0], [9, 9, 9])


def test_wrong_counts_are_refused() -> None:
    with pytest.raises(InvalidOptions, match="Cluster 1 has -2"):
        allocate(5, [1, 1], [3, -2])
    with pytest.raises(InvalidOptions, match="3 weights for 2 clusters"):
        allocate(5, [1, 1, 1], [3, 3])
    with pytest.raises(InvalidOptions, match="-1"):
        allocate(-1, [1], [3])


@scale.examples(2500)
@given(total=st.integers(0, 500), rows=clusters)
def test_budget_is_spent_exactly_and_caps_are_respected(total: int, rows: list[tuple[float, int]]) -> None:
    weights, available = [w for w, _ in rows], np.array([a for _, a in rows])
    share = allocate(total, weights, available)
    assert share.sum() == min(total, available.sum())
    assert (share >= 0).all()
    assert (share <= available).all()


@scale.examples(1000)
@given(
    total=st.integers(0, 200),
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), min_size=1, max_size=8),
)
def test_matches_the_specification_cluster_by_cluster(total: int, rows: list[tuple[int, int]]) -> None:
    weights, available = [float(w) for w, _ in rows], [a for _, a in rows]
    assert allocate(total, weights, available).tolist() == by_hand(total, weights, available)


@scale.examples(1000)
@given(total=st.integers(0, 300), rows=clusters, seed=st.integers(0, 2**32 - 1))
def test_floors_are_kept_and_the_budget_is_still_exact(
    total: int, rows: list[tuple[float, int]], seed: int
) -> None:
    weights, available = [w for w, _ in rows], np.array([a for _, a in rows])
    least = np.random.default_rng(seed).integers(0, available + 1)
    if least.sum() > total:
        with pytest.raises(InvalidOptions, match="pinned"):
            allocate_with_floor(total, weights, available, least)
        return
    share = allocate_with_floor(total, weights, available, least)
    assert share.sum() == min(total, available.sum())
    assert ((least <= share) & (share <= available)).all()


def test_a_floor_is_paid_by_the_other_clusters() -> None:
    assert allocate_with_floor(10, [5, 3, 2], [9, 9, 9], [0, 0, 6]).tolist() == [3, 1, 6]
    assert allocate_with_floor(10, [5, 3, 2], [9, 9, 9], [1, 1, 1]).tolist() == [5, 3, 2]
    with pytest.raises(InvalidOptions, match="Cluster 0 must give 10 but has 9"):
        allocate_with_floor(20, [5, 3], [9, 9], [10, 0])


def test_a_hundred_thousand_clusters_take_moments() -> None:
    rng = np.random.default_rng(0)
    available = rng.integers(0, 20, 100_000)
    started = time.perf_counter()
    share = allocate(500_000, rng.pareto(0.5, 100_000), available)
    assert time.perf_counter() - started < 3  # 0.06 s on an idle core
    assert share.sum() == 500_000
