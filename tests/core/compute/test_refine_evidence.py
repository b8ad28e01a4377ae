"""Evidence pooled over rounds: a golden example, properties, and the simulation that the rule was chosen by."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f as f_distribution

from tamis.compute.ranks import normal_scores
from tamis.compute.refine.evidence import (
    DOUBT,
    SURE,
    RoundEvidence,
    effective_clusters,
    pooled_effects,
    rows_to_tell,
    tilted_weights,
)
from tamis.compute.refine.weights import Factors, cluster_scores
from tamis.errors import InvalidOptions
from tamis.steps.refine.update import counted_once
from tests.support import scale


def evidence(n, mean, squares):
    return RoundEvidence(np.array(n), np.array(mean, dtype=float), np.array(squares, dtype=float))


def test_two_rounds_and_three_clusters_by_hand():
    """Every cluster has 4 rows in each round, and squares of 3 around its mean.

    sigma^2 = (6 * 3) / (6 * 3) = 1, so a mean of 4 rows has variance 1/4 and weight u = 4. Centred means:
    round 1 (1, 0, -1), round 2 (3, -1, -2) + the level 5 of that round's model, which centring takes away.
    Means over rounds 2, -1/2, -3/2. Each cluster is a third of its round, so Q_j = sum u (y - mean)^2 / (1 - 1/3) =
    3/2 * 4 * 2 * (1, 1/4, 1/4) = 12, 3, 3, sum 18, less R - 1 = 1 each: 15. c_j = 8 - 32/8 = 4 each, sum 12. omega^2 =
    15/12 = 5/4. So each round's mean has variance 1/4 + 5/4 = 3/2 and v_j = 3/4. Paule-Mandel with equal v: sum (y -
    0)^2 / (v + tau^2) = 2, sum of squares 4 + 1/4 + 9/4 = 6.5, so tau^2 = 6.5/2 - 3/4 = 5/2. Shrinkage (5/2)/(13/4) =
    10/13; d = 10/13 * (2, -1/2, -3/2). B = 3/13, W = 3/(13/4): s^2 = 5/2 * 3/13 + (3/13)^2 * 13/12 + 2 (3/13)^2 y^2 =
    15/26 + 3/52 + 18/169 * (4, 1/4, 9/4).
    """
    rounds = [
        evidence([4, 4, 4], [1, 0, -1], [3, 3, 3]),
        evidence([4, 4, 4], [8, 4, 3], [3, 3, 3]),
    ]
    found = pooled_effects(rounds)
    assert found.effect == pytest.approx(10 / 13 * np.array([2, -0.5, -1.5]))
    deviation = np.sqrt(15 / 26 + 3 / 52 + 18 / 169 * np.array([4, 1 / 4, 9 / 4]))
    assert found.deviation == pytest.approx(deviation)
    assert found.between == pytest.approx(math.sqrt(2.5))
    assert found.inconsistency == pytest.approx(math.sqrt(1.25))
    assert found.n.tolist() == [8, 8, 8]
    z = -(10 / 13 * 2) / deviation[0]
    assert found.probability_below[0] == pytest.approx(0.5 * math.erfc(-z / math.sqrt(2)))


def test_the_first_round_counts_half_of_what_it_shows_as_its_own():
    """sigma^2 = 1, v = 1/4; y = (1, 0, -1): tau^2 = 2/2 - 1/4 = 3/4, half of it is the round's: v = 5/8, tau^2 = 3/8."""
    found = pooled_effects([evidence([4, 4, 4], [1, 0, -1], [3, 3, 3])])
    assert found.inconsistency == pytest.approx(math.sqrt(3 / 8))
    assert found.between == pytest.approx(math.sqrt(3 / 8))
    assert found.effect == pytest.approx(np.array([3 / 8, 0, -3 / 8]))


