"""Effects and weights of a refinement by another road: the whole two-level model as one Gaussian (METHODS.md 1.9).

The code pools rounds, finds a root and shrinks. Here the table of rounds x clusters is one vector with a covariance matrix;
effects are its conditional mean and deviation, and the variance between clusters is the maximum of the restricted
likelihood where the design is balanced, for which the two estimators agree.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import digamma, polygamma
from scipy.stats import chi2, f_oneway
from scipy.stats import f as f_distribution
from scipy.stats import norm as normal
from scipy.stats import t as t_distribution

from tamis.compute.refine.evidence import RoundEvidence, pooled_effects, tilted_weights
from tests.support.scale import examples, times

Table = list[list[list[float]]]  # rounds of clusters of gaps


def evidence(table: Table) -> list[RoundEvidence]:
    """What the code is given: counts, means and squares, each by a plain sum."""
    rounds = []
    for gaps in table:
        n = [len(one) for one in gaps]
        mean = [sum(one) / len(one) if one else math.nan for one in gaps]
        squares = [sum((g - m) ** 2 for g in one) for one, m in zip(gaps, mean, strict=True)]
        rounds.append(RoundEvidence(np.array(n), np.array(mean), np.array(squares)))
    return rounds


def variances(table: Table) -> tuple[float, float]:
    """σ² and ω² as 1.9 writes them, by loops."""
    scored = [one for gaps in table for one in gaps if one]
    sigma2 = sum(sum((g - sum(o) / len(o)) ** 2 for g in o) for o in scored) / sum(len(o) - 1 for o in scored)
    q = c = freedom = 0.0
    for j in range(len(table[0])):
        seen = [
            (len(gaps[j]) / sigma2, y, 1 - len(gaps[j]) / sum(map(len, gaps)))
            for gaps, y in zip(table, centred(table, j), strict=True)
            if gaps[j]
        ]
        if len(seen) < 2:
            continue
        total = sum(u for u, _, _ in seen)
        mine = sum(u * y for u, y, _ in seen) / total
        q += sum(u * (y - mine) ** 2 / left for u, y, left in seen if left)
        c += total - sum(u * u for u, _, _ in seen) / total
        freedom += len(seen) - 1
    return sigma2, max(0.0, (q - freedom) / c) if freedom else math.nan


def centred(table: Table, j: int) -> list[float]:
    """The mean of cluster ``j`` in each round, less the mean of all scored rows of the round."""
    out = []
    for gaps in table:
        rows = [g for one in gaps for g in one]
        out.append(sum(gaps[j]) / len(gaps[j]) - sum(rows) / len(rows) if gaps[j] else math.nan)
    return out


def conditional(table: Table, sigma2: float, omega2: float, tau2: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of θ given the whole table, in units of σ: the textbook formula for a joint Gaussian."""
    cells = [(t, j) for t in range(len(table)) for j in range(len(table[0])) if table[t][j]]
    y = np.array([centred(table, j)[t] for t, j in cells])
    noise = np.diag([sigma2 / len(table[t][j]) + omega2 for t, j in cells])
    same = np.array([[float(a[1] == b[1]) for b in cells] for a in cells])
    inverse = np.linalg.inv(tau2 * same + noise)
    ones = np.ones(len(cells))
    centre = (ones @ inverse @ y) / (ones @ inverse @ ones)
    k = len(table[0])
    towards = np.array([[tau2 * float(j == c[1]) for c in cells] for j in range(k)])
    mean = towards @ inverse @ (y - centre)
    spread = tau2 - np.einsum("ij,jk,ik->i", towards, inverse, towards)
    return mean / math.sqrt(sigma2), np.sqrt(np.maximum(spread, 0) / sigma2)


def drawn(seed: int, k: int, rounds: int, *, balanced: bool, spread: float, own: float) -> Table:
    rng = np.random.default_rng(seed)
    lasting = rng.normal(0, spread, k)
    size = rng.integers(3, 9, (rounds, k)) if not balanced else np.full((rounds, k), 5)
    if not balanced and rounds > 1:
        size[rng.integers(rounds), rng.integers(k)] = 0
    return [
        [(lasting[j] + rng.normal(0, own) + rng.normal(0, 1.5, size[t, j])).tolist() for j in range(k)]
        for t in range(rounds)
    ]


