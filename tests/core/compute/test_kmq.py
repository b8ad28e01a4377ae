from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.select.allocate import allocate
from tamis.compute.select.draw import Odds
from tamis.compute.select.kmq import Selection, TokenSelection, kmq, kmq_tokens, uniform, uniform_tokens
from tamis.errors import InvalidOptions
from tests.support import scale

IDS = np.array([0] * 10 + [1] * 6 + [2] * 4)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_clusters_are_given_rows_in_proportion_to_their_size() -> None:
    picked = kmq(IDS, None, budget=10, n_clusters=3, rng=rng())
    assert picked.allocated.tolist() == [5, 3, 2, 0]
    assert picked.available.tolist() == [10, 6, 4, 0]
    assert picked.weight[picked.cluster_id == 1].tolist() == [0.5] * 3
    assert np.array_equal(IDS[picked.rows], picked.cluster_id)


def test_equal_quota_redistributes_what_a_small_cluster_lacks() -> None:
    picked = kmq(IDS, None, budget=15, n_clusters=3, quota="equal", rng=rng())
    assert picked.allocated.tolist() == allocate(15, [1, 1, 1], [10, 6, 4]).tolist() + [0] == [6, 5, 4, 0]


def test_given_weights_divide_the_budget() -> None:
    picked = kmq(IDS, None, budget=8, n_clusters=3, quota="weights", weights=[0, 1, 3], rng=rng())
    assert picked.allocated.tolist() == [0, 4, 4, 0]  # 2 and 6, but cluster 2 has only 4


def test_empty_cluster_keeps_its_index() -> None:
    picked = kmq([0, 0, 2, 2], None, budget=2, n_clusters=4, rng=rng())
    assert picked.allocated.tolist() == [1, 0, 1, 0, 0]


def test_noise_is_a_group_of_its_own_or_left_out() -> None:
    ids = np.array([0] * 6 + [-1] * 6)
    own = kmq(ids, None, budget=6, n_clusters=1, rng=rng())
    assert own.allocated.tolist() == [3, 3]
    assert sorted(own.cluster_id.tolist()) == [-1, -1, -1, 0, 0, 0]
    without = kmq(ids, None, budget=8, n_clusters=1, noise="exclude", rng=rng())
    assert sorted(without.rows.tolist()) == [0, 1, 2, 3, 4, 5]
    assert without.shortfall == 2
    weighted = kmq(ids, None, budget=6, n_clusters=1, quota="weights", weights=[0.1], rng=rng())
    assert weighted.allocated.tolist() == [3, 3]


def test_all_noise_is_still_sampled() -> None:
    picked = kmq(np.full(9, -1), None, budget=4, n_clusters=0, rng=rng())
    assert picked.allocated.tolist() == [4]
    assert set(picked.cluster_id.tolist()) == {-1}


def test_shortfall_is_reported_when_rows_run_out() -> None:
    picked = kmq(IDS, None, budget=25, n_clusters=3, excluded=np.arange(20) < 3, rng=rng())
    assert picked.rows.size == 17
    assert picked.shortfall == 8


def test_pinned_rows_are_always_in_and_count_against_the_budget() -> None:
    pinned = np.zeros(20, dtype=bool)
    pinned[[16, 17, 18]] = True
    picked = kmq(IDS, None, budget=10, n_clusters=3, pinned=pinned, rng=rng())
    assert {16, 17, 18} <= set(picked.rows.tolist())
    assert picked.rows.size == 10
    assert picked.allocated.tolist() == [4, 3, 3, 0]  # 7 left over weights 10 : 6
    assert sorted(picked.rank[np.isin(picked.rows, [16, 17, 18])].tolist()) == [0, 1, 2]


def test_a_pinned_noise_row_is_in_although_noise_is_excluded() -> None:
    picked = kmq(
        [0, 0, -1, -1], None, budget=2, n_clusters=1, noise="exclude", pinned=np.arange(4) == 3, rng=rng()
    )
    assert 3 in picked.rows
    assert 2 not in picked.rows


def test_pins_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(InvalidOptions, match="20 are pinned but the budget is 5"):
        kmq(IDS, None, budget=5, n_clusters=3, pinned=np.ones(20, bool), rng=rng())
    with pytest.raises(InvalidOptions, match="Row 4 is both"):
        kmq(
            IDS,
            None,
            budget=5,
            n_clusters=3,
            pinned=np.arange(20) == 4,
            excluded=np.arange(20) > 3,
            rng=rng(),
        )


def test_quality_decides_inside_a_cluster_within_three_sigma() -> None:
    quality = np.array([6.0, 3.0, 1.0, 5.0, 5.0])
    generator, trials = rng(7), 20_000
    hits = np.zeros(5)
    for _ in range(trials):
        hits[kmq([0, 0, 0, 1, 1], quality, budget=2, n_clusters=2, quota="equal", rng=generator).rows] += 1
    p = np.array([0.6, 0.3, 0.1, 0.5, 0.5])
    assert (np.abs(hits / trials - p) <= 3 * np.sqrt(p * (1 - p) / trials)).all()