def test_weights_tilt_the_first_ones_and_stay_within_reach_of_them():
    first = np.array([0.5, 0.3, 0.2])
    effect = np.array([0.4, 0.0, -0.4])
    raw = first * np.exp(effect / 0.4)
    assert tilted_weights(first, effect) == pytest.approx(raw / raw.sum())
    far = tilted_weights(np.full(10, 0.1), np.r_[50.0, np.zeros(8), -50.0])
    assert far[0] == pytest.approx(0.4)
    assert far[-1] == pytest.approx(0.01)
    assert far.sum() == pytest.approx(1)


def test_pinned_clusters_keep_their_first_weight_and_empty_ones_get_none():
    factors = Factors(np.ones(4), np.array([True, False, False, False]))
    after = tilted_weights([0.4, 0.3, 0.3, 0.0], [-2.0, 1.0, -1.0, 3.0], factors=factors)
    assert after[0] == pytest.approx(0.4)
    assert after[3] == 0
    assert after.sum() == pytest.approx(1)
    assert after[1] > 0.3 > after[2]


def test_a_cluster_never_scored_has_no_effect_and_the_doubt_of_any_cluster():
    found = pooled_effects([evidence([4, 4, 4, 0], [2, 0, -2, math.nan], [3, 3, 3, 0])])
    assert found.effect[3] == 0
    of_centre = 1 / (3 / (found.error[0] + found.between**2))  # the centre of the others is estimated, too
    assert found.deviation[3] == pytest.approx(math.sqrt(found.between**2 + of_centre))
    assert found.probability_below[3] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "rounds",
    [
        [evidence([1, 1, 1], [3, 0, -3], [0, 0, 0])],  # no spread inside clusters can be seen
        [evidence([5, 5, 5], [3, 0, -3], [0, 0, 0])],  # and here there is none
        [evidence([0, 0, 0], [math.nan] * 3, [0, 0, 0])],
    ],
)
def test_without_a_spread_of_rows_nothing_is_told_and_no_weight_moves(rounds):
    found = pooled_effects(rounds)
    assert not found.told
    assert found.effect.tolist() == [0, 0, 0]
    assert np.isnan(found.probability_below).all()
    assert tilted_weights([0.5, 0.3, 0.2], found.effect) == pytest.approx([0.5, 0.3, 0.2])


def test_what_a_round_table_holds_is_enough():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=7)
    found = RoundEvidence.of([rows.mean()], [rows.std(ddof=1) / math.sqrt(7)], [7])
    assert found.squares[0] == pytest.approx(((rows - rows.mean()) ** 2).sum())
    assert RoundEvidence.of([1.0], [math.nan], [1]).squares[0] == 0


def test_rows_to_tell_says_how_many_or_that_rounds_are_needed():
    certain = pooled_effects([evidence([4, 9, 2], [0, 0, 0], [3, 8, 1])])
    assert certain.inconsistency == 0
    assert rows_to_tell(certain, 0.5).tolist() == [12, 7, 14]  # 2 deviations of 0.5: 1/n = 1/16
    disagree = pooled_effects(
        [evidence([9] * 3, [2, 0, -2], [8] * 3), evidence([9] * 3, [-2, 0, 2], [8] * 3)]
    )
    assert rows_to_tell(disagree, 0.5).tolist() == [-1, -1, -1]


def test_effective_clusters_counts_them_by_their_weight():
    assert effective_clusters([0.25] * 4) == pytest.approx(4)
    assert effective_clusters([1, 0, 0]) == pytest.approx(1)


@pytest.mark.parametrize("bad", [{"temperature": 0}, {"temperature": math.nan}, {"fall": 0.5}, {"rise": 0.5}])
def test_impossible_settings_are_refused_with_their_value(bad):
    with pytest.raises(InvalidOptions, match=str(next(iter(bad.values())))):
        tilted_weights([0.5, 0.5], [0, 0], **bad)
    with pytest.raises(InvalidOptions, match="forgetting = 0"):
        pooled_effects([evidence([2], [0], [1])], forgetting=0)


