"""BSDetector, CLEAR and the probability of being bad beside plain versions, written from METHODS.md 2."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from tamis.compute.clear.agreement import alphas_of_draws, kappas_of_draws, measure_agreement
from tamis.compute.clear.bsdetector import (
    confidence,
    observed_consistency,
    self_reflection,
    similarity_from_contradiction,
)
from tamis.compute.clear.calibrate import bad_by_score, threshold_on_sample, weighted_share
from tamis.compute.clear.clear import (
    UNDECIDED,
    Verdict,
    auto_correct,
    auto_filter,
    combine_orders,
    confusion,
    kept_precision_recall,
    threshold,
    verdict_probabilities,
)
from tamis.compute.clear.confidence import Likelihoods, combine
from tamis.compute.clear.endings import Endings
from tamis.compute.clear.expectation import expected_rating
from tamis.compute.compare.metrics import auroc, kept_half
from tests.support.scale import examples

UNIT = st.floats(0, 1)
KNOWN = st.one_of(st.integers(0, 8).map(lambda v: v / 8), st.just(math.nan))


@examples(200, derandomize=True)
@given(st.data())
def test_bsdetector_is_its_formula(data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 5))
    forward, backward = (data.draw(st.lists(UNIT, min_size=k, max_size=k)) for _ in range(2))
    equal = data.draw(st.lists(st.booleans(), min_size=k, max_size=k))
    thoughts = [data.draw(st.sampled_from([1.0, 0.0, 0.5])) for _ in range(2)]
    alpha, beta = data.draw(UNIT), data.draw(UNIT)
    o = (
        sum(
            alpha * (((1 - a) + (1 - b)) / 2) + (1 - alpha) * (1.0 if r else 0.0)
            for a, b, r in zip(forward, backward, equal, strict=True)
        )
        / k
    )
    c = beta * o + (1 - beta) * sum(thoughts) / 2
    similarity = similarity_from_contradiction(np.array([forward]), np.array([backward]))
    observed = observed_consistency(similarity, np.array([equal]), alpha)
    reflected = self_reflection(np.array([thoughts[0]]), np.array([thoughts[1]]))
    assert confidence(observed, reflected, beta)[0] == pytest.approx(c)
    assert 0 <= c <= 1 + 1e-12


@examples(200, derandomize=True)
@given(st.lists(KNOWN, min_size=1, max_size=25))
def test_auto_filter_keeps_what_is_strictly_above_the_median_and_what_is_unknown(values: list[float]) -> None:
    known = [v for v in values if not math.isnan(v)]
    found = threshold(np.array(values))
    if not known:
        assert math.isnan(found.gamma)
        return
    gamma = statistics.median(known)
    assert found.gamma == gamma
    kept = [math.isnan(v) or v > gamma for v in values]
    assert (auto_filter(np.array(values), found.gamma).action == "keep").tolist() == kept
    assert (found.n_above, found.n_tied) == (sum(v > gamma for v in known), known.count(gamma))
    if len(set(known)) == len(known):
        assert found.n_above == len(known) // 2


def correct_twin(c: float, gamma: float, verdict: Verdict, eta: float) -> str:
    """The table of 2.3, first line that fits."""
    if verdict.found == "candidate" and verdict.candidate_confidence > eta:
        return "replace"
    if verdict.found in ("identical", "not_answered"):
        return "keep"
    return "keep" if math.isnan(c) or c > gamma else "drop"


@examples(200, derandomize=True)
@given(
    st.lists(
        st.tuples(
            KNOWN, st.sampled_from(["candidate", "original", "identical", "not_answered", *UNDECIDED]), UNIT
        ),
        min_size=1,
        max_size=12,
    ),
    UNIT,
    UNIT,
)
def test_auto_correct_is_the_table(rows: list[tuple[float, str, float]], gamma: float, eta: float) -> None:
    verdicts = [Verdict(found, sure) for _, found, sure in rows]  # type: ignore[arg-type]
    values = np.array([c for c, _, _ in rows])
    expected = [correct_twin(c, gamma, v, eta) for c, v in zip(values, verdicts, strict=True)]
    assert auto_correct(values, gamma, verdicts, eta).action.tolist() == expected


@pytest.mark.parametrize("a", ["candidate", "original", "tie"])
@pytest.mark.parametrize("b", ["candidate", "original", "tie"])
def test_a_verdict_counts_when_both_orders_agree(a: str, b: str) -> None:
    both = combine_orders(Verdict(a, 0.9), Verdict(b, 0.7))  # type: ignore[arg-type]
    assert both.found == (a if a == b else "order_disagreement")
    assert both.candidate_confidence == pytest.approx(0.8)


@examples(100, derandomize=True)
@given(st.sampled_from("ABC"), st.lists(st.sampled_from(["A", "B", "C", None]), min_size=1, max_size=6), UNIT)
def test_a_sampled_verdict_is_bsdetector_with_alpha_0(
    letter: str, samples: list[str | None], sure: float
) -> None:
    found = verdict_probabilities(letter, samples, sure)
    for at, one in enumerate("ABC"):
        share = sum(sample == one for sample in samples) / len(samples)
        assert found[at] == pytest.approx(0.7 * share + 0.3 * (sure if one == letter else (1 - sure) / 2))


@examples(200, derandomize=True)
@given(st.lists(st.tuples(KNOWN, st.booleans()), min_size=2, max_size=25))
def test_auroc_and_kept_half_are_counted_over_pairs(rows: list[tuple[float, bool]]) -> None:
    score, good = np.array([s for s, _ in rows]), np.array([g for _, g in rows])
    pairs = [
        (-math.inf if math.isnan(a) else a, -math.inf if math.isnan(b) else b)
        for a, is_good in rows
        for b, other in rows
        if is_good and not other
    ]
    if pairs and not np.isnan(score).all():
        assert auroc(score, good) == pytest.approx(sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs))
    else:
        assert math.isnan(auroc(score, good))
    known = [s for s in score.tolist() if not math.isnan(s)]
    if known:
        kept = [g for s, g in rows if s > statistics.median(known)]
        precision, recall = kept_half(score, good)
        assert math.isnan(precision) if not kept else precision == pytest.approx(sum(kept) / len(kept))
        assert math.isnan(recall) if not good.any() else recall == pytest.approx(sum(kept) / good.sum())


@examples(100, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(["keep", "drop", "replace"]), st.booleans()), min_size=1, max_size=20)
)
def test_the_table_of_planted_faults_counts_every_row(rows: list[tuple[str, bool]]) -> None:
    table = confusion(np.array([a for a, _ in rows]), np.array([n for _, n in rows]))
    for kind, noisy in (("noisy", True), ("clean", False)):
        for name, action in (("kept", "keep"), ("corrected", "replace"), ("dropped", "drop")):
            assert table[kind][name] == rows.count((action, noisy))
    kept = [noisy for action, noisy in rows if action == "keep"]
    precision, recall = kept_precision_recall(table)
    clean = sum(not noisy for _, noisy in rows)
    assert math.isnan(precision) if not kept else precision == pytest.approx(kept.count(False) / len(kept))
    assert math.isnan(recall) if not clean else recall == pytest.approx(kept.count(False) / clean)


@examples(50, derandomize=True)
@given(st.lists(st.floats(0.01, 1), min_size=6, max_size=6))
def test_a_deita_rating_is_the_mean_of_the_digits(raw: list[float]) -> None:
    p = [one / sum(raw) for one in raw]
    found = expected_rating(np.array([p]), np.arange(1, 7))[0]
    assert found == pytest.approx(sum(v * q for v, q in enumerate(p, 1)))
    assert 1 <= found <= 6  # so no factor of DEITA's product can be 0 or less


@examples(60, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.floats(0.05, 1.0)), min_size=1, max_size=25))
def test_the_interval_of_a_weighted_share_is_where_the_binomial_tails_are_even(
    rows: list[tuple[bool, float]],
) -> None:
    """METHODS.md 2.7: Clopper and Pearson with the effective number of rows, from the tails of the beta law."""
    weights = np.array([1 / p for _, p in rows])
    found = weighted_share(np.array([hit for hit, _ in rows]), weights)
    value = sum(w for (hit, _), w in zip(rows, weights, strict=True) if hit) / sum(weights)
    n = sum(weights) ** 2 / sum(w * w for w in weights)
    assert found.value == pytest.approx(value)
    if 0 < value < 1:
        # From the other tail: where nearly all of the weight is one row's, the bound is 1 to the last bit.
        assert beta.cdf(found.low, value * n, n - value * n + 1) == pytest.approx(0.025)
        assert 1 - found.high == pytest.approx(beta.ppf(0.025, n - value * n, value * n + 1))
    else:
        assert (found.low, found.high)[int(value)] == value


@examples(40, derandomize=True)
@given(st.integers(0, 10_000), st.integers(20, 60))
def test_bands_of_scores_hold_every_row_once_and_their_own_share(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 40, 200) / 40
    sampled = rng.choice(200, m, replace=False)
    bad, inclusion = rng.random(m) < 0.4, rng.uniform(0.1, 1.0, m)
    found = bad_by_score(scores, sampled, bad, inclusion)
    assert found.n_rows.sum() == 200
    assert found.n_counted.sum() == m
    low = -math.inf
    for at, end in enumerate(found.end):
        mine = [
            (b, 1 / p) for b, p, row in zip(bad, inclusion, sampled, strict=True) if low < scores[row] <= end
        ]
        assert found.n_counted[at] == len(mine)
        assert found.n_rows[at] == sum(low < s <= end for s in scores)
        assert found.value[at] == pytest.approx(sum(w for b, w in mine if b) / sum(w for _, w in mine))
        low = end


@examples(60, derandomize=True)
@given(st.integers(0, 10_000), st.integers(3, 30))
def test_a_threshold_from_a_sample_is_a_ratio_of_inverse_chances(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 12, 50) / 12
    sampled = rng.choice(50, m, replace=False)
    bad, inclusion = rng.random(m) < 0.4, rng.uniform(0.1, 1.0, m)
    found = threshold_on_sample(scores, sampled, bad, inclusion, 0.5)
    below = [scores[row] <= 0.5 for row in sampled]
    weight = [1 / p for p in inclusion]

    def total(rows: list[bool]) -> float:
        return sum(w for w, taken in zip(weight, rows, strict=True) if taken)

    both = [bool(b and x) for b, x in zip(bad, below, strict=True)]
    for estimate, whole in ((found.precision, below), (found.recall, bad.tolist())):
        if any(whole):
            assert estimate.value == pytest.approx(total(both) / total(whole))
            assert estimate.low <= estimate.value <= estimate.high
        else:
            assert math.isnan(estimate.value)


def logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


@examples(150, derandomize=True)
@given(st.data())
def test_confidence_is_the_product_of_its_four_factors(data: st.DataObject) -> None:
    """METHODS.md 2.5, row by row, with what is unknown left out."""
    nats, cosine = st.floats(-300, 0), st.one_of(st.floats(-0.2, 1), st.just(math.nan))
    with_prompt, alone, end = data.draw(nats), data.draw(nats), data.draw(st.floats(-25, 0))
    stopped = data.draw(st.one_of(st.floats(-25, 0), st.just(math.nan)))
    m, near = data.draw(st.integers(1, 60)), data.draw(cosine)
    background = data.draw(st.sampled_from([math.nan, 0.03, 0.29]))
    seen = {
        name: data.draw(UNIT)
        for name in ("empty", "garbled", "repeated", "refusal", "language_mismatch", "cut")
    }
    marked, final, read = (data.draw(st.booleans()) for _ in range(3))
    if data.draw(st.booleans()):
        with_prompt = alone = end = math.nan
    no_model = math.isnan(with_prompt)

    b = 0.03 if math.isnan(background) else background
    helped = 0.0 if no_model else 1.15 * (with_prompt - alone) / math.sqrt(m)
    fits = logistic(-1.23 + helped + (0.0 if math.isnan(near) else 15.9 * (near - b)))
    fluent = 1.0 if no_model else logistic(22.5 + 4.04 * (with_prompt - 12) / (m + 4))
    if final:
        odds = 6.0
    elif no_model or (marked and not read):
        odds = 3.9
    elif marked:
        odds = 10.5 + 0.76 * end
    else:
        either = end if math.isnan(stopped) else math.log(math.exp(end) + math.exp(stopped))
        odds = 12.4 + 0.49 * end + 0.19 * either if read else 10.1 + 0.22 * end + 0.19 * either
    ends = logistic(odds - 4.0 * seen["cut"])
    weights = {"empty": 1.0, "language_mismatch": 0.9, "garbled": 0.83, "repeated": 0.3, "refusal": 0.3}
    sound = math.prod(1 - w * seen[name] for name, w in weights.items())

    found, factors = combine(
        Likelihoods(
            *(np.array([v]) for v in (with_prompt, alone)),
            np.array([m]),
            np.array([end]),
            np.array([stopped]),
        ),
        np.array([near]),
        {name: np.array([v]) for name, v in seen.items()},
        Endings(is_marked=np.array([marked]), is_final=np.array([final]), is_read=np.array([read])),
        background=background,
    )
    for name, expected in (("fits", fits), ("fluent", fluent), ("ends", ends), ("sound", sound)):
        assert factors[name][0] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    if not math.isnan(found[0]):
        assert found[0] == pytest.approx(fits * fluent * ends * sound, rel=1e-9, abs=1e-12)
    else:
        assert no_model
        assert math.isnan(near)


def _alpha_by_pairs(rows: list[list[float]]) -> float:
    """METHODS.md 2.8 by loops: every ordered pair of verdicts within a row, and of all verdicts."""
    rows = [row for row in rows if len(row) > 1]
    everything = [one for row in rows for one in row]
    observed = sum(
        (row[i] != row[j]) / (len(row) - 1)
        for row in rows
        for i in range(len(row))
        for j in range(len(row))
        if i != j
    ) / len(everything)
    n = len(everything)
    expected = sum(everything[i] != everything[j] for i in range(n) for j in range(n) if i != j) / (
        n * (n - 1)
    )
    return 1 - observed / expected


@pytest.mark.parametrize("seed", range(12))
def test_agreement_is_that_of_pairs_and_of_the_packages(seed: int) -> None:
    import krippendorff
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=40)
    verdicts = np.where(rng.random((3, 40)) < 0.7, truth, rng.integers(3, size=(3, 40))).astype(float)
    verdicts[rng.random(verdicts.shape) < 0.3] = np.nan
    found = measure_agreement(["a", "b", "c"], verdicts, rng)
    columns = [[one for one in column if not np.isnan(one)] for column in verdicts.T]
    assert found.alpha.value == pytest.approx(_alpha_by_pairs(columns))
    for (one, other), kappa in found.kappas.items():
        first, second = verdicts["abc".index(one)], verdicts["abc".index(other)]
        both = [(x, y) for x, y in zip(first, second, strict=True) if not (np.isnan(x) or np.isnan(y))]
        alike = sum(x == y for x, y in both) / len(both)
        chance = (
            sum(sum(x == k for x, _ in both) * sum(y == k for _, y in both) for k in range(3))
            / len(both) ** 2
        )
        assert kappa.value == pytest.approx((alike - chance) / (1 - chance))
    # One draw is as many rows of each kind: the same number as the package's of those rows.
    kinds, patterns = np.arange(3.0), rng.integers(3, size=(2, 6)).astype(float)
    draw = rng.integers(1, 9, size=6)
    rows = np.repeat(patterns, draw, axis=1)
    alpha = krippendorff.alpha(rows, level_of_measurement="nominal")
    assert alphas_of_draws(patterns, kinds, draw[None].astype(float))[0] == pytest.approx(alpha)
    kappa_of_rows = cohen_kappa_score(rows[0], rows[1])
    assert kappas_of_draws(patterns, kinds, draw[None].astype(float))[0] == pytest.approx(kappa_of_rows)