def test_a_row_of_probability_zero_is_picked_only_when_its_cluster_has_nothing_else() -> None:
    quality = np.where(np.arange(20) % 2, 1.0, 0.0)
    picked = kmq(IDS, quality, budget=10, n_clusters=3, rng=rng())
    assert quality[picked.rows].all()
    assert picked.n_forced == 0
    picked = kmq(IDS, quality, budget=12, n_clusters=3, rng=rng())
    assert picked.n_forced == 2


def test_low_temperature_takes_the_best_and_all_nan_is_uniform() -> None:
    quality = np.arange(20.0)
    picked = kmq(
        IDS, quality, budget=10, n_clusters=3, odds=Odds("softmax", 1e-4, in_spreads=False), rng=rng()
    )
    assert sorted(picked.rows.tolist()) == [5, 6, 7, 8, 9, 13, 14, 15, 18, 19]
    assert picked.rank[np.argsort(picked.rows)].tolist() == [4, 3, 2, 1, 0, 2, 1, 0, 1, 0]
    nothing_scored = kmq(IDS, np.full(20, np.nan), budget=10, n_clusters=3, rng=rng())
    assert nothing_scored.rows.tolist() == kmq(IDS, None, budget=10, n_clusters=3, rng=rng()).rows.tolist()


def test_every_prefix_is_divided_like_the_whole() -> None:
    ids = np.repeat([0, 1, 2], [500, 300, 200])
    picked = kmq(ids, None, budget=100, n_clusters=3, rng=rng())
    for size in (10, 20, 50):
        assert np.abs(np.bincount(picked.cluster_id[:size]) - np.array([0.5, 0.3, 0.2]) * size).max() <= 1


def test_same_seed_same_rows_and_another_seed_others() -> None:
    def rows(seed: int) -> list[int]:
        return kmq(IDS, np.arange(1.0, 21), budget=8, n_clusters=3, rng=rng(seed)).rows.tolist()

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)


def test_excluding_a_row_that_was_not_picked_changes_nothing() -> None:
    first = kmq(np.zeros(50, int), None, budget=5, n_clusters=1, rng=rng(3))
    out = ~np.isin(np.arange(50), first.rows)
    again = kmq(np.zeros(50, int), None, budget=5, n_clusters=1, excluded=out, rng=rng(3))
    assert first.rows.tolist() == again.rows.tolist()


def test_one_row_and_wrong_input() -> None:
    assert kmq([0], [0.0], budget=1, n_clusters=1, rng=rng()).rows.tolist() == [0]
    with pytest.raises(InvalidOptions, match="budget is 0 rows"):
        kmq(IDS, None, budget=0, n_clusters=3, rng=rng())
    with pytest.raises(InvalidOptions, match="Row 16 is in cluster 2"):
        kmq(IDS, None, budget=3, n_clusters=2, rng=rng())
    with pytest.raises(InvalidOptions, match="quota is 'equal'"):
        kmq(IDS, None, budget=3, n_clusters=3, quota="equal", weights=[1, 1, 1], rng=rng())
    with pytest.raises(InvalidOptions, match="2 weights for 3 clusters"):
        kmq(IDS, None, budget=3, n_clusters=3, quota="weights", weights=[1, 1], rng=rng())
    with pytest.raises(InvalidOptions, match="pinned must be one true or false per row"):
        kmq(IDS, None, budget=3, n_clusters=3, pinned=[3, 4], rng=rng())


@scale.examples(300)
@given(
    n=st.integers(1, 60),
    k=st.integers(1, 8),
    budget=st.integers(1, 80),
    quota=st.sampled_from(["proportional", "equal"]),
    seed=st.integers(0, 10**6),
)
def test_no_row_twice_none_excluded_all_pinned_budget_exact(
    n: int, k: int, budget: int, quota: str, seed: int
) -> None:
    generator = rng(seed)
    ids = generator.integers(-1, k, n)
    quality = np.where(generator.random(n) < 0.2, np.nan, generator.normal(size=n))
    excluded = generator.random(n) < 0.2
    pinned = (generator.random(n) < 0.1) & ~excluded
    pinned &= np.cumsum(pinned) <= budget
    picked = kmq(
        ids,
        quality,
        budget=budget,
        n_clusters=k,
        quota=quota,
        pinned=pinned,
        excluded=excluded,
        rng=generator,
    )
    assert np.unique(picked.rows).size == picked.rows.size == min(budget, (~excluded).sum())
    assert picked.shortfall == budget - picked.rows.size
    assert not excluded[picked.rows].any()
    assert np.isin(np.flatnonzero(pinned), picked.rows).all()
    assert (picked.allocated <= picked.available).all()
    groups = np.where(ids == -1, k, ids)
    assert np.bincount(groups[picked.rows], minlength=k + 1).tolist() == picked.allocated.tolist()


