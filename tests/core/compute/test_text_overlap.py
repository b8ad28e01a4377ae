"""Overlap of texts against the plain definitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.text.text_overlap import common_subsequence, exact_match, is_json, rouge_l, token_f1, words


def table_length(first, second):
    """The textbook table."""
    row = [0] * (len(second) + 1)
    for a in first:
        above = row[:]
        for j, b in enumerate(second, 1):
            row[j] = above[j - 1] + 1 if a == b else max(above[j], row[j - 1])
    return row[-1]


@given(st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), max_size=40))
def test_the_common_subsequence_is_as_long_as_the_table_says(first, second):
    assert common_subsequence(first, second) == table_length(first, second)


def test_a_common_subsequence_longer_than_a_machine_word():
    first = [i % 7 for i in range(300)]
    second = [i % 5 for i in range(257)]
    assert common_subsequence(first, second) == table_length(first, second)


def test_rouge_l_is_lins_example():
    # Lin 2004: "police killed the gunman" against two candidates with the same bigrams shared.
    reference = "police killed the gunman"
    assert rouge_l(reference, "police kill the gunman") == pytest.approx(3 / 4)
    assert rouge_l(reference, "the gunman kill police") == pytest.approx(2 / 4)


def test_token_f1_counts_repeated_words_once_each():
    assert token_f1("a a b", "a b b") == pytest.approx(2 * 2 / 6)
    assert token_f1("Paris.", "paris") == 1.0
    assert token_f1("yes", "no") == 0.0
    assert token_f1("yes", "") == 0.0


def test_exact_match_ignores_case_and_punctuation_only():
    assert exact_match("The answer: 42!", "the answer 42") == 1.0
    assert exact_match("42", "24") == 0.0
    assert exact_match("+", "-") == 0.0
    assert exact_match("", "") == 1.0


def test_scripts_without_spaces_are_compared_by_character():
    assert words("東京は") == ["東", "京", "は"]
    assert token_f1("東京都", "東京") == pytest.approx(0.8)


@given(st.text(max_size=60), st.text(max_size=60))
def test_measures_are_symmetric_and_inside_their_range(first, second):
    for measure in (exact_match, token_f1, rouge_l):
        value = measure(first, second)
        assert 0.0 <= value <= 1.0
        assert value == measure(second, first)
    assert rouge_l(first, second) <= token_f1(first, second) + 1e-12


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', True),
        ("[1, 2]", True),
        ('```json\n{"a": 1}\n```', True),
        ('{"a": 1', False),
        ("42", False),
        ("Here: {}", False),
        ("[" * 100_000, False),
    ],
)
def test_json_is_an_object_or_an_array(text, expected):
    assert is_json(text) is expected
