"""What clusters are worth: the golden design, the process beside a plain one, and how often it is right where truth is planted."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from tamis.compute.worth.answers import (
    KEPT_OF_PROMISE,
    best_mixture,
    candidate_mixtures,
    most_promising,
    pooled_cells,
    solve_mixture,
    with_goal,
    worths,
)
from tamis.compute.worth.kernel import KernelScale
from tamis.compute.worth.mixtures import MixtureSpace, design_runs, mixture_space, most_telling
from tamis.compute.worth.process import SCALES, Contrasts, fit_process
from tamis.compute.worth.ridge import PENALTIES, fit_ridge
from tamis.compute.worth.super_clusters import check_number_of_runs, join_clusters
from tamis.errors import InvalidOptions
from tests.support.scale import times

K = 8
POOL = np.array([0.4, 0.3, 0.2, 0.1])
SPACE = MixtureSpace(POOL, np.minimum(1, 5 * POOL))


def planted(rng):
    """Power laws with transfer, two harmful clusters, six pairs that help or hurt together; a goal without the harmful."""
    pool = np.maximum(rng.dirichlet(np.full(K, 2.0)), 0.02)
    pool /= pool.sum()
    transfer = np.where(rng.random((K, K)) < 0.5, rng.uniform(0, 0.25, (K, K)), 0)
    np.fill_diagonal(transfer, 1)
    scale, power = rng.uniform(0.05, 0.2, K), rng.uniform(0.1, 0.5, K)
    bad, harm = rng.choice(K, 2, replace=False), np.zeros((K, K))
    harm[bad] = 0.05 * rng.uniform(0.5, 1.5, (2, K))
    transfer[bad] *= 0.3
    pairs = [(rng.integers(K), *rng.choice(K, 2, replace=False), rng.normal(0, 0.12)) for _ in range(6)]
    goal = pool.copy()
    if rng.random() < 0.5:
        goal = np.eye(K)[rng.choice([i for i in range(K) if i not in bad], 3, replace=False)].mean(axis=0)
    goal[bad] = 0
    goal /= goal.sum()

    def losses(mixtures):
        found = scale * (0.03 + mixtures @ transfer) ** -power + mixtures @ harm
        for head, one, other, together in pairs:
            found[:, head] += together * mixtures[:, one] * mixtures[:, other]
        return with_goal(found, goal)

    return SimpleNamespace(space=MixtureSpace(pool, np.minimum(1, 5 * pool)), goal=goal, losses=losses)


def simulate(seed, n_runs=32, noise=0.5, n_candidates=1500):
    """One planted truth, measured with noise (a share of the goal's deviation over mixtures), fitted and solved."""
    rng = np.random.default_rng(seed)
    truth = planted(rng)
    pool = truth.space.pool
    sd = noise * truth.losses(truth.space.draw(300, rng))[:, -1].std()
    runs = design_runs(truth.space, n_runs, rng)
    luck = np.sqrt(0.6) * rng.standard_normal((n_runs, 1)) + np.sqrt(0.4) * rng.standard_normal((n_runs, K))
    measured = with_goal(truth.losses(runs)[:, :-1] + sd * luck, truth.goal)
    process = fit_process(runs, measured, pool)
    found = worths(process)
    moved = 0.9 * pool + 0.1 * np.eye(K)
    true = truth.losses(moved) - truth.losses(pool[None])
    candidates = candidate_mixtures(truth.space, runs, rng, n=n_candidates)
    solved = solve_mixture(process, candidates)
    goal = truth.losses(candidates)[:, -1]
    of_pool, best = truth.losses(pool[None])[0, -1], least_loss(truth, candidates[goal.argmin()], rng)
    ridge = best_mixture(fit_ridge(runs, measured).predict, candidates)
    reached = truth.losses(np.stack([solved.shares, ridge, runs[measured[:, -1].argmin()]]))[:, -1]
    return SimpleNamespace(
        covered=np.abs(found.mean - true) <= found.half_width(),
        rank=stats.spearmanr(found.mean[:, -1], true[:, -1])[0],
        width=(found.half_width()[:, -1] / np.abs(true[:, -1]).mean()).mean(),
        regret=(reached - best) / max(of_pool - best, 1e-9),
        promised=solved.promised / (reached[0] - of_pool),
    )


def least_loss(truth, start, rng):
    """The least loss of the goal that steps around a mixture find."""
    best, least = start, truth.losses(start[None])[0, -1]
    for _ in range(3):
        near = np.maximum(best + 0.05 * rng.standard_normal((300, K)) * np.sqrt(best), 0)
        near /= near.sum(axis=1, keepdims=True)
        near = near[(near <= truth.space.caps + 1e-6).all(axis=1)]
        reached = truth.losses(near)[:, -1]
        if len(near) and reached.min() < least:
            best, least = near[reached.argmin()], reached.min()
    return least


@cache
def simulations():
    return [simulate(seed) for seed in range(times(40, 200))]


def test_ninety_percent_intervals_hold_planted_worths_and_cells():
    covered = np.mean([one.covered for one in simulations()], axis=0)
    assert covered[:, -1].mean() >= 0.85 and covered[:, :-1].mean() >= 0.85


def test_the_solved_mixture_comes_nearer_the_best_than_ridge_the_best_run_and_the_pool():
    process, ridge, best_run = np.median([one.regret for one in simulations()], axis=0)
    assert process < ridge < 1 and process < best_run
    assert process < 0.35
    assert np.mean([one.regret[0] > 1 for one in simulations()]) <= 0.05
    assert np.mean([one.rank for one in simulations()]) > 0.8


def test_what_is_promised_of_the_chosen_mixture_is_about_what_it_gives():
    assert KEPT_OF_PROMISE == 0.75
    assert np.median([one.promised for one in simulations()]) == pytest.approx(1, abs=0.25)


def test_where_all_mixtures_are_alike_hardly_any_is_called_better():
    def solved(seed, n_runs):
        rng = np.random.default_rng([seed, 1])
        space = planted(rng).space
        runs = design_runs(space, n_runs, rng)
        process = fit_process(runs, rng.standard_normal((n_runs, 1)), space.pool)
        return solve_mixture(process, candidate_mixtures(space, runs, rng, n=1500))

    usual = [solved(seed, 4 * K) for seed in range(times(40, 300))]
    assert np.mean([one.worth_changing for one in usual]) <= 0.1
    few = [solved(seed, 2 * K) for seed in range(20)]
    assert any(one.difference + one.half_width < 0 for one in few)
    assert not any(one.worth_changing for one in few), "two runs a cluster are too few to say it"


def test_the_golden_design():
    design = design_runs(SPACE, 10, np.random.default_rng(18))
    assert design[:3] == pytest.approx(np.tile(POOL, (3, 1)))
    assert design[3:] == pytest.approx(np.array([
        [0.004533, 0.003777, 0.866933, 0.124756],
        [0.008715, 0.990680, 0.000541, 0.000063],
        [0.982999, 0.002535, 0.014466, 0.000000],
        [0.461501, 0.047173, 0.008277, 0.483049],
        [0.093460, 0.057939, 0.847332, 0.001269],
        [0.008715, 0.990680, 0.000541, 0.000063],
        [0.982999, 0.002535, 0.014466, 0.000000],
    ]), abs=1e-6)  # fmt: skip


def plain_kernel(first, second, scale):
    """Entry by entry, as the formula stands."""
    found = np.empty((len(first), len(second)))
    for i, w in enumerate(first):
        for j, v in enumerate(second):
            roots = (np.sqrt(w) - np.sqrt(POOL)) @ (np.sqrt(v) - np.sqrt(POOL))
            linear = 4 * ((w - POOL) @ (v - POOL) + roots)
            apart = ((np.sqrt(w) - np.sqrt(v)) ** 2).sum()
            found[i, j] = scale.linear * linear + scale.curved * np.exp(-apart / (2 * scale.length**2))
    return found


def test_each_run_of_a_design_is_the_least_known_of_all_that_were_drawn():
    scale = KernelScale(3, 1, 1)
    design = design_runs(SPACE, 9, np.random.default_rng(5))
    drawn = SPACE.draw(400, np.random.default_rng(5))
    for n in range(3, 9):
        runs = design[:n]
        to_runs = plain_kernel(drawn, runs, scale)
        known = to_runs @ np.linalg.solve(plain_kernel(runs, runs, scale) + np.eye(n), to_runs.T)
        left = np.array([plain_kernel(w[None], w[None], scale)[0, 0] for w in drawn]) - known.diagonal()
        assert design[n] == pytest.approx(drawn[left.argmax()])
    further = most_telling(SPACE, design[:5], 4, np.random.default_rng(5))
    assert further == pytest.approx(design[5:9])


def test_the_process_is_what_a_plain_one_with_a_wide_constant_says():
    rng = np.random.default_rng(7)
    runs, n, wide = design_runs(SPACE, 12, rng), 12, 1e7
    losses = rng.normal(2, 0.1, (n, 2)) + runs @ rng.normal(0, 0.5, (4, 2))
    process = fit_process(runs, losses, POOL)
    first, second = SPACE.draw(3, rng), SPACE.draw(3, rng)
    evidence, means, variances, levels = [], [], [], []
    for scale in SCALES:
        noisy = plain_kernel(runs, runs, scale) + np.eye(n) + wide
        solved = np.linalg.solve(noisy, losses)
        squares = (losses * solved).sum(axis=0)
        evidence.append(-0.5 * np.linalg.slogdet(noisy)[1] - (n - 1) / 2 * np.log(squares))
        new = np.concatenate([first, second])
        to_runs = plain_kernel(new, runs, scale) + wide
        covariance = plain_kernel(new, new, scale) + wide - to_runs @ np.linalg.solve(noisy, to_runs.T)
        contrast = np.concatenate([np.eye(3), -np.eye(3)], axis=1)
        means.append(contrast @ to_runs @ solved)
        levels.append(to_runs[:3] @ solved)
        variances.append((contrast @ covariance @ contrast.T).diagonal()[:, None] * squares / (n - 3))
    weight = np.exp(np.array(evidence) - np.max(evidence, axis=0))
    weight = (weight / weight.sum(axis=0))[:, None]
    mean = (weight * means).sum(axis=0)
    spread = np.sqrt((weight * (np.array(variances) + (np.array(means) - mean) ** 2)).sum(axis=0))
    found = process.contrast(first, second)
    assert found.mean == pytest.approx(mean, rel=1e-4, abs=1e-6)
    assert found.deviation == pytest.approx(spread, rel=1e-4)
    assert found.half_width() == pytest.approx(stats.t.ppf(0.95, n - 1) * spread, rel=1e-4)
    assert process.predict(first) == pytest.approx((weight * levels).sum(axis=0), rel=1e-4)
    assert process.predict(first) - process.predict(second) == pytest.approx(found.mean)
    apart = fit_process(runs, losses[:, 1:], POOL).contrast(first, second)
    assert apart.mean == pytest.approx(found.mean[:, 1:]), "a head does not depend on the others"


def test_worths_follow_units_and_constants_and_a_loss_that_never_varies_is_worth_nothing():
    rng = np.random.default_rng(3)
    runs = design_runs(SPACE, 16, rng)
    losses = runs @ rng.normal(0, 0.5, (4, 2)) + rng.normal(0, 0.01, (16, 2))
    found, moved = (worths(fit_process(runs, one, POOL)) for one in (losses, 7 + 3 * losses))
    assert moved.mean == pytest.approx(3 * found.mean) and moved.deviation == pytest.approx(
        3 * found.deviation
    )
    still = worths(fit_process(runs, np.full((16, 1), 2.0), POOL))
    assert np.abs(still.mean).max() < 1e-12 and still.half_width().max() < 1e-12
    assert not still.clear().any() and (found.clear() == (np.abs(found.mean) > found.half_width())).all()


def test_cells_are_drawn_to_rows_and_columns_as_far_as_noise_explains_them():
    rng = np.random.default_rng(2)
    additive = rng.normal(0, 1, (6, 1)) + rng.normal(0, 1, (1, 5))
    own = rng.normal(0, 1, (6, 5))
    noise = rng.normal(0, 0.3, (6, 5))
    alike = pooled_cells(Contrasts(additive + noise, np.full((6, 5), 0.5), 20))
    centred = alike - alike.mean(0) - alike.mean(1, keepdims=True) + alike.mean()
    assert centred == pytest.approx(0)
    exact = pooled_cells(Contrasts(additive + own, np.zeros((6, 5)), 20))
    assert exact == pytest.approx(additive + own)


def test_the_answer_stays_among_the_candidates_and_as_near_as_asked():
    rng = np.random.default_rng(11)
    runs = design_runs(SPACE, 16, rng)
    process = fit_process(runs, -runs[:, 2:3] + rng.normal(0, 0.05, (16, 1)), POOL)
    free = solve_mixture(process, candidate_mixtures(SPACE, runs, rng, n=2000))
    assert (
        free.worth_changing
        and free.shares[2] > 0.6
        and free.promised == pytest.approx(0.75 * free.difference)
    )
    near = candidate_mixtures(SPACE, runs, rng, furthest=0.1, n=2000)
    close = solve_mixture(process, near)
    assert (close.shares * np.log(close.shares / POOL)).sum() <= 0.1
    for one in (free, close):
        assert one.shares.sum() == pytest.approx(1) and (one.shares <= SPACE.caps + 1e-9).all()
    with pytest.raises(InvalidOptions, match="nats"):
        candidate_mixtures(SPACE, runs[3:], rng, furthest=-1.0, n=10)
    tried = SPACE.draw(200, np.random.default_rng(4))
    following = most_promising(process, SPACE, np.random.default_rng(4))
    against = process.contrast(tried, np.tile(POOL, (200, 1)))
    least = np.sort((against.mean - against.deviation)[:, -1])[:4]
    chosen = process.contrast(following, np.tile(POOL, (4, 1)))
    assert (chosen.mean - chosen.deviation)[:, -1] == pytest.approx(least)


def test_the_ridge_has_the_penalty_that_leaving_each_run_out_finds():
    rng = np.random.default_rng(6)
    runs = design_runs(SPACE, 12, rng)
    losses = runs @ rng.normal(0, 1, (4, 2)) + rng.normal(0, 0.2, (12, 2))

    def left_out(penalty):
        total = 0.0
        for i in range(12):
            rest = np.delete(np.arange(12), i)
            design = np.c_[np.ones(11), runs[rest] - runs.mean(axis=0)]
            solved = np.linalg.solve(
                design.T @ design + penalty * np.diag([0, 1, 1, 1, 1]), design.T @ losses[rest]
            )
            total += ((losses[i] - np.r_[1, runs[i] - runs.mean(axis=0)] @ solved) ** 2).sum()
        return total

    ridge = fit_ridge(runs, losses)
    assert ridge.penalty == min(PENALTIES.tolist(), key=left_out)
    assert ridge.predict(runs).mean(axis=0) == pytest.approx(losses.mean(axis=0))


def test_mixtures_stay_below_their_caps_and_what_cannot_be_trained_is_refused():
    tokens = np.array([40_000.0, 30_000, 20_000, 10_000])
    space = mixture_space(tokens, 50_000, 2)
    assert space.caps == pytest.approx([1, 1, 0.8, 0.4])
    drawn = space.draw(500, np.random.default_rng(0))
    assert drawn.sum(axis=1) == pytest.approx(1) and (drawn <= space.caps + 1e-9).all()
    with pytest.raises(InvalidOptions, match="passes"):
        mixture_space(tokens, 250_000, 2)
    with pytest.raises(InvalidOptions, match="without tokens"):
        mixture_space(np.array([1.0, 0]), 1, 2)
    with pytest.raises(InvalidOptions, match="Hardly any"):
        MixtureSpace(POOL, POOL).draw(20, np.random.default_rng(0))
    with pytest.raises(InvalidOptions, match="without a loss"):
        fit_process(drawn[:8], np.full((8, 1), np.nan), POOL)
    check_number_of_runs(8, 4)
    with pytest.raises(InvalidOptions, match="usually 16"):
        check_number_of_runs(7, 4)


def test_clusters_are_joined_to_twelve_with_rows_and_tokens_enough():
    rng = np.random.default_rng(9)
    centres = rng.normal(0, 1, (5, 6)) * 10
    of = np.repeat(np.arange(5), 8)
    centroids = centres[of] + rng.normal(0, 0.1, (40, 6))
    groups = join_clusters(centroids, np.ones(40), np.full(40, 5.0), most=5)
    assert len(np.unique(groups)) == 5
    assert all(len(np.unique(groups[of == one])) == 1 for one in range(5))

    tokens = rng.uniform(0.1, 3, 40) ** 3
    rows = tokens * 8
    groups = join_clusters(centroids, tokens, rows)
    shares = np.bincount(groups, tokens) / tokens.sum()
    assert len(shares) <= 12 and (np.diff(shares) <= 0).all()
    assert (shares >= 0.02).all() and (np.bincount(groups, rows) >= 8).all()

    few = np.array([[0.0, 0], [10, 0], [11, 0]])
    assert join_clusters(few, np.array([60.0, 39, 1]), np.full(3, 100.0)).tolist() == [0, 1, 1]
    assert join_clusters(few, np.array([50.0, 20, 30]), np.full(3, 100.0)).tolist() == [0, 2, 1]
    with pytest.raises(InvalidOptions, match="no two"):
        join_clusters(few, np.ones(3), np.full(3, 4.0))
