"""Verdicts on paired differences: how often an interval holds, and how often chance is called a change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from tamis.compute.compare.paired import (
    change_verdicts,
    discoveries,
    paired_change,
    sign_test,
    unpaired_change,
)
from tamis.compute.compare.win_rate import win_rate, win_rates, win_verdicts
from tests.support.scale import times


def test_without_skewness_interval_and_p_value_are_those_of_the_paired_t_test():
    rng = np.random.default_rng(0)
    before = rng.normal(2, 1, 40)
    half = rng.normal(0, 0.3, 20)
    after = (
        before - 0.1 + np.concatenate([half, -half])
    )  # each difference as far above the mean as another is below
    theirs = ttest_rel(after, before)
    found = paired_change(np.append(after - before, np.nan))
    assert (found.n, found.p) == (40, pytest.approx(theirs.pvalue))
    interval = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_a_long_tail_moves_the_interval_towards_it_and_mirrors_with_it():
    differences = np.array([-1.0, -0.9, -0.8, -0.7, -0.6, 2.0])
    found, mirrored = paired_change(differences), paired_change(-differences)
    plain = ttest_rel(differences, np.zeros(6)).confidence_interval(0.95)
    assert found.low > plain.low
    assert found.high > plain.high + 0.3
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low))
    assert found.p == pytest.approx(mirrored.p)
    scaled = paired_change(1000 * differences)
    assert (scaled.low, scaled.high, scaled.p) == pytest.approx(
        (1000 * found.low, 1000 * found.high, found.p)
    )


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("seed", range(20))
def test_the_interval_ends_where_no_change_would_just_be_told(seed, level):
    rng = np.random.default_rng(seed)
    differences = rng.exponential(size=int(rng.integers(3, 30)))
    found = paired_change(differences, confidence_fraction=level)
    for end in (found.low, found.high):
        assert paired_change(differences - end).p == pytest.approx(1 - level, abs=1e-6)


@pytest.mark.parametrize("n", [6, 8, 10, 20])
@pytest.mark.parametrize(
    ("kind", "most"),
    [("exponential", 0.085), ("lognormal", 0.125), ("gamma", 0.11), ("normal", 0.06), ("t", 0.085)],
)
def test_of_few_skewed_differences_chance_is_called_a_change_less_often(n, kind, most):
    """Without the correction 10 to 11, 16 to 17 and 14 to 16 of 100 of the first three, the others 4 to 5."""
    rng = np.random.default_rng(n)
    draw = {
        "exponential": lambda: rng.exponential(size=n) - 1,
        "lognormal": lambda: rng.lognormal(size=n) - np.exp(0.5),
        "gamma": lambda: rng.gamma(0.5, size=n) - 0.5,
        "normal": lambda: rng.normal(size=n),
        "t": lambda: rng.standard_t(3, n),
    }[kind]
    n_runs = times(1500, 20_000)
    called = np.mean([paired_change(draw()).p < 0.05 for _ in range(n_runs)])
    assert called <= most + 2 * (most * (1 - most) / n_runs) ** 0.5


def test_of_changes_by_chance_one_in_twenty_is_called_one_where_one_standard_error_called_a_third():
    """Right and wrong answers of two equal models, as tasks have them; the old rule was one combined standard error."""
    rng = np.random.default_rng(1)
    n_runs, called, called_before, held = 1500, 0, 0, 0
    for _ in range(n_runs):
        base = rng.random(100) < 0.5
        tuned = np.where(rng.random(100) < 0.4, rng.random(100) < 0.5, base)
        found = paired_change(tuned.astype(float) - base)
        held += found.low <= 0 <= found.high
        called += change_verdicts([found])[0] != "unclear"
        errors = [np.sqrt(one.mean() * (1 - one.mean()) / 99) for one in (base, tuned)]
        alone = np.array([rng.random(100) < 0.5, rng.random(100) < 0.5]).mean(axis=1)
        called_before += abs(alone[0] - alone[1]) > np.hypot(*errors)
    assert held / n_runs >= 0.94
    assert called / n_runs <= 0.06
    assert called_before / n_runs > 0.25


@pytest.mark.parametrize("n", [6, 20, 100])
@pytest.mark.parametrize("kind", ["loss", "answers"])
def test_the_interval_holds_a_true_change(n, kind):
    rng = np.random.default_rng(n)
    held, n_runs = 0, 800
    for _ in range(n_runs):
        if kind == "loss":
            differences, truth = rng.normal(-0.2, 0.5, n), -0.2
        else:
            differences, truth = rng.choice([-1.0, 0.0, 1.0], size=n, p=[0.1, 0.6, 0.3]), 0.2
        found = paired_change(differences)
        held += found.low <= truth <= found.high
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
    assert held / n_runs >= 0.93
    assert kind == "answers" or held / n_runs <= 0.97  # that of few answers is wide


def test_of_many_clusters_without_a_change_hardly_ever_one_is_called():
    rng = np.random.default_rng(2)
    runs = [change_verdicts([paired_change(rng.normal(size=12)) for _ in range(30)]) for _ in range(200)]
    assert np.mean([set(one) != {"unclear"} for one in runs]) <= 0.09
    # Each alone, some cluster is nearly always beyond its own interval: that is why they are looked at together.
    alone = [
        any(change_verdicts([paired_change(rng.normal(size=12))]) != ["unclear"] for _ in range(30))
        for _ in range(200)
    ]
    assert np.mean(alone) > 0.6


def test_a_large_change_is_told_and_its_direction():
    rng = np.random.default_rng(3)
    fallen, risen = rng.normal(-1, 0.3, 20), rng.normal(1, 0.3, 20)
    found = change_verdicts([paired_change(fallen), paired_change(risen), paired_change(np.zeros(20))])
    assert found == ["lower", "higher", "unclear"]


@pytest.mark.parametrize("n", [0, 1, 3, 5])
def test_too_few_pairs_are_never_a_verdict_however_alike_they_are(n):
    for differences in (np.full(n, -1.0), np.full(n, -0.25), -1 - 1e-9 * np.arange(n)):
        assert change_verdicts([paired_change(differences)]) == ["unclear"]


def test_six_pairs_are_the_fewest_that_can_be_a_verdict():
    """Beside ten sure ones, so that the correction for many leaves the count alone to decide."""
    sure = [paired_change(np.random.default_rng(i).normal(-1, 0.1, 30)) for i in range(10)]
    few = [paired_change(-1 - 0.01 * np.arange(n)) for n in (3, 4, 5, 6)]
    assert change_verdicts([*few, *sure])[:4] == ["unclear"] * 3 + ["lower"]
    rates = [win_rate(["tuned"] * n, 0) for n in (3, 5)]
    assert win_verdicts([*rates, *(win_rate(["tuned"] * 200, i + 1) for i in range(10))])[:2] == ["open"] * 2
    assert win_verdicts([*(win_rate(["tuned"] * n, 0) for n in (6, 200))])[0] == "wins"


def test_a_few_equal_answers_are_no_certainty():
    found = paired_change(np.ones(6))
    assert 0 < found.low < 0.6
    assert found.high == 1
    assert paired_change(np.zeros(30)).low < 0 < paired_change(np.zeros(30)).high


def test_two_errors_give_an_unpaired_interval_and_one_gives_none():
    found = unpaired_change(0.2, [0.06, 0.08], 50)
    assert (found.low, found.high) == (pytest.approx(0.2 - 0.196, abs=1e-4), pytest.approx(0.396, abs=1e-4))
    assert change_verdicts([found]) == ["higher"]
    assert not found.paired
    assert change_verdicts([unpaired_change(0.2, [0.06], 50)]) == ["unclear"]


def test_discoveries_are_those_of_benjamini_and_hochberg():
    p = np.array([0.001, 0.012, 0.014, 0.041, 0.5])  # thresholds 0.01, 0.02, 0.03, 0.04, 0.05
    assert discoveries(p) == [True, True, True, False, False]
    assert discoveries(np.array([])) == []


def test_clusters_of_votes_are_looked_at_together():
    assert sign_test(0, 0) == 1
    assert sign_test(6, 0) == pytest.approx(2 / 64)
    winners = ["tuned"] * 12 + ["base"] * 12 + (["tuned"] * 5 + ["base"] * 4) + ["tuned"] * 5
    clusters = np.repeat([0, 1, 2, 3], [12, 12, 9, 5])
    assert win_verdicts(win_rates(winners, clusters)) == ["wins", "loses", "open", "open"]
    rng = np.random.default_rng(4)
    called = 0
    for _ in range(200):
        votes = rng.choice(["tuned", "base", "tie"], size=300).tolist()
        called += any(one != "open" for one in win_verdicts(win_rates(votes, np.arange(300) % 20)))
    assert called / 200 <= 0.08


@pytest.mark.parametrize("size", [1, 5])
def test_votes_about_answers_to_one_prompt_are_one_vote(size):
    """Ten prompts, greedy answers alike: without a preference at most 5 % are called, however many rows each has."""
    rng, called, by_row = np.random.default_rng(size), 0, 0
    groups = np.repeat(np.arange(10), size)
    for _ in range(600):
        votes = np.where(rng.random(10) < 0.5, "tuned", "base")[groups].tolist()
        called += win_verdicts([win_rate(votes, 0, groups=groups)]) != ["open"]
        by_row += win_verdicts([win_rate(votes, 0)]) != ["open"]
    assert called / 600 <= 0.05
    assert (by_row / 600 > 0.2) == (size > 1)  # what was said before


def test_a_group_is_won_where_more_than_half_of_it_is():
    found = win_rate(
        ["tuned", "tuned", "base", "tie", "base", "tuned"], 1, groups=np.array([0, 0, 0, 1, 2, 2])
    )
    assert (found.n_votes, found.n_groups, found.n_won, found.n_tied) == (6, 3, 1, 2)
    assert found.rate == pytest.approx((2 / 3 + 0.5 + 0.5) / 3)
    alike = win_rate(["tuned"] * 60, 0, groups=np.repeat(np.arange(5), 12))
    assert win_verdicts([alike]) == ["open"]  # sixty votes on five prompts