@st.composite
def some_rounds(draw):
    k, n_rounds = draw(st.integers(2, 8)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rounds = []
    for _ in range(n_rounds):
        n = rng.integers(0, 9, k)
        n[0] = max(n[0], 2)
        mean = np.where(n > 0, rng.normal(0, 2, k), np.nan)
        rounds.append(RoundEvidence(n, mean, np.maximum(n - 1, 0) * rng.uniform(0.2, 3, k)))
    return rounds


@scale.examples(200)
@given(some_rounds(), st.randoms(use_true_random=False), st.floats(0.1, 50), st.floats(-100, 100))
def test_order_scale_and_level_of_the_gaps_say_nothing(rounds, random, scale, level):
    k = len(rounds[0].n)
    found = pooled_effects(rounds)
    shuffled = random.sample(rounds, len(rounds))
    assert pooled_effects(shuffled).effect == pytest.approx(found.effect, abs=1e-9)
    order = np.array(random.sample(range(k), k))
    moved = [RoundEvidence(r.n[order], r.mean[order], r.squares[order]) for r in rounds]
    assert pooled_effects(moved).effect == pytest.approx(found.effect[order], abs=1e-9)
    assert pooled_effects(moved).chance == pytest.approx(found.chance)
    other = [RoundEvidence(r.n, scale * r.mean + level, scale**2 * r.squares) for r in rounds]
    assert pooled_effects(other).effect == pytest.approx(found.effect, abs=1e-6)
    assert pooled_effects(other).chance == pytest.approx(found.chance, abs=1e-6)
    weights = tilted_weights(np.full(k, 1 / k), found.effect)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0.1 / k - 1e-12).all()
    assert (weights <= 4 / k + 1e-12).all()


@st.composite
def rounds_of_one_size(draw):
    """Rounds in which every cluster has as many rows, drawn around their means with one spread."""
    k, n_rounds, n = draw(st.integers(2, 8)), draw(st.integers(1, 4)), draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lasting, own = rng.normal(0, draw(st.floats(0, 2)), k), draw(st.floats(0, 1))
    means = [lasting + rng.normal(0, 1 / math.sqrt(n), k) + rng.normal(0, own, k) for _ in range(n_rounds)]
    return np.full(k, n), means


def alike(n, mean):
    """Rows with a spread of 1 inside every cluster."""
    return evidence(n, mean, np.maximum(np.asarray(n) - 1, 0))


def moved_towards_0(before, after):
    return float((np.abs(before) - np.sign(before) * after).max())


@scale.examples(500)
@given(rounds_of_one_size(), st.integers(2, 20))
def test_more_rows_with_the_same_means_never_draw_an_effect_towards_0(drawn, times):
    n, means = drawn
    before = pooled_effects([alike(n, mean) for mean in means])
    after = pooled_effects([alike(times * n, mean) for mean in means])
    assert moved_towards_0(before.effect, after.effect) <= 1e-6
    assert after.between >= before.between - 1e-6


@scale.examples(500)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 60))
def test_more_rows_of_one_cluster_with_its_mean_never_draw_its_effect_towards_0(seed, k, more):
    """Whatever the sizes of the others, in one round; what happens over rounds that disagree is the next test's."""
    rng = np.random.default_rng(seed)
    n, j = rng.integers(1, 20, k), int(rng.integers(k))
    n[(j + 1) % k] += 1  # some cluster shows the spread
    mean = rng.normal(0, rng.uniform(0, 2), k) + rng.normal(0, 1, k) / np.sqrt(n)
    before = pooled_effects([alike(n, mean)])
    after = pooled_effects([alike(n + more * (np.arange(k) == j), mean)])
    assert moved_towards_0(before.effect[[j]], after.effect[[j]]) <= 1e-6


