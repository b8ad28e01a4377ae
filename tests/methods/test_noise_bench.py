"""Noise over the sample data: what has nothing to find finds nothing, and what has finds some of it.

Scores that say nothing (drawn at random, or shuffled) must leave weights, picks, verdicts and curves where chance leaves
them. Beside each stands a score that says something, the likeness of prompt and response in words, on faults of ours:
without it a method that does nothing would pass.
"""

from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.clear.calibrate import ScoreBands, bad_by_score, sample_for_review
from tamis.compute.clear.clear import auto_filter, threshold
from tamis.compute.cluster.choose_k import choose_k
from tamis.compute.compare.metrics import auroc
from tamis.compute.compare.win_rate import win_rate
from tamis.compute.refine.draw import RefinementPool, draw_round
from tamis.compute.refine.evidence import RoundEvidence, effective_clusters, pooled_effects, tilted_weights
from tamis.compute.refine.weights import cluster_scores, first_weights, update_weights
from tamis.compute.text.contamination import ngram_overlap
from tamis.compute.text.near_duplicates import minhash_duplicates
from tamis.registry import parse_options
from tamis.selectors import SELECTORS
from tamis.selectors.problem import Problem
from tamis.types import Bools, Float64s
from tests.methods.sample_rows import N_GROUPS, SPOILT, prompt_and_response_vectors, swapped, texts
from tests.support.scale import times

ROUNDS, BUDGET = 3, 60
LUCK = 4.9  # standard errors: one side is passed in 5 of ten million