@examples(60, derandomize=True)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 7), rounds=st.integers(2, 4), balanced=st.booleans())
def test_effects_are_the_conditional_mean_of_the_whole_table(
    seed: int, k: int, rounds: int, *, balanced: bool
) -> None:
    table = drawn(seed, k, rounds, balanced=balanced, spread=1.5, own=0.5)
    found = pooled_effects(evidence(table))
    sigma2, omega2 = variances(table)
    assert found.inconsistency == pytest.approx(math.sqrt(omega2 / sigma2), abs=1e-9)
    mean, deviation = conditional(table, sigma2, omega2, found.between**2 * sigma2)
    assert found.effect == pytest.approx(mean, abs=1e-6)
    # What is shown holds the doubt about centre and spread as well; test_intervals.py says whether it is enough.
    assert (found.deviation >= deviation - 1e-6).all() or not found.told


@examples(40, derandomize=True)
@given(st.integers(0, 10_000), st.integers(2, 9))
def test_the_deviation_of_an_effect_adds_up_its_three_parts(seed: int, k: int) -> None:
    table = drawn(seed, k, 2, balanced=False, spread=1.5, own=0.2)
    found = pooled_effects(evidence(table))
    if not found.told:
        assert (found.deviation == 0).all()
        return
    t2, v = found.between**2, found.error
    w = [1 / (one + t2) for one in v]
    typical = sum(a * b for a, b in zip(w, v, strict=True)) / sum(w) + t2
    for j in range(k):
        b = v[j] / (v[j] + t2)
        away = found.effect[j] / (1 - b)
        parts = t2 * b + b * b / sum(w) + 2 / max(k - 3, 1) * (b * away) ** 2 * typical / (v[j] + t2)
        assert found.deviation[j] == pytest.approx(math.sqrt(parts))


@examples(60, derandomize=True)
@given(seed=st.integers(0, 10_000), k=st.integers(3, 8), rounds=st.integers(1, 4), balanced=st.booleans())
def test_the_variance_between_clusters_solves_its_equation(
    seed: int, k: int, rounds: int, *, balanced: bool
) -> None:
    table = drawn(seed, k, rounds, balanced=balanced, spread=1.0, own=0.3)
    found = pooled_effects(evidence(table))
    tau2, v = found.between**2, found.error  # in units of σ²
    sigma2, _ = variances(table)
    mean = np.array([_pooled_mean(table, j, sigma2, found.inconsistency**2 * sigma2) for j in range(k)])
    y = mean / math.sqrt(sigma2)

    def left(t2: float) -> float:
        centre = np.average(y, weights=1 / (v + t2))
        return float(((y - centre) ** 2 / (v + t2)).sum())

    assert left(0.0) <= k - 1 + 1e-9 if tau2 == 0 else left(tau2) == pytest.approx(k - 1, rel=1e-6)


def _pooled_mean(table: Table, j: int, sigma2: float, omega2: float) -> float:
    cells = [
        (1 / (sigma2 / len(g[j]) + omega2), y) for g, y in zip(table, centred(table, j), strict=True) if g[j]
    ]
    return sum(u * y for u, y in cells) / sum(u for u, _ in cells)


@examples(40, derandomize=True)
@given(st.integers(0, 10_000), st.integers(3, 8), st.integers(2, 4))
def test_where_all_cells_are_alike_it_is_the_maximum_of_the_restricted_likelihood(
    seed: int, k: int, rounds: int
) -> None:
    table = drawn(seed, k, rounds, balanced=True, spread=1.0, own=0.3)
    found = pooled_effects(evidence(table))
    sigma2, omega2 = variances(table)
    mean = np.array([_pooled_mean(table, j, sigma2, omega2) for j in range(k)])
    error = (sigma2 / 5 + omega2) / rounds

    def minus_log_likelihood(log_tau2: float) -> float:
        total = error + math.exp(log_tau2)
        return (k - 1) / 2 * math.log(total) + ((mean - mean.mean()) ** 2).sum() / (2 * total)

    best = minimize_scalar(minus_log_likelihood, bounds=(-14, 6), method="bounded", options={"xatol": 1e-10})
    assert found.between == pytest.approx(math.sqrt(math.exp(best.x) / sigma2), abs=3e-3)


