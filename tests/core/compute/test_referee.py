"""What a referee claims: the hand check, a second writing of the formulas, and how often it claims what is not so."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tamis.compute.referee.claims import (
    SCHEMES,
    best_method,
    detectable,
    equivalence,
    judge,
    look,
    no_claims,
    pair_weights,
    top_group,
    weighted_holm,
)
from tamis.compute.referee.cost import forward_flops, kmeans_flops, tokens_where_fraction, training_flops
from tamis.compute.referee.differences import (
    bootstrap_differences,
    pair_differences,
    pairs_of,
    row_variance_of_mean,
    sums_by_family,
)
from tamis.compute.referee.token_steps import token_steps
from tamis.errors import InvalidOptions

N_FAMILIES, N_METHODS = 40, 5


def simulate(n, better=(0.0,) * N_METHODS, *, seed_sd=(1.0,) * N_METHODS, row_noise=0.3, seed=0, n_seeds=10):
    """Losses (n, S, K, F) of families of one token each: block, method, seed, method by family, seed by family."""
    rng = np.random.default_rng(seed)
    size = row_noise * np.sqrt(N_FAMILIES)
    block = rng.normal(0, 2, (n, n_seeds, 1, 1))
    luck = rng.normal(0, 1, (n, n_seeds, N_METHODS, 1)) * np.array(seed_sd)[None, None, :, None]
    rows = rng.standard_normal((n, 1, N_METHODS, N_FAMILIES)) * size
    both = rng.standard_normal((n, n_seeds, N_METHODS, N_FAMILIES)) * size
    return block + np.array(better)[None, None, :, None] + luck + rows + both


def judged(n, *given, scheme=SCHEMES[10], **more):
    tokens = np.ones(N_FAMILIES)
    parts = [judge(simulate(100, *given, seed=start, **more), tokens, scheme) for start in range(0, n, 100)]
    return (
        np.concatenate([one.claimed for one in parts]),
        np.concatenate([one.sign for one in parts]),
        np.concatenate([one.look for one in parts]),
    )


def test_the_hand_check():
    differences = np.array([-0.030, -0.022, -0.041, -0.027])
    losses = np.zeros((4, 2, 6))
    losses[:, 1] = differences[:, None]
    found = pair_differences(losses, np.ones(6))
    assert found.mean[0] == pytest.approx(-0.030)
    assert found.standard_error[0] * 2 == pytest.approx(0.00804, abs=1e-5)
    assert found.mean[0] / found.standard_error[0] == pytest.approx(-7.46, abs=0.005)
    assert found.df[0] == pytest.approx(3) and found.p[0] == pytest.approx(0.0050, abs=5e-5)
    assert found.row_part[0] == 0


def test_both_variances_are_what_the_formulas_say_for_families_of_unequal_length():
    rng = np.random.default_rng(1)
    n_seeds, n_methods, n_families = 6, 4, 9
    tokens = rng.integers(3, 40, n_families).astype(float)
    losses = rng.normal(2, 1, (n_seeds, n_methods, n_families)) * tokens
    found = pair_differences(losses, tokens)
    total = tokens.sum()
    means = losses.sum(axis=2) / total
    residual = means - means.mean(1, keepdims=True) - means.mean(0, keepdims=True) + means.mean()
    msr = (residual**2).sum() / ((n_methods - 1) * (n_seeds - 1))
    for place, (first, second) in enumerate(pairs_of(n_methods)):
        own = [losses[s, second].sum() / total - losses[s, first].sum() / total for s in range(n_seeds)]
        s2, mean = np.var(own, ddof=1), np.mean(own)
        a = max(s2, (4 * 2 * msr + (n_seeds - 1) * s2) / (n_seeds + 3)) / n_seeds
        x = losses[:, second].mean(0) - losses[:, first].mean(0)
        v = (
            n_families
            / (n_families - 1)
            * sum((x[f] - mean * tokens[f]) ** 2 for f in range(n_families))
            / total**2
        )
        left = np.array([losses[s, second] - losses[s, first] - own[s] * tokens for s in range(n_seeds)])
        left = left - left.mean(0)
        both = n_families / (n_families - 1) * (left**2).sum() / (n_seeds * (n_seeds - 1)) / total**2
        assert found.mean[place] == pytest.approx(mean)
        assert found.seed_part[place] == pytest.approx(a)
        assert found.row_part[place] == pytest.approx(max(v - both, 0))
        df = (a + max(v - both, 0)) ** 2 / (a**2 / 7 + max(v - both, 0) ** 2 / (n_families - 1))
        assert found.df[place] == pytest.approx(df)
        assert found.p[place] == pytest.approx(2 * stats.t.sf(abs(mean) / np.sqrt(a + max(v - both, 0)), df))


def test_holm_passes_weight_on_and_says_the_level_that_decided():
    p, weights = np.array([0.001, 0.04, 0.02, 0.9]), np.array([0.4, 0.4, 0.1, 0.1])
    fallen, level = weighted_holm(p, weights, 0.05)
    assert fallen.tolist() == [True, False, False, False]
    assert level == pytest.approx([0.02, 0.05 * 0.4 / 0.6, 0.05 * 0.1 / 0.6, 0.05 * 0.1 / 0.6])
    fallen, _ = weighted_holm(np.array([0.001, 0.03, 0.2, 0.9]), weights, 0.05)
    assert fallen.tolist() == [True, True, False, False]
    equal, _ = weighted_holm(p, np.full(4, 0.25), 0.05)
    assert equal.tolist() == [True, False, False, False]


def test_weights_and_parts_add_up_to_one_and_later_looks_keep_earlier_claims():
    for n_methods in (2, 3, 5):
        assert pair_weights(n_methods).sum() == pytest.approx(1)
    assert pair_weights(5)[:4].sum() == pytest.approx(0.8)
    assert all(sum(part for _, part in scheme) == pytest.approx(1) for scheme in SCHEMES.values())
    losses = simulate(1, (0, -6, 0, 0, 0), seed=3)[0]
    first = pair_differences(losses[:4], np.ones(N_FAMILIES))
    claims = look(no_claims((10,)), first, pair_weights(5), 1.0, n_seeds=4)
    assert claims.claimed[0] and claims.sign[0] == -1
    noise = pair_differences(simulate(1, seed=4)[0], np.ones(N_FAMILIES))
    later = look(claims, noise, pair_weights(5), 0.5, n_seeds=6)
    assert later.claimed[claims.claimed].all() and later.look[0] == 4
    # What was claimed passes its weight on although it is no longer found: the others are held to more.
    alone = look(no_claims((10,)), noise, pair_weights(5), 0.5, n_seeds=6)
    open_ = ~later.claimed & ~alone.claimed
    assert noise.p[0] > 0.05 and open_.any()
    assert (later.level[open_] > alone.level[open_]).all()
    assert (first.half_width(claims.level) < np.abs(first.mean))[claims.claimed].all()


def test_of_a_thousand_referees_without_a_difference_at_most_five_in_a_hundred_claim_one():
    for seed_sd in ((1.0,) * 5, (1, 0.5, 1, 1, 1.6)):
        claimed, _, _ = judged(1000, seed_sd=seed_sd)
        assert claimed.any(axis=1).mean() <= 0.05


def test_a_better_method_of_three_deviations_is_found_and_the_rest_is_not_claimed():
    claimed, sign, seeds = judged(300, (0, -3, 0, 0, 0))
    assert claimed[:, 0].mean() > 0.88 and (sign[:, 0][claimed[:, 0]] == -1).all()
    others = pairs_of(5).min(axis=1) != 1
    apart = others & (pairs_of(5)[:, 1] != 1)
    assert claimed[:, apart].any(axis=1).mean() <= 0.05
    assert set(np.unique(seeds)) <= {0, 4, 6, 8, 10}


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("effect", "one", "all_better", "seeds"), [(2, 0.57, 0.63, 9.5), (3, 0.94, 0.97, 7.7)]
)
def test_power_is_what_the_table_says(effect, one, all_better, seeds):
    claimed, _, _ = judged(2000, (0, -effect, 0, 0, 0))
    assert claimed[:, 0].mean() == pytest.approx(one, abs=0.04)
    claimed, _, last = judged(2000, (0, *(-effect,) * 4))
    assert claimed[:, :4].mean() == pytest.approx(all_better, abs=0.04)
    used = np.where(claimed[:, :4].all(axis=1), last[:, :4].max(axis=1), 10)
    assert used.mean() == pytest.approx(seeds, abs=0.25)


def test_who_is_best_and_who_is_at_the_top():
    losses = simulate(1, (0, -9, -4.5, 0, 0), row_noise=0.05, seed_sd=(0.3,) * 5, seed=8)
    claims = judge(losses, np.ones(N_FAMILIES), SCHEMES[4])
    one = type(claims)(*(getattr(claims, name)[0] for name in ("claimed", "sign", "look", "level")))
    assert best_method(one, 5) == 1 and top_group(one, 5) == [1]
    nobody = no_claims((10,))
    assert best_method(nobody, 5) is None and top_group(nobody, 5) == [0, 1, 2, 3, 4]


def test_equivalence_is_offered_only_where_the_margin_is_three_errors():
    losses = simulate(1, row_noise=0.05, seed_sd=(0.3,) * 5, seed=9)[0]
    found = pair_differences(losses, np.ones(N_FAMILIES))
    wide, narrow = (equivalence(found, no_claims((10,)), margin, 5) for margin in (2.0, 0.05))
    assert wide.offered[:4].all() and wide.equivalent[:4].all() and not wide.equivalent[4:].any()
    assert not narrow.offered.any()
    assert (detectable(found, 20) < detectable(found, 10)).all()


def test_the_bootstrap_of_families_agrees_with_the_variance():
    rng = np.random.default_rng(5)
    tokens = rng.integers(5, 60, 300).astype(float)
    losses = (rng.normal(0, 0.3, (1, 3, 300)) + rng.normal(2, 0.2, (6, 3, 300))) * tokens
    drawn = bootstrap_differences(losses, tokens, rng)
    pairs = pairs_of(3)
    summed = (losses[:, pairs[:, 1]] - losses[:, pairs[:, 0]]).mean(axis=0)
    expected = row_variance_of_mean(summed, summed.sum(axis=1) / tokens.sum(), tokens)
    assert drawn.var(axis=0, ddof=1) == pytest.approx(expected, rel=0.1)


def test_sums_by_family():
    values = np.array([[1.0, 2, 3, 4], [10, 20, 30, 40]])
    assert sums_by_family(values, np.array([7, 2, 7, 5])).tolist() == [[2, 4, 4], [20, 40, 40]]


def test_exactly_the_budget_is_read_in_as_many_steps_whatever_the_rows():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        lengths = rng.integers(1, 65, rng.integers(1, 40))
        budget, step = int(rng.integers(64, 900)), 64
        plan = token_steps(lengths, budget, step, rng)
        assert plan.kept.sum() == budget and plan.n_steps == budget // step
        assert set(plan.steps.tolist()) == set(range(plan.n_steps))
        assert (plan.kept[:-1] == lengths[plan.rows[:-1]]).all()
        assert plan.n_passes == pytest.approx(budget / lengths.sum())
        counts = np.bincount(plan.rows, minlength=len(lengths))
        assert counts.max() - counts.min() <= 1
    with pytest.raises(InvalidOptions, match="raise step_tokens"):
        token_steps(np.array([65]), 100, 64, np.random.default_rng(0))


def test_costs_in_operations():
    assert training_flops(134.5e6, 20_000) == pytest.approx(1.6e13, rel=0.01)
    assert forward_flops(134.5e6, 1e6) / training_flops(134.5e6, 20_000) == pytest.approx(17, rel=0.03)
    assert forward_flops(10, 3, attention=(2, 5, 7)) == 3 * (20 + 140)
    assert kmeans_flops(100, 4, 8, 25) == 160_000
    assert tokens_where_fraction(6e9, 1e6) == pytest.approx(20_000)