def test_a_million_rows_in_a_thousand_clusters_take_seconds() -> None:
    generator = rng()
    ids = generator.integers(0, 1000, 1_000_000)
    quality = generator.random(1_000_000)
    started = time.perf_counter()
    picked = kmq(ids, quality, budget=50_000, n_clusters=1000, rng=generator)
    assert time.perf_counter() - started < 5  # 0.8 s on one busy core
    assert picked.rows.size == 50_000


def tokens(picked: TokenSelection, counts: np.ndarray) -> int:
    return int(counts[picked.selection.rows].sum())


def test_tokens_are_divided_and_the_longest_prefix_taken() -> None:
    counts = np.array([10] * 10 + [5] * 20)
    ids = np.array([0] * 10 + [1] * 20)
    picked = kmq_tokens(ids, None, token_counts=counts, token_budget=100, n_clusters=2, rng=rng())
    assert picked.token_quota.tolist() == [50, 50, 0]
    assert picked.tokens.tolist() == [50, 50, 0]
    assert picked.selection.allocated.tolist() == [5, 10, 0]
    assert picked.unused_tokens == 0


def test_tokens_left_over_by_whole_rows_go_where_a_row_fits() -> None:
    counts = np.array([40, 40, 40, 7, 7, 7])
    ids = np.array([0, 0, 0, 1, 1, 1])
    picked = kmq_tokens(
        ids, None, token_counts=counts, token_budget=60, n_clusters=2, quota="equal", rng=rng()
    )
    # 39 + 21 by caps: no long row fits 39, three short ones do; 39 are left and then no row fits
    assert picked.token_quota.tolist() == [39, 21, 0]
    assert sorted(picked.selection.rows.tolist()) == [3, 4, 5]
    assert picked.unused_tokens == 39


@scale.examples(300)
@given(n=st.integers(1, 60), k=st.integers(1, 6), budget=st.integers(1, 900), seed=st.integers(0, 10**6))
def test_token_budget_is_never_exceeded_and_no_row_left_out_would_fit(
    n: int, k: int, budget: int, seed: int
) -> None:
    generator = rng(seed)
    ids, counts = generator.integers(-1, k, n), generator.integers(0, 50, n)
    excluded = generator.random(n) < 0.2
    pinned = (generator.random(n) < 0.1) & ~excluded
    pinned &= np.cumsum(counts * pinned) <= budget
    picked = kmq_tokens(
        ids,
        generator.random(n),
        token_counts=counts,
        token_budget=budget,
        n_clusters=k,
        pinned=pinned,
        excluded=excluded,
        rng=generator,
    )
    spent, rows = tokens(picked, counts), picked.selection.rows
    assert np.unique(rows).size == rows.size
    assert spent == picked.tokens.sum() == budget - picked.unused_tokens <= budget
    rest = np.setdiff1d(np.flatnonzero(~excluded), rows)
    assert (counts[rest] > picked.unused_tokens).all()
    assert np.isin(np.flatnonzero(pinned), rows).all()
    assert not excluded[rows].any()
    ranks: Selection = picked.selection
    for group in np.unique(ranks.cluster_id):
        own = np.sort(ranks.rank[ranks.cluster_id == group])
        assert own.tolist() == list(range(own.size))


def test_tokens_that_cannot_be_counted_are_refused() -> None:
    with pytest.raises(InvalidOptions, match="Row 1 has -3 tokens"):
        uniform_tokens([4, -3], 10, rng=rng())
    with pytest.raises(InvalidOptions, match="2 token counts for 3 rows"):
        kmq_tokens([0, 0, 0], None, token_counts=[1, 2], token_budget=5, n_clusters=1, rng=rng())
    with pytest.raises(InvalidOptions, match="30 are pinned but the budget is 10"):
        uniform_tokens([30, 5], 10, pinned=np.array([True, False]), rng=rng())


def test_uniform_picks_every_row_equally_often() -> None:
    generator, trials = rng(5), 5_000
    hits = np.zeros(10)
    for _ in range(trials):
        hits[uniform(10, 3, rng=generator).rows] += 1
    sigma = np.sqrt(0.3 * 0.7 / trials)
    assert (np.abs(hits / trials - 0.3) <= 3.5 * sigma).all()


def test_uniform_respects_pins_exclusions_and_shortfall() -> None:
    picked = uniform(6, 5, pinned=np.arange(6) == 2, excluded=np.arange(6) > 3, rng=rng())
    assert sorted(picked.rows.tolist()) == [0, 1, 2, 3]
    assert picked.shortfall == 1
    assert picked.weight.tolist() == [1.0] * 4
