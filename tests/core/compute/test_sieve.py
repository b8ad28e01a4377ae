"""A draw that is cut at many budgets, shares of single clusters, and coverage that is looked up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.compare.coverage_sample import coverage_of, nearest_picked, sample_coverage
from tamis.compute.compare.selections import coverage
from tamis.compute.select.allocate import allocate, with_shares
from tamis.compute.select.draw import RANK, Odds
from tamis.compute.select.drawn_order import DrawnOrder, draw_order
from tamis.compute.select.kmq import cut_rows, cut_tokens, kmq, kmq_tokens
from tamis.errors import InvalidOptions
from tests.support import scale

N, K = 60, 5
MOST_PINNED = 6  # so that every budget here has room for them


def drawn(seed: int, **given: object) -> tuple[DrawnOrder, dict]:
    rng = np.random.default_rng(seed)
    ids = rng.integers(-1, K, N)
    quality = np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N))
    masks = {"pinned": rng.random(N) < 0.05, "excluded": np.zeros(N, dtype=bool)}
    masks["pinned"][np.flatnonzero(masks["pinned"])[MOST_PINNED:]] = False
    masks["excluded"] = ~masks["pinned"] & (rng.random(N) < 0.1)
    asked = {"n_clusters": K, **masks, **given}
    order = draw_order(ids, quality, rng=np.random.default_rng(seed), **asked)
    return order, {"cluster_id": ids, "quality": quality, **asked}


@given(
    st.integers(0, 10**6),
    st.integers(8, 70),
    st.sampled_from([RANK, Odds("softmax", 0.3)]),
    st.sampled_from([None, {0: 0.5}, {1: 0.25, -1: 0.1}, {2: 0.0}]),
    st.sampled_from(["proportional", "equal"]),
)
@scale.examples(100)
def test_a_draw_that_is_cut_is_the_draw_itself(
    seed: int, budget: int, odds: Odds, shares: dict | None, quota: str
) -> None:
    order, asked = drawn(seed, odds=odds, noise="own group")
    how = {"quota": quota, "shares": shares}
    whole = kmq(
        asked.pop("cluster_id"),
        asked.pop("quality"),
        budget=budget,
        rng=np.random.default_rng(seed),
        **asked,
        **how,
    )
    part = cut_rows(order, budget, **how)
    assert part.rows.tobytes() == whole.rows.tobytes()
    assert part.rank.tolist() == whole.rank.tolist()


@given(st.integers(0, 10**6), st.integers(300, 900))
@scale.examples(50)
def test_so_it_is_for_tokens(seed: int, budget: int) -> None:
    order, asked = drawn(seed)
    counts = np.random.default_rng(seed).integers(1, 40, N)
    whole = kmq_tokens(
        asked.pop("cluster_id"), asked.pop("quality"), token_counts=counts, token_budget=budget, rng=np.random.default_rng(seed), **asked
    )  # fmt: skip
    assert cut_tokens(order, counts, budget).selection.rows.tobytes() == whole.selection.rows.tobytes()


@given(st.integers(0, 10**6), st.integers(8, 50), st.integers(0, 20))
@scale.examples(100)
def test_a_cluster_that_is_given_more_keeps_the_rows_it_gave(seed: int, budget: int, more: int) -> None:
    order, _ = drawn(seed)
    small, large = cut_rows(order, budget), cut_rows(order, budget + more)
    for group in np.flatnonzero(small.allocated <= large.allocated):
        number = -1 if group == K else group
        kept = set(small.rows[small.cluster_id == number].tolist())
        assert kept <= set(large.rows[large.cluster_id == number].tolist())


def test_a_larger_budget_can_give_a_cluster_a_row_less() -> None:
    """Largest remainders are known for it (the Alabama paradox), so picks of a larger budget need not hold all of a smaller's."""
    weights, available = [6, 6, 2], [60, 60, 60]
    assert allocate(10, weights, available).tolist() == [4, 4, 2]
    assert allocate(11, weights, available).tolist() == [5, 5, 1]


@given(
    st.lists(st.floats(0, 100), min_size=2, max_size=6),
    st.dictionaries(st.integers(0, 1), st.floats(0, 0.5), max_size=2),
)
def test_shares_are_what_was_said_and_the_others_keep_their_proportions(
    weights: list[float], shares: dict[int, float]
) -> None:
    given_weights = np.array([*weights, 1.0])
    made = with_shares(given_weights, shares)
    others = [j for j in range(len(given_weights)) if j not in shares]
    assert all(made[j] == share for j, share in shares.items())
    assert made.sum() == pytest.approx(1)
    assert made[others] * given_weights[others].sum() == pytest.approx(
        given_weights[others] * (1 - sum(shares.values()))
    )


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({3: 0.1}, "There is no cluster 3"),
        ({-2: 0.1}, "There is no cluster -2"),
        ({0: 1.5}, "share of cluster 0 is 1.5"),
        ({0: 0.7, 1: 0.4}, "add up to 1.1"),
    ],
)
def test_impossible_shares_are_named(shares: dict[int, float], said: str) -> None:
    with pytest.raises(InvalidOptions, match=said):
        with_shares(np.ones(4), shares)


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40))
@scale.examples(50)
def test_coverage_that_is_looked_up_is_the_one_that_is_measured(
    seed: int, listed: int, n_picked: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(40, 6)).astype(np.float32)
    vectors[rng.random(40) < 0.1] = 0
    vectors[7] = vectors[8]
    of = np.sort(rng.choice(40, 15, replace=False))
    rows = np.sort(rng.choice(40, n_picked, replace=False))
    near = sample_coverage(vectors, of, listed=listed)
    cosines = nearest_picked(near, np.isin(np.arange(40), rows), vectors)
    assert coverage_of(cosines) == pytest.approx(coverage(vectors, rows, of=of).facility_location, abs=1e-6)
