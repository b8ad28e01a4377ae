"""The weight updates against the paper's arithmetic and METHODS.md 1.8, in all three modes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.refine.weights import (
    Factors,
    apply_factors,
    cluster_scores,
    fallen_fraction,
    first_weights,
    movers,
    rank_correlation,
    shrink,
    standardised,
    update_weights,
)
from tamis.errors import InvalidOptions
from tests.support import scale

MODES = ("paper", "released", "tamis")
W, S, N = [0.5, 0.3, 0.2], [2.0, 1.0, 1.0], [9, 9, 9]


def test_eq_6_example_of_the_paper_renormalised():
    printed = np.array(W) * np.array(S) / np.sum(S)
    assert printed.tolist() == pytest.approx([0.25, 0.075, 0.05])
    after = update_weights(W, S, N, mode="paper")
    assert after.tolist() == pytest.approx((printed / 0.375).tolist())
    assert after.tolist() == pytest.approx([2 / 3, 0.2, 2 / 15])


def test_released_is_the_softmax_of_the_scores_and_forgets_the_weights():
    expected = np.exp(S) / np.exp(S).sum()
    assert update_weights(W, S, N, mode="released").tolist() == pytest.approx(expected.tolist())
    assert update_weights([0.1, 0.1, 0.8], S, N, mode="released").tolist() == pytest.approx(expected.tolist())
    cold = update_weights(W, S, N, mode="released", tau=0.5)
    assert cold[0] == pytest.approx(math.exp(4) / (math.exp(4) + 2 * math.exp(2)))


def test_tamis_multiplies_by_the_exponential_of_the_standardised_score():
    # mean 4/3, standard deviation sqrt(2)/3: z = sqrt(2), -1/sqrt(2), -1/sqrt(2)
    z = np.array([math.sqrt(2), -1 / math.sqrt(2), -1 / math.sqrt(2)])
    assert standardised(S).tolist() == pytest.approx(z.tolist())
    for tau in (1.0, 2.0):
        raw = np.array(W) * np.exp(z / tau)
        after = update_weights(W, S, N, mode="tamis", tau=tau)
        assert after.tolist() == pytest.approx((raw / raw.sum()).tolist())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "scores", [[-1.0, -2.0, -3.0], [1.0, -1.0, 0.0], [0.0, 0.0, 0.0], [1e300, -1e300, 5]]
)
def test_negative_and_zero_sum_scores_give_no_negative_weight(mode, scores):
    after = update_weights(W, scores, N, mode=mode)
    assert np.isfinite(after).all()
    assert (after >= 0).all()
    assert after.sum() == pytest.approx(1)


def test_scores_of_which_none_is_positive_leave_the_papers_weights_as_they_are():
    assert update_weights(W, [-1, -2, -3], N, mode="paper").tolist() == pytest.approx(W)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3])
def test_equal_scores_leave_the_weights_unchanged(value):
    uneven = np.array([1e-6, 0.5, 0.3, 0.2 - 1e-6])  # one below the lower bound already
    assert update_weights(uneven, [value] * 4, [3] * 4, mode="tamis") == pytest.approx(uneven, abs=1e-15)


@pytest.mark.parametrize("mode", MODES)
def test_a_cluster_without_scores_keeps_its_weight(mode):
    after = update_weights([0.4, 0.3, 0.2, 0.1], [5, np.nan, 1, 2], [4, 0, 4, 4], mode=mode)
    assert after[1] == pytest.approx(0.3)
    assert after.sum() == pytest.approx(1)
    after = update_weights([0.4, 0.6], [5.0, 3.0], [4, 0], mode=mode)
    assert after.tolist() == pytest.approx([0.4, 0.6])


@pytest.mark.parametrize("mode", MODES)
def test_a_round_in_which_nothing_is_scored_keeps_all_weights(mode):
    assert update_weights(W, [np.nan] * 3, [0] * 3, mode=mode).tolist() == pytest.approx(W)


@pytest.mark.parametrize("mode", MODES)
def test_a_pinned_cluster_keeps_its_weight(mode):
    factors = Factors(np.ones(3), np.array([True, False, False]))
    after = update_weights(W, S, N, mode=mode, factors=factors)
    assert after[0] == pytest.approx(0.5)
    assert after.sum() == pytest.approx(1)


def test_weights_are_held_between_the_bounds_after_they_sum_to_one():
    k = 20
    scores = np.r_[100.0, np.zeros(k - 1)]
    after = update_weights(np.full(k, 1 / k), scores, np.full(k, 5), tau=0.1, w_max_factor=4.0)
    assert after[0] == pytest.approx(4 / k)
    assert after[1:] == pytest.approx((1 - 4 / k) / (k - 1))
    for _ in range(30):
        after = update_weights(after, -scores, np.full(k, 5), tau=0.1, w_max_factor=4.0)
    assert after[0] == pytest.approx(0.1 / k)


@scale.examples(300)
@given(st.data())
def test_no_update_ever_gives_a_negative_nan_or_lost_weight(data):
    k = data.draw(st.integers(1, 12))
    weights = np.array(
        data.draw(st.lists(st.one_of(st.just(0.0), st.floats(1e-9, 1e6)), min_size=k, max_size=k))
    )
    if weights.sum() == 0:
        weights[0] = 1.0
    scores = np.array(
        data.draw(st.lists(st.one_of(st.just(math.nan), st.floats(-1e12, 1e12)), min_size=k, max_size=k))
    )
    n_scored = np.array(data.draw(st.lists(st.integers(0, 9), min_size=k, max_size=k)))
    mode = data.draw(st.sampled_from(MODES))
    tau = data.draw(st.floats(1e-3, 1e3))
    pinned = np.array(data.draw(st.lists(st.booleans(), min_size=k, max_size=k)))
    factors = Factors(np.ones(k), pinned)
    after = update_weights(weights, scores, n_scored, mode=mode, tau=tau, factors=factors)
    before = weights / weights.sum()
    held = pinned | ~np.isfinite(scores) | (n_scored == 0)
    assert np.isfinite(after).all()
    assert (after >= 0).all()
    assert after.sum() == pytest.approx(1, abs=1e-9)
    assert after[held] == pytest.approx(before[held], abs=1e-9)
    if mode == "tamis":
        least = np.minimum(0.1 / (before > 0).sum(), before)
        most = np.maximum(10 / (before > 0).sum(), before)
        assert (after >= least - 1e-9).all()
        assert (after <= most + 1e-9).all()


@pytest.mark.parametrize("weights", [[-0.1, 1.1], [math.nan, 1.0], [0.0, 0.0], [math.inf, 1.0]])
def test_unusable_weights_are_refused(weights):
    with pytest.raises(InvalidOptions, match="weight"):
        update_weights(weights, [1.0, 2.0], [1, 1])


def test_first_weights_follow_the_text_or_the_box_of_the_paper():
    assert first_weights([6, 3, 0, 1], "proportional").tolist() == pytest.approx([0.6, 0.3, 0.0, 0.1])
    assert first_weights([6, 3, 0, 1], "uniform").tolist() == pytest.approx([1 / 3, 1 / 3, 0.0, 1 / 3])
    with pytest.raises(InvalidOptions, match="No row is left"):
        first_weights([0, 0], "uniform")


def test_cluster_scores_are_means_with_their_standard_error():
    found = cluster_scores([1.0, 3.0, 5.0, np.nan, 2.0], [0, 0, 2, 0, 3], 5)
    assert found.n_scored.tolist() == [2, 0, 1, 1, 0]
    np.testing.assert_allclose(found.mean, [2.0, np.nan, 5.0, 2.0, np.nan])
    np.testing.assert_allclose(found.standard_error, [1.0, np.nan, np.nan, np.nan, np.nan])


def test_small_clusters_are_drawn_to_the_mean_of_all_scored_rows():
    shrunken = shrink([10.0, 0.0, np.nan], [5, 15, 0])
    overall = 2.5
    assert shrunken[0] == pytest.approx(0.5 * 10 + 0.5 * overall)
    assert shrunken[1] == pytest.approx(0.25 * overall)
    assert np.isnan(shrunken[2])
    assert shrink([10.0, 0.0], [5, 15], n0=0).tolist() == [10.0, 0.0]
    assert np.isnan(shrink([np.nan], [0])).all()


def test_factors_multiply_what_is_not_pinned():
    factors = Factors(np.array([1.0, 0.0, 3.0, 1.0]), np.array([True, False, False, False]))
    drawn = apply_factors([0.4, 0.2, 0.2, 0.2], factors)
    assert drawn.tolist() == pytest.approx([0.4, 0.0, 0.45, 0.15])
    with pytest.raises(InvalidOptions, match="excluded"):
        apply_factors([0.5, 0.5], Factors(np.zeros(2), np.zeros(2, dtype=bool)))


def test_boosts_do_not_add_up_over_rounds():
    factors = Factors(np.array([2.0, 1.0]), np.zeros(2, dtype=bool))
    learned = np.array([0.5, 0.5])
    for _ in range(3):
        learned = update_weights(learned, [1.0, 1.0], [5, 5], factors=factors)
    assert apply_factors(learned, factors).tolist() == pytest.approx([2 / 3, 1 / 3])


def test_rank_correlation_over_clusters_that_both_rounds_scored():
    assert rank_correlation([1, 2, 3, np.nan], [10, 20, 30, 0]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert math.isnan(rank_correlation([1, 2, np.nan], [1, 2, 3]))
    assert math.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


def test_movers_go_by_the_ratio_of_weights():
    up, down = movers([0.1, 0.2, 0.3, 0.4, 0.0], [0.2, 0.1, 0.3, 0.3, 0.1], limit=2)
    assert up.tolist() == [0]
    assert down.tolist() == [1, 3]


def test_share_of_the_budget_in_clusters_that_fell_below_half():
    assert fallen_fraction([10, 30, 60], [0.3, 0.3, 0.4], [0.1, 0.3, 0.6]) == pytest.approx(0.1)
    assert math.isnan(fallen_fraction([0], [1.0], [1.0]))