def test_more_rows_may_show_that_rounds_disagree_and_only_then_draw_an_effect_in():
    """The means of cluster 0 differ by 1.5 between rounds: with 4 rows each chance may do that, with 40 it cannot."""
    means = [[2.0, 0.0, -1.0, 0.0, 0.3], [0.5, 0.0, -1.0, 0.0, 0.3]]
    few = pooled_effects([alike([4] * 5, mean) for mean in means])
    many = pooled_effects([alike([40, 4, 4, 4, 4], mean) for mean in means])
    assert few.inconsistency == 0 < many.inconsistency
    assert many.effect[0] < 0.9 * few.effect[0]
    # Had the rounds agreed, the same rows would have moved it away.
    agreed = [pooled_effects([alike([n, 4, 4, 4, 4], [1.25, *means[0][1:]])] * 2).effect[0] for n in (4, 40)]
    assert agreed[1] > agreed[0]


def test_what_is_measured_is_told_apart_from_what_is_left_of_it():
    """By hand above: y = (1, 0, -1), and half of it is left as far as tau^2 goes."""
    found = pooled_effects([evidence([4, 4, 4, 0], [1, 0, -1, math.nan], [3, 3, 3, 0])])
    assert found.measured[:3] == pytest.approx([1, 0, -1])
    assert math.isnan(found.measured[3])
    assert np.isnan(pooled_effects([evidence([5, 5, 5], [3, 0, -3], [0, 0, 0])]).measured).all()