def chance_with_own_spreads(table: Table) -> float:
    """The test of 1.9 that gives each cluster a spread of its own, by loops and scipy's distributions."""
    k, rounds, gaps = len(table[0]), len(table), [one for of_round in table for one in of_round if one]
    sigma2, omega2 = variances(table)
    omega2 = 0.0 if rounds == 1 else omega2
    inside = [[sum((g - sum(o) / len(o)) ** 2 for g in o) for of in table if (o := of[j])] for j in range(k)]
    f = [sum(len(of[j]) - 1 for of in table if of[j]) for j in range(k)]
    s2 = [sum(one) / d for one, d in zip(inside, f, strict=True)]
    logs = [math.log(v) - float(digamma(d / 2)) + math.log(d / 2) for v, d in zip(s2, f, strict=True)]
    excess = float(np.var(logs, ddof=1) - np.mean([polygamma(1, d / 2) for d in f])) if k >= 3 else 0.0
    if excess <= 1e-6:
        return 0.0
    d0 = max(2.0, 2 * minimize_scalar(lambda x: (polygamma(1, x) - excess) ** 2, bounds=(1e-3, 1e5), method="bounded",
                                      options={"xatol": 1e-12}).x)  # fmt: skip
    common = math.exp(np.mean(logs) + float(digamma(d0 / 2)) - math.log(d0 / 2))
    freedom = len(gaps) - k
    mean, own, degrees = [], [], []
    for j in range(k):
        drawn_in = (d0 * common + sum(inside[j])) / (d0 + f[j])
        u = [1 / (drawn_in / len(of[j]) + omega2) for of in table if of[j]]
        y = [c for c in centred(table, j) if not math.isnan(c)]
        mean.append(sum(a * b for a, b in zip(u, y, strict=True)) / sum(u))
        own.append(1 / sum(u))
        part = sum(u) / sum(len(of[j]) / drawn_in for of in table if of[j])
        rest = (1 - part) ** 2 / freedom if freedom else 0.0
        degrees.append(1 / (part**2 / (d0 + f[j]) + rest))
    total = sum(1 / v for v in own)
    centre = sum(m / v for m, v in zip(mean, own, strict=True)) / total
    q = 0.0
    for m, v, d in zip(mean, own, degrees, strict=True):
        left = 1 - 1 / v / total
        z = normal.isf(t_distribution.sf(abs(m - centre) / math.sqrt(v * left), d))
        q += left * z * z
    return float(chi2.sf(q, k - 1))


@examples(60, derandomize=True)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 9), balanced=st.booleans(), unlike=st.booleans())
def test_after_one_round_chance_is_twice_an_analysis_of_variance(
    seed: int, k: int, *, balanced: bool, unlike: bool
) -> None:
    table = drawn(seed, k, 1, balanced=balanced, spread=1.0, own=0.0)
    if unlike:
        table[0] = [[g * 3 ** (j % 3) for g in one] for j, one in enumerate(table[0])]
    p = max(f_oneway(*table[0]).pvalue, chance_with_own_spreads(table))
    if sum(map(len, table[0])) < 4 * k:  # too few rows to tell a wide cluster from a moved one
        p = 1.0
    assert pooled_effects(evidence(table)).chance == pytest.approx(min(1.0, 2 * p), rel=1e-4)


