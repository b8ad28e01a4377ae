"""The unit tests of METHODS.md 2.1."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.compute.clear.bsdetector import (
    confidence,
    normalised_answer,
    observed_consistency,
    parse_sample,
    self_reflection,
    similarity_from_contradiction,
)


def certainty(contradiction: float, equal: bool, first: float, second: float) -> float:
    p = np.full((1, 5), contradiction)
    observed = observed_consistency(similarity_from_contradiction(p, p), np.full((1, 5), equal))
    return float(confidence(observed, self_reflection(np.array([first]), np.array([second])))[0])


def test_agreement_in_everything_is_certain():
    assert certainty(0.0, True, 1.0, 1.0) == pytest.approx(1.0)


def test_contradiction_in_everything_is_certainly_wrong():
    assert certainty(1.0, False, 0.0, 0.0) == pytest.approx(0.0)


def test_like_but_not_equal_answers_with_unsure_reflections():
    assert certainty(0.0, False, 0.5, 0.5) == pytest.approx(0.7 * 0.8 + 0.3 * 0.5)


def test_swapping_the_two_answers_changes_no_similarity():
    a, b = np.array([[0.1, 0.9]]), np.array([[0.4, 0.2]])
    np.testing.assert_allclose(similarity_from_contradiction(a, b), similarity_from_contradiction(b, a))


def test_answers_are_compared_without_case_and_outer_signs():
    assert normalised_answer(' "Forty-two." ') == normalised_answer("forty-two")
    assert normalised_answer("42") != normalised_answer("43")


def test_the_answer_of_a_sample_is_what_stands_after_its_mark():
    assert parse_sample("explanation: because\nanswer: 42") == "42"
    assert parse_sample("Answer: 42\nExplanation: because") == "42"
    assert parse_sample("just 42") == "just 42"