def refine(
    gap: Float64s, seed: int, *, rule: str = "tested", shuffled: bool = False
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """First and last weights of a refinement over the sample's groups, and its picks."""
    _, _, groups = texts()
    nobody = np.zeros(groups.size, dtype=bool)
    pool = RefinementPool(groups, N_GROUPS, None, nobody, nobody)
    first = first_weights(pool.sizes(), "proportional")
    weights, rounds, taken, picks = first, [], nobody.copy(), []
    rng = np.random.default_rng(seed)
    for _ in range(ROUNDS):
        rows = draw_round(pool, weights, BUDGET, taken=taken, rng=rng).rows
        taken[rows] = True
        picks += rows.tolist()
        if rule == "static":
            continue
        seen = gap[rows] if not shuffled else rng.permutation(gap[rows])
        scores = cluster_scores(seen, groups[rows], N_GROUPS + 1)
        if rule in ("tested", "pooled"):
            rounds.append(RoundEvidence.of(scores.mean, scores.standard_error, scores.n_scored))
            found = pooled_effects(rounds)
            weights = tilted_weights(first, found.tested if rule == "tested" else found.effect)
        else:
            weights = update_weights(weights, scores.mean, scores.n_scored, mode="tamis")
    return first, weights, picks


def spoilt_runs(n_seeds: int, **how: object) -> tuple[Float64s, Float64s, Float64s]:
    """Over seeds: weight of the spoilt groups relative to their first, share of faults picked, effective clusters."""
    ratios, shares, effective = [], [], []
    _, _, groups = texts()
    for seed in range(n_seeds):
        gap, bad = swapped(np.flatnonzero(np.isin(groups, SPOILT)), np.random.default_rng(1000 + seed))
        first, last, picks = refine(gap, seed, **how)  # type: ignore[arg-type]
        inside = list(SPOILT)
        relative = last[:N_GROUPS] / first[:N_GROUPS]
        ratios.append(relative[inside].mean() / np.delete(relative, inside).mean())
        shares.append(bad[picks].mean())
        effective.append(effective_clusters(last))
    return np.array(ratios), np.array(shares), np.array(effective)


def test_a_refinement_on_shuffled_scores_does_not_move() -> None:
    seeds = times(30, 400)
    first = effective_clusters(refine(np.zeros(len(texts()[0])), 0, rule="static")[0])
    ratios, _, effective = spoilt_runs(seeds, shuffled=True)
    assert np.median(effective) >= 0.95 * first
    assert np.quantile(effective, 0.05) >= 0.8 * first
    assert np.quantile(ratios, 0.05) >= 0.5
    assert np.quantile(ratios, 0.95) <= 2.0
    # The rule that this one took the place of: what the bench would say of it.
    _, _, before = spoilt_runs(seeds, shuffled=True, rule="of one round")
    assert np.median(before) < 0.85 * first


def test_a_refinement_on_real_scores_leaves_spoilt_groups() -> None:
    seeds = times(30, 400)
    ratios, pooled, _ = spoilt_runs(seeds)
    _, static, _ = spoilt_runs(seeds, rule="static")
    _, shuffled, _ = spoilt_runs(seeds, shuffled=True)
    assert np.median(ratios) <= 0.4
    assert pooled.mean() <= 0.8 * static.mean()
    error = np.std(shuffled - static, ddof=1) / seeds**0.5
    assert abs(np.mean(shuffled - static)) <= LUCK * error


def ranges_of_few_rows(
    n_runs: int, *, n_clusters: int, n_rounds: int, heavy: bool = False
) -> dict[str, Float64s]:
    """Largest over smallest weight by both rules, two scored rows per cluster and round, nothing to be found."""
    first = np.full(n_clusters, 1 / n_clusters)
    ranges: dict[str, list[float]] = {"tested": [], "pooled": []}
    for seed in range(n_runs):
        rng = np.random.default_rng([seed, n_clusters, n_rounds])
        shape = (n_rounds, n_clusters, 2)
        gaps = rng.standard_t(3, shape) if heavy else rng.normal(size=shape)
        squares = ((gaps - gaps.mean(axis=2, keepdims=True)) ** 2).sum(axis=2)
        found = pooled_effects(
            [
                RoundEvidence(np.full(n_clusters, 2), one.mean(axis=1), spread)
                for one, spread in zip(gaps, squares, strict=True)
            ]
        )
        for rule, effect in (("tested", found.tested), ("pooled", found.effect)):
            weights = tilted_weights(first, effect)
            ranges[rule].append(weights.max() / weights.min())
    return {rule: np.array(values) for rule, values in ranges.items()}


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize(("n_clusters", "n_rounds"), [(16, 2), (16, 1), (16, 3), (4, 2), (64, 2)])
def test_two_rows_per_cluster_and_round_move_no_weight_on_noise(
    n_clusters: int, n_rounds: int, *, heavy: bool
) -> None:
    ranges = ranges_of_few_rows(times(150, 3000), n_clusters=n_clusters, n_rounds=n_rounds, heavy=heavy)
    assert np.quantile(ranges["tested"], 0.9) <= 2
    if (n_clusters, n_rounds) == (16, 1):  # what the rule before would have done
        assert np.quantile(ranges["pooled"], 0.9) > 4


@pytest.mark.parametrize(
    ("k", "n", "n_rounds"), [(16, 2, 2), (16, 2, 1), (10, 3, 1), (10, 5, 3), (10, 20, 3), (4, 8, 3)]
)
@pytest.mark.parametrize(("gaps", "most"), [("normal", 0.06), ("heavy", 0.06), ("skewed", 0.12)])
def test_clusters_that_vary_unlike_move_no_weight_on_noise(
    k: int, n: int, n_rounds: int, gaps: str, most: float
) -> None:
    """Spreads of a logarithm of SD 0.7: one cluster in six varies twice as much as the middle one, or more."""
    moved, runs, shape = [], times(200, 3000), (n_rounds, k, n)
    for seed in range(runs):
        rng = np.random.default_rng([seed, 16])
        scale = np.exp(rng.normal(0, 0.7, k))[None, :, None]
        drawn = {"normal": rng.normal(size=shape), "heavy": rng.standard_t(3, shape)}
        table = scale * (drawn | {"skewed": rng.exponential(size=shape) - 1})[gaps]
        mean = table.mean(axis=2)
        squares = ((table - mean[:, :, None]) ** 2).sum(axis=2)
        rounds = [RoundEvidence(np.full(k, n), *one) for one in zip(mean, squares, strict=True)]
        weights = tilted_weights(np.full(k, 1 / k), pooled_effects(rounds).tested)
        moved.append(weights.max() > 2 * weights.min())
    assert np.mean(moved) <= most + 3.5 * (most * (1 - most) / runs) ** 0.5


def problem_of(quality: Float64s, seed: int) -> Problem:
    vectors, _ = prompt_and_response_vectors()
    _, _, groups = texts()
    nobody = np.zeros(groups.size, dtype=bool)
    return Problem(
        n_rows=groups.size, budget=90, pinned=nobody, excluded=nobody, seed=seed, n_clusters=N_GROUPS,
        cluster_id=groups, distance=np.zeros(groups.size, np.float32), vectors=vectors, quality=quality,
    )  # fmt: skip


SELECTIONS = [
    ("kmq", {}),
    ("kmq", {"weighting": "softmax"}),
    ("top_quality", {}),
    ("deita", {}),
    ("qdit", {}),
    ("semdedup", {"then": "quality"}),
    ("kmq_released", {}),
]


@pytest.mark.parametrize(("method", "options"), SELECTIONS)
def test_a_selection_by_random_scores_is_no_better_than_random_and_by_real_ones_it_is(
    method: str, options: dict
) -> None:
    """Prompts alone make the vectors, so that nothing but the score knows of a fault."""
    row = SELECTORS[method]
    chosen = parse_options(row.options, options)
    by_chance, by_score, n = [], [], len(texts()[0])
    for seed in range(times(12, 60)):
        rng = np.random.default_rng(seed)
        likeness, bad = swapped(rng.permutation(n)[: n * 3 // 10], rng)
        scale = 20.0 if method == "kmq_released" else 1.0  # whole numbers: 0 to 20
        random = row.load()(problem_of(scale * rng.random(n), seed), chosen).rows
        real = row.load()(problem_of(scale * likeness, seed), chosen).rows
        by_chance.append(bad[random].mean() - bad.mean())
        by_score.append(bad[real].mean() - bad.mean())
    error = np.std(by_chance, ddof=1) / len(by_chance) ** 0.5
    assert abs(np.mean(by_chance)) <= max(LUCK * error, 0.01)
    assert np.mean(by_score) <= -0.08


def test_the_filter_by_random_confidences_keeps_faults_as_it_finds_them() -> None:
    kept, real, n = [], [], len(texts()[0])
    for seed in range(times(40, 1000)):
        rng = np.random.default_rng(seed)
        likeness, bad = swapped(rng.permutation(n)[: n // 5], rng)
        for values, into in ((rng.random(n), kept), (likeness, real)):
            mask: Bools = auto_filter(values, threshold(values).gamma).action == "keep"
            into.append(bad[mask].mean() - bad.mean())
    error = np.std(kept, ddof=1) / len(kept) ** 0.5
    assert abs(np.mean(kept)) <= LUCK * error
    assert np.mean(real) <= -0.06
    assert np.mean([auroc(np.random.default_rng(s).random(n), bad) for s in range(20)]) == pytest.approx(
        0.5, abs=0.04
    )


def test_decisions_that_do_not_depend_on_the_score_give_no_band_that_stands_out() -> None:
    prompts, responses = prompt_and_response_vectors()
    scores = (prompts * responses).sum(axis=1).astype(np.float64)
    z = scores.argsort().argsort() / scores.size * 4 - 2
    apart, runs = {0.0: 0, 2.0: 0}, times(100, 2000)
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        for strength in apart:
            bad = rng.random(scores.size) < 1 / (1 + np.exp(1.0 + strength * z))
            sampled, inclusion = sample_for_review(scores, 120, rng)
            found = bad_by_score(scores, sampled, bad[sampled], inclusion)
            assert isinstance(found, ScoreBands)
            apart[strength] += int(found.low[0] > found.high[-1] or found.high[0] < found.low[-1])
    # Two intervals of 95 % that do not meet are rarer than one that misses.
    assert apart[0.0] / runs <= 0.02 + LUCK * (0.02 * 0.98 / runs) ** 0.5
    assert apart[2.0] / runs >= 0.7


def test_vectors_without_clusters_show_none_and_planted_ones_are_found() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((len(texts()[0]), 24))
    noise = (noise / np.linalg.norm(noise, axis=1, keepdims=True)).astype(np.float32)
    assert not choose_k(noise, (4, 8, 16, 32), rng=np.random.default_rng(1)).structure
    planted = 0.9 * noise[np.arange(len(noise)) % 8] + 0.1 * noise
    planted /= np.linalg.norm(planted, axis=1, keepdims=True)
    found = choose_k(planted.astype(np.float32), (4, 8, 16, 32), rng=np.random.default_rng(1))
    assert (found.k, found.structure) == (8, True)


def test_words_put_together_at_random_repeat_and_leak_nothing() -> None:
    prompts, responses, _ = texts()
    rng = np.random.default_rng(0)
    # A sentence of a script without spaces is one long word: whoever draws it has copied a response.
    words = [word for text in responses for word in text.split() if len(word) < 15]
    made = [" ".join(rng.choice(words, 60)) for _ in range(times(200, 800))]
    assert (minhash_duplicates(made, threshold=0.8, rng=rng).of == -1).all()
    assert ngram_overlap(made, responses, n_words=13).fraction.max() == 0
    doubled = [*made[:20], *(text + " so" for text in made[:20])]
    assert (minhash_duplicates(doubled, threshold=0.8, rng=rng).of[20:] == np.arange(20)).all()
    held = [f"{text} {responses[i]}" for i, text in enumerate(made[:20]) if len(responses[i].split()) >= 13]
    assert (ngram_overlap(held, responses, n_words=13).fraction == 1).mean() > 0.9
    assert len(prompts) == len(responses)


@pytest.mark.parametrize("votes", [10, 40, 200])
def test_votes_by_coin_are_a_verdict_in_one_of_twenty_cases_at_most(votes: int) -> None:
    rng, runs, said = np.random.default_rng(votes), times(2000, 40_000), 0
    for ties in rng.integers(0, votes // 3, runs).tolist():
        rest = votes - ties
        wins = int(rng.binomial(rest, 0.5))
        found = win_rate(["tuned"] * wins + ["tie"] * ties + ["base"] * (rest - wins), 0)
        said += int(found.low > 0.5 or found.high < 0.5)
    assert said / runs <= 0.055 + LUCK * (0.05 * 0.95 / runs) ** 0.5
