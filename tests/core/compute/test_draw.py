from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.select.draw import LINEAR, RANK, Odds, draw, log_weights
from tamis.errors import InvalidOptions
from tamis.selectors.options import KmqOptions

TRIALS = 20_000


def test_single_draws_follow_the_odds_within_three_sigma() -> None:
    rng = np.random.default_rng(1)
    p = np.array([0.5, 0.3, 0.15, 0.05, 0.0])
    with np.errstate(divide="ignore"):
        key = np.log(p)
    first = np.bincount([draw(key, 1, rng)[0] for _ in range(100_000)], minlength=5) / 100_000
    assert (np.abs(first - p) <= 3 * np.sqrt(p * (1 - p) / 100_000)).all()


def test_two_draws_follow_the_law_of_one_after_the_other() -> None:
    rng = np.random.default_rng(2)
    p = np.array([0.6, 0.3, 0.1])
    pairs = [tuple(draw(np.log(p), 2, rng).tolist()) for _ in range(TRIALS)]
    for a, b in permutations(range(3), 2):
        expected = p[a] * p[b] / (1 - p[a])
        sigma = np.sqrt(expected * (1 - expected) / TRIALS)
        assert abs(pairs.count((a, b)) / TRIALS - expected) <= 3.5 * sigma


def test_impossible_rows_come_last_and_in_random_order() -> None:
    rng = np.random.default_rng(3)
    key = [-np.inf, 0.0, -np.inf, -5.0, -np.inf]
    orders = [draw(key, 5, rng).tolist() for _ in range(200)]
    assert all(set(order[:2]) == {1, 3} for order in orders)
    assert len({tuple(order[2:]) for order in orders}) == 6


def test_same_seed_same_rows_and_another_seed_others() -> None:
    key = np.zeros(100)
    first = draw(key, 10, np.random.default_rng(4))
    assert first.tolist() == draw(key, 10, np.random.default_rng(4)).tolist()
    assert first.tolist() != draw(key, 10, np.random.default_rng(5)).tolist()


def test_drawing_more_than_there_is_or_with_nan_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidOptions, match="draw 3 of 2"):
        draw([0.0, 0.0], 3, rng)
    with pytest.raises(InvalidOptions, match="row 1 is nan"):
        draw([0.0, float("nan")], 1, rng)


def test_linear_odds_are_the_quality_itself() -> None:
    odds = np.exp(log_weights([4.0, 1.0, 0.0, -2.0], [0, 0, 0, 0], n_clusters=1))
    assert odds == pytest.approx([4, 1, 0, 0])


def test_softmax_odds_match_the_worked_example() -> None:
    odds = np.exp(
        log_weights([36.0, 30.0], [0, 0], n_clusters=1, odds=Odds("softmax", 1.0, in_spreads=False))
    )
    assert odds / odds.sum() == pytest.approx([0.9975, 0.0025], abs=5e-5)


def test_softmax_of_huge_scores_does_not_overflow() -> None:
    with np.errstate(over="raise"):
        odds = log_weights(
            [1e300, -1e300, 1e300], [0, 0, 0], n_clusters=1, odds=Odds("softmax", 1e-3, in_spreads=False)
        )
    assert np.isfinite(odds).all()
    assert odds[0] == odds[2] > odds[1]


def test_missing_quality_becomes_the_median_of_its_cluster() -> None:
    nan = float("nan")
    quality = [1.0, 3.0, nan, 8.0, 2.0, nan, nan, nan]
    ids = [0, 0, 0, 0, 1, 1, 2, -1]
    odds = np.exp(log_weights(quality, ids, n_clusters=3))
    # cluster 0: median of 1, 3, 8; cluster 1: 2; cluster 2 and noise: median of 1, 2, 3, 8
    assert odds == pytest.approx([1, 3, 3, 8, 2, 2, 2.5, 2.5])


def test_when_nothing_is_scored_all_rows_are_alike() -> None:
    odds = log_weights(np.full(4, np.nan), [0, 1, 1, -1], n_clusters=2)
    assert odds.tolist() == [0, 0, 0, 0]


def test_unusable_quality_or_temperature_is_refused() -> None:
    with pytest.raises(InvalidOptions, match="row 1 is inf"):
        log_weights([1.0, float("inf")], [0, 0], n_clusters=1)
    with pytest.raises(InvalidOptions, match="3 quality scores for 2 rows"):
        log_weights([1.0, 2.0, 3.0], [0, 0], n_clusters=1)
    for temperature in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidOptions, match="temperature"):
            log_weights([1.0], [0], n_clusters=1, odds=Odds("softmax", temperature))


def test_rank_odds_are_ranks_among_the_rows_that_may_be_picked() -> None:
    quality = [-3.0, -1.0, -1.0, 900.0, -2.0]
    odds = np.exp(log_weights(quality, [0] * 5, n_clusters=1, odds=RANK))
    assert odds == pytest.approx([1, 3.5, 3.5, 5, 2])
    available = [True, True, True, False, False]
    odds = np.exp(log_weights(quality, [0] * 5, n_clusters=1, odds=RANK, available=available))
    assert odds[:3] == pytest.approx([1, 2.5, 2.5])


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_scale_and_level_of_a_score_change_neither_ranks_nor_a_softmax_in_spreads(
    quality: list[float], scale: float, level: float
) -> None:
    values = np.round(np.array(quality), 3)  # differences that survive being moved
    ids = np.zeros(values.size, dtype=np.int64)
    for odds in (RANK, Odds("softmax", 0.3)):
        before = log_weights(values, ids, n_clusters=1, odds=odds)
        after = log_weights(np.round(values * 1000) * scale / 1000 + level, ids, n_clusters=1, odds=odds)
        assert after == pytest.approx(before, abs=1e-4)


def junk_and_sound(rng: np.random.Generator, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Confidences in 0..1 of which 30 % are junk, told apart about as well as a good score does (AUROC 0.95)."""
    junk = rng.random(n) < 0.3
    return np.where(junk, rng.beta(2, 6, n), rng.beta(6, 2, n)), junk


def test_the_default_softmax_leaves_less_junk_than_odds_in_proportion_to_the_score() -> None:
    rng = np.random.default_rng(0)
    confidence, junk = junk_and_sound(rng)
    ids = np.zeros(confidence.size, dtype=np.int64)
    share = {}
    for name, odds in {
        "linear": LINEAR,
        "rank": RANK,
        "softmax": Odds("softmax", KmqOptions().spread_temperature),
    }.items():
        picked = draw(log_weights(confidence, ids, n_clusters=1, odds=odds), 1000, rng)
        share[name] = junk[picked].mean()
    assert share["softmax"] <= share["linear"]
    assert share["rank"] <= share["linear"] + 0.02
    moved = draw(log_weights(confidence - 5, ids, n_clusters=1, odds=RANK), 1000, np.random.default_rng(1))
    assert junk[moved].mean() <= share["linear"] + 0.02  # a score below 0 everywhere is no random pick