@examples(60, derandomize=True)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 9), rounds=st.integers(2, 4), unlike=st.booleans())
def test_where_all_cells_are_alike_chance_is_an_analysis_of_variance_in_two_ways(
    seed: int, k: int, rounds: int, *, unlike: bool
) -> None:
    table = drawn(seed, k, rounds, balanced=True, spread=0.5, own=1.0)
    if unlike:
        table = [[[g * 3 ** (j % 3) for g in one] for j, one in enumerate(gaps)] for gaps in table]
    means = np.array([[sum(gaps) / 5 for gaps in one] for one in table])
    rest = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    of_rows = variances(table)[0] / 5
    together = max(of_rows, (rest**2).sum() / ((k - 1) * (rounds - 1)))
    # Clusters by rounds, where their interaction is the error: of rows alone when it comes out smaller than theirs.
    ratio = rounds * means.mean(axis=0).var(ddof=1) / together
    part = of_rows / together
    degrees = 1 / (part**2 / (4 * k * rounds) + (1 - part) ** 2 / (k * (rounds - 1)))
    p = max(f_distribution.sf(ratio, k - 1, degrees), chance_with_own_spreads(table))
    assert pooled_effects(evidence(table)).chance == pytest.approx(p, rel=1e-4)


def test_after_one_round_of_few_rows_each_a_wide_cluster_is_no_moved_one() -> None:
    """Two or three rows that are all far off say as much of a spread as of a place: with four of each it can be asked."""
    table = [[[9.0, 9.1], [0.1, 0.0], [-0.1, 0.2], [0.2, 0.1]]]
    assert pooled_effects(evidence(table)).chance == 1
    assert pooled_effects(evidence([[[*one, sum(one) / 2] for one in table[0]]])).chance == 1
    assert pooled_effects(evidence([[[*one, *one] for one in table[0]]])).chance < 0.02
    assert pooled_effects(evidence([*table, *table])).chance < 0.02


def test_the_first_round_alone_counts_half_of_what_lies_between_clusters_as_its_own() -> None:
    table = drawn(3, 6, 1, balanced=True, spread=2.0, own=0.0)
    sigma2, _ = variances(table)
    mean = np.array(centred_all(table))
    between = max(0.0, mean.var(ddof=1) - sigma2 / 5)
    found = pooled_effects(evidence(table))
    assert found.inconsistency**2 == pytest.approx(between / 2 / sigma2)
    assert found.between**2 == pytest.approx(max(0.0, mean.var(ddof=1) - sigma2 / 5 - between / 2) / sigma2)


def centred_all(table: Table) -> list[float]:
    return [centred(table, j)[0] for j in range(len(table[0]))]


@examples(40, derandomize=True)
@given(st.data())
def test_capped_weights_are_the_nearest_to_the_tilt_within_reach_of_the_first(data: st.DataObject) -> None:
    k = data.draw(st.integers(2, 6))
    first = np.array(data.draw(st.lists(st.integers(1, 60), min_size=k, max_size=k)), dtype=float)
    first /= first.sum()
    effect = np.array(data.draw(st.lists(st.floats(-3, 3), min_size=k, max_size=k)))
    found = tilted_weights(first, effect)
    tilt = np.log(first) + effect / 0.4
    # Of all weights within the caps that sum to 1, the least divergence from first · exp(effect / T).
    best = minimize(
        lambda w: float((w * (np.log(w) - tilt)).sum()),
        first,
        jac=lambda w: np.log(w) - tilt + 1,
        bounds=list(zip(first / 10, np.minimum(1, first * 4), strict=True)),
        constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(k)}],
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    value = float((found * (np.log(found) - tilt)).sum())
    assert found.sum() == pytest.approx(1)
    assert (found >= first / 10 - 1e-12).all()
    assert (found <= first * 4 + 1e-12).all()
    assert value <= best.fun + 1e-5


@pytest.mark.parametrize("k", [4, 12])
@pytest.mark.parametrize("own", [0.0, 0.75])
def test_estimated_variances_are_right_on_average(own: float, k: int) -> None:
    """In units of a row's variance 1.5²: what lasts 1, what is a round's own 0 or ¼, also where clusters are few."""
    lasting, inconsistent = [], []
    for seed in range(times(200, 3000)):
        found = pooled_effects(evidence(drawn(seed, k, 4, balanced=True, spread=1.5, own=own)))
        lasting.append(found.between**2)
        inconsistent.append(found.inconsistency**2)
    # Four standard errors of 200 runs, and what cutting at 0 adds.
    assert np.mean(lasting) == pytest.approx(1.0, abs=0.2)
    assert np.mean(inconsistent) == pytest.approx((own / 1.5) ** 2, abs=0.08)
