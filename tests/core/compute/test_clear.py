"""CLEAR's decisions, each worked out by hand or held against the rule it must obey (METHODS.md 2.3 and 2.4)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.clear.clear import (
    Verdict,
    auto_correct,
    auto_filter,
    combine_orders,
    confusion,
    gold_fraction,
    kept_precision_recall,
    likeliest_letter,
    oracle_control,
    ordered_verdict,
    parse_verdict,
    random_control,
    same_answer,
    threshold,
    verdict_probabilities,
)
from tests.support import scale

FINDINGS = (
    "candidate", "original", "tie", "order_disagreement", "unparseable", "not_answered", "identical", "no_candidate",
    "candidate_cut",
)  # fmt: skip
confidences = st.lists(st.one_of(st.floats(0, 1, width=32), st.just(math.nan)), max_size=40)
verdicts = st.builds(Verdict, st.sampled_from(FINDINGS), st.one_of(st.floats(0, 1), st.just(math.nan)))


# ---- threshold and filter


@scale.examples(100)
@given(st.lists(st.integers(-500, 500), min_size=1, max_size=40, unique=True))
def test_the_median_keeps_half_of_the_rows_rounded_down(values):
    found = threshold(np.array(values, dtype=np.float32))
    kept = auto_filter(np.array(values, dtype=np.float32), found.gamma).action == "keep"
    assert kept.sum() == found.n_above == len(values) // 2


def test_rows_at_the_threshold_do_not_pass_and_are_counted():
    found = threshold(np.array([0.2, 0.5, 0.5, 0.5, 0.9]))
    assert (found.gamma, found.n_above, found.n_tied, found.n_known) == (0.5, 1, 3, 5)
    assert auto_filter(np.array([0.2, 0.5, 0.9]), 0.5).action.tolist() == ["drop", "drop", "keep"]


def test_when_all_rows_tie_at_the_median_none_passes():
    found = threshold(np.full(6, 0.4))
    assert (found.n_above, found.n_tied) == (0, 6)


def test_a_threshold_can_be_a_quantile_or_a_number():
    values = np.linspace(0, 1, 11)
    assert threshold(values, gamma_fraction=0.2).gamma == pytest.approx(0.2)
    assert threshold(values, gamma_fraction=0.2).n_above == 8
    assert threshold(values, gamma=0.75, gamma_fraction=0.2).n_above == 3


def test_without_any_confidence_nothing_is_dropped_and_every_row_says_so():
    values = np.full(4, np.nan)
    found = threshold(values)
    assert math.isnan(found.gamma)
    assert (found.n_above, found.n_tied, found.n_known) == (0, 0, 0)
    done = auto_filter(values, found.gamma)
    assert set(done.action) == {"keep"}
    assert set(done.outcome) == {"not_scored"}


def test_a_row_without_a_confidence_is_not_part_of_the_median():
    found = threshold(np.array([0.1, 0.3, math.nan, math.nan]))
    assert found.gamma == pytest.approx(0.2)
    assert auto_filter(np.array([0.1, 0.3, math.nan]), found.gamma).outcome.tolist() == [
        "below_threshold",
        "passed",
        "not_scored",
    ]


def test_no_rows_at_all_are_no_failure():
    found = threshold(np.array([]))
    assert len(auto_filter(np.array([]), found.gamma).action) == 0


# ---- correct

PASSED, FAILED = 0.9, 0.1


@pytest.mark.parametrize(
    ("verdict", "passed", "failed", "outcome"),
    [
        (Verdict("candidate", 0.81), "replace", "replace", "corrected"),
        (Verdict("candidate", 0.8), "keep", "drop", None),
        (Verdict("original", 0.1), "keep", "drop", None),
        (Verdict("original", 0.9), "keep", "drop", None),
        (Verdict("tie", 0.9), "keep", "drop", "tie"),
        (Verdict("order_disagreement", 0.95), "keep", "drop", "order_disagreement"),
        (Verdict("unparseable"), "keep", "drop", "unparseable"),
        (Verdict("no_candidate"), "keep", "drop", "no_candidate"),
        (Verdict("candidate_cut"), "keep", "drop", "candidate_cut"),
        (Verdict("identical"), "keep", "keep", "identical"),
        (Verdict("not_answered"), "keep", "keep", "not_answered"),
    ],
)
def test_every_finding_has_its_action_and_outcome(verdict, passed, failed, outcome):
    done = auto_correct(np.array([PASSED, FAILED]), 0.5, [verdict, verdict], 0.8)
    assert done.action.tolist() == [passed, failed]
    assert done.outcome.tolist() == ([outcome] * 2 if outcome else ["passed", "below_threshold"])


def test_a_row_that_was_not_scored_is_kept_unless_it_is_corrected():
    values = np.array([math.nan, math.nan, math.nan])
    asked = [Verdict("candidate", 0.9), Verdict("tie", 0.5), Verdict("original", 0.2)]
    done = auto_correct(values, math.nan, asked, 0.8)
    assert done.action.tolist() == ["replace", "keep", "keep"]
    assert done.outcome.tolist() == ["corrected", "tie", "not_scored"]


@scale.examples(100)
@given(st.lists(verdicts, max_size=30))
def test_the_number_replaced_never_grows_with_eta(asked):
    values = np.linspace(0, 1, len(asked))
    counts = [
        int((auto_correct(values, 0.5, asked, eta).action == "replace").sum())
        for eta in (0.5, 0.6, 0.7, 0.8, 0.9)
    ]
    assert counts == sorted(counts, reverse=True)


@scale.examples(100)
@given(confidences, st.data())
def test_only_a_row_with_a_better_candidate_is_replaced_and_every_row_has_an_outcome(values, data):
    asked = data.draw(st.lists(verdicts, min_size=len(values), max_size=len(values)))
    confidence = np.array(values, dtype=np.float32)
    gamma = threshold(confidence).gamma
    done = auto_correct(confidence, gamma, asked, 0.8)
    for action, outcome, verdict, value in zip(done.action, done.outcome, asked, values, strict=True):
        assert (action == "replace") == (verdict.found == "candidate" and verdict.candidate_confidence > 0.8)
        assert (outcome == "corrected") == (action == "replace")
        if action == "drop":
            assert not value > gamma


# ---- verdicts


def test_orders_that_agree_have_their_mean_confidence():
    both = combine_orders(Verdict("candidate", 0.9), Verdict("candidate", 0.7))
    assert (both.found, both.candidate_confidence) == ("candidate", pytest.approx(0.8))


def test_orders_that_disagree_are_no_verdict_however_sure_each_is():
    for first, second in (("candidate", "original"), ("candidate", "tie"), ("tie", "original")):
        found = combine_orders(Verdict(first, 0.99), Verdict(second, 0.99)).found
        assert found == "order_disagreement"
    assert combine_orders(Verdict("tie", 0.3), Verdict("tie", 0.3)).found == "tie"


def test_a_verdict_missing_in_one_order_is_missing():
    assert combine_orders(Verdict("candidate", 0.9), Verdict("unparseable")).found == "unparseable"
    assert combine_orders(Verdict("not_answered"), Verdict("unparseable")).found == "not_answered"


@scale.examples(100)
@given(st.floats(0, 1), st.floats(0, 1))
def test_the_orders_can_be_given_either_way_round(a, b):
    first, second = Verdict("candidate", a), Verdict("original", b)
    assert combine_orders(first, second) == combine_orders(second, first)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("Both are fine. [[C]]", "C"),
        ("The text says [[A]], which is its own. My verdict: [[B]]", "B"),
        ("[[ a ]]", "A"),
        ("Verdict: B", "B"),
        ("I prefer B over A.", "B"),
        ("The better one is B", "B"),
        ("The worst answer is: B", "A"),
        ("Loser: A", "B"),
        ("[[A]] has an error. The worse one is A. [[B]]", "B"),
        ("A", "A"),
        ("Problem: A is off topic.", None),
        ("Both are fine.", None),
        ("[[D]]", None),
        ("", None),
    ],
)
def test_the_last_marked_letter_is_a_verdict_and_without_one_what_is_said(text, letter):
    assert parse_verdict(text) == letter


def test_a_shared_largest_probability_is_a_tie():
    assert likeliest_letter(np.array([0.4, 0.4, 0.2])) == "C"
    assert likeliest_letter(np.array([0.2, 0.5, 0.3])) == "B"


def test_a_letter_means_the_answer_that_stood_there():
    chances = np.array([0.7, 0.2, 0.1])
    assert ordered_verdict("A", chances, candidate_first=True) == Verdict("candidate", 0.7)
    assert ordered_verdict("A", chances, candidate_first=False) == Verdict("original", 0.2)
    assert ordered_verdict("C", chances, candidate_first=False).found == "tie"


def test_the_confidence_of_a_sampled_verdict_is_bsdetectors():
    sure = verdict_probabilities("A", ["A"] * 5, reflected=1.0)
    np.testing.assert_allclose(sure, [1, 0, 0])
    mixed = verdict_probabilities("A", ["A", "A", "B", None, "C"], reflected=0.5)
    np.testing.assert_allclose(mixed, [0.7 * 0.4 + 0.15, 0.7 * 0.2 + 0.075, 0.7 * 0.2 + 0.075])


def test_answers_differ_by_more_than_case_and_signs():
    assert same_answer(" Paris. ", "paris")
    assert not same_answer("Paris", "Paris, France")


# ---- controls and tables


def test_the_random_control_keeps_exactly_as_many_and_others_with_another_seed():
    first = random_control(50, 25, np.random.default_rng(1))
    assert (first.action == "keep").sum() == 25
    assert (first.action != random_control(50, 25, np.random.default_rng(2)).action).any()
    assert (first.action == random_control(50, 25, np.random.default_rng(1)).action).all()


def test_the_oracle_drops_exactly_the_bad_rows():
    done = oracle_control(np.array([2, 4, 6]), np.array([4, 5]))
    assert done.action.tolist() == ["keep", "drop", "keep"]
    table = confusion(done.action, np.array([False, True, False]))
    assert kept_precision_recall(table) == (1.0, 1.0)


def test_the_table_counts_every_row_once():
    action = np.array(["keep", "replace", "drop", "keep", "drop", "replace"])
    noisy = np.array([True, True, True, False, False, False])
    assert confusion(action, noisy) == {
        "noisy": {"kept": 1, "corrected": 1, "dropped": 1},
        "clean": {"kept": 1, "corrected": 1, "dropped": 1},
    }
    precision, recall = kept_precision_recall(confusion(action, noisy))
    assert (precision, recall) == (0.5, pytest.approx(1 / 3))
    assert gold_fraction(action, [None, "Salt.", None, None, None, "x"], ["", "salt", "", "", "", "y"]) == 0.5


def test_tables_of_nothing_are_unknown_and_no_failure():
    empty = confusion(np.array(["drop"]), np.array([True]))
    assert all(math.isnan(value) for value in kept_precision_recall(empty))
    assert math.isnan(gold_fraction(np.array(["keep"]), ["x"], ["x"]))