def simulate(
    k,
    n_rows,
    *,
    rule,
    n_rounds=3,
    effect=0.0,
    spread=0.0,
    anew=False,
    n_runs=80,
    draw=np.random.Generator.standard_normal,
    scores=np.asarray,
):
    """Ratio spoilt/clean of relative weights, largest/smallest, effective clusters, correlation with the truth."""
    spoilt = max(2, k // 5)
    ratios, ranges, effective, correlations = [], [], [], []
    for seed in range(n_runs):
        rng = np.random.default_rng(seed)
        first = rng.dirichlet(np.full(k, 8.0))
        truth = np.where(np.arange(k) < spoilt, -effect, 0.0) + (rng.normal(0, spread, k) if spread else 0)
        weights, rounds = first, []
        for _ in range(n_rounds):
            lasting = rng.permutation(truth) if anew else truth
            n = rng.multinomial(n_rows, weights)
            ids = np.repeat(np.arange(k), n)
            gaps = scores(lasting[ids] + draw(rng, size=ids.size))
            rows = [gaps[ids == j] for j in range(k)]
            mean = np.array([r.mean() if r.size else np.nan for r in rows])
            rounds.append(
                RoundEvidence(n, mean, np.array([((r - r.mean()) ** 2).sum() if r.size else 0 for r in rows]))
            )
            found = pooled_effects(rounds)
            weights = tilted_weights(first, found.tested if rule == "tested" else found.effect)
        relative = weights / first
        ratios.append(relative[:spoilt].mean() / relative[spoilt:].mean())
        ranges.append(relative.max() / relative.min())
        effective.append(effective_clusters(weights))
        if spread:
            flat = relative.std() < 1e-9
            correlations.append(0.0 if flat else float(np.corrcoef(np.log(relative), truth)[0, 1]))
    return np.array(ratios), np.array(ranges), np.array(effective), np.mean(correlations or [math.nan])


BOTH_RULES = pytest.mark.parametrize("rule", ["pooled", "tested"])


@BOTH_RULES
def test_without_an_effect_weights_stay_where_they_began(rule):
    ratios, ranges, effective, _ = simulate(10, 40, rule=rule)
    assert np.quantile(ratios, 0.05) >= 0.6
    assert np.quantile(ratios, 0.95) <= 1.6
    assert np.median(effective) >= 0.9 * 10
    assert np.median(ranges) < 1.5


@BOTH_RULES
def test_a_large_effect_is_found_and_effects_dealt_out_anew_are_not(rule):
    ratios, _, _, _ = simulate(10, 40, rule=rule, effect=2.0)
    assert np.median(ratios) <= 0.15
    _, ranges, effective, _ = simulate(10, 75, rule=rule, spread=1.0, anew=True)
    assert np.median(ranges) <= 3
    assert np.median(effective) >= 0.8 * 10


@BOTH_RULES
@pytest.mark.parametrize(("n_rows", "least"), [(40, 0.7), (150, 0.85)])
def test_weights_follow_the_truth(n_rows, least, rule):
    assert simulate(10, n_rows, rule=rule, spread=0.5)[3] >= least


def test_normal_scores_find_under_heavy_tails_what_the_gaps_themselves_hide():
    """Student's t with 1.5 degrees of freedom, which has no variance."""

    def draw(rng, size):
        return rng.standard_t(1.5, size)

    hidden = simulate(10, 75, rule="tested", spread=1.0, draw=draw)[3]
    found = simulate(10, 75, rule="tested", spread=1.0, draw=draw, scores=normal_scores)[3]
    assert hidden < 0.6
    assert found > 0.8
    _, ranges, effective, _ = simulate(10, 75, rule="tested", draw=draw, scores=normal_scores)
    assert np.quantile(ranges, 0.9) < 1.5
    assert np.median(effective) >= 0.9 * 10


def test_a_test_of_certain_differences_changes_nothing_and_one_of_chance_moves_nothing():
    """One round of 5 rows each, sigma^2 = 1: F = 5 * 4 / 1 on (2, 12) degrees, twice its p-value is 3e-4, below SURE.

    With means a tenth of those F = 0.2, p = 0.82: more than DOUBT, whatever the effects are.
    """
    sure = pooled_effects([evidence([5, 5, 5], [2, 0, -2], [4, 4, 4])])
    assert sure.chance == pytest.approx(2 * f_distribution.sf(20, 2, 12))
    assert sure.trust == 1
    assert sure.tested == pytest.approx(sure.effect)
    chance = pooled_effects([evidence([5, 5, 5], [0.2, 0, -0.2], [4, 4, 4])])
    assert chance.chance == 1  # twice 0.82, at most 1
    assert chance.trust == 0
    assert not chance.tested.any()


def test_between_doubt_and_certainty_the_share_goes_by_the_logarithm():
    found = replace(
        pooled_effects([evidence([5, 5, 5], [2, 0, -2], [4, 4, 4])]), chance=math.sqrt(DOUBT * SURE)
    )
    assert found.trust == pytest.approx(0.5)
    assert replace(found, chance=0.0).trust == 1  # a p-value below the smallest number
    assert replace(found, between=0.0).trust == 0


def test_rows_that_ask_the_same_are_one_row_of_evidence():
    """Eight clusters without a difference, four prompts of each answered five times: by rows clusters are told in a third of runs."""
    rng, told = np.random.default_rng(5), np.zeros(2)
    clusters, prompts, n_runs = np.repeat(np.arange(8), 20), np.repeat(np.arange(32), 5), 200
    for _ in range(n_runs):
        gap = rng.normal(size=32)[prompts] + 0.3 * rng.normal(size=160)
        for place, (values, ids) in enumerate((counted_once(gap, clusters, prompts), (gap, clusters))):
            found = cluster_scores(values, ids, 8)
            evidence = RoundEvidence.of(found.mean, found.standard_error, found.n_scored)
            told[place] += pooled_effects([evidence]).trust > 0
    assert told[0] / n_runs < 0.3 < 0.6 < told[1] / n_runs
    same = np.arange(160)
    assert counted_once(gap, clusters, same)[0] is gap
    values, ids = counted_once(
        np.array([1.0, 3.0, np.nan, 5.0]), np.array([0, 0, 0, 1]), np.array([7, 7, 8, 7])
    )
    assert values[[0, 2]].tolist() == [2.0, 5.0] and np.isnan(values[1]) and ids.tolist() == [0, 0, 1]
    assert len(counted_once(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))[0]) == 0
