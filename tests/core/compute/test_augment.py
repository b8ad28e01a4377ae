import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.compute.augment.budget import Ledger, Price, estimated_tokens, shared_out
from tamis.compute.augment.families import family_labels, leaks
from tamis.compute.augment.marks import last_number, marks_by_group, mix_weights, same_number, worst_quarter
from tamis.compute.augment.repeats import RepeatIndex
from tamis.compute.augment.shapes import (
    agreement,
    common_shape,
    fence_in,
    label_of,
    length_band,
    opening_phrase,
    text_shape,
)
from tamis.compute.augment.types import Budget
from tamis.compute.compare.win_rate import wilson_interval
from tamis.compute.text.near_duplicates import normalised_words, shingles
from tamis.compute.text.text_overlap import rouge_l

# -------------------------------------------------------------- lengths, shapes


def test_the_band_of_lengths_is_two_sigma_around_the_mean() -> None:
    band = length_band([10, 12, 14])
    assert band is not None
    assert (round(band.low, 2), round(band.high, 2)) == (8.73, 15.27)


def test_both_ends_of_the_band_are_inside() -> None:
    band = length_band([8, 12, 16])
    assert band is not None
    assert all(band.holds(one) for one in (band.low, band.high))
    assert not band.holds(band.high + 1)


def test_equal_lengths_let_equal_lengths_pass() -> None:
    """The labels of the released demonstration have 7, 7 and 7 characters, and nothing passes there."""
    band = length_band([7, 7, 7])
    assert band is not None
    assert (band.low, band.high) == (3.5, 14)
    assert band.holds(7)


def test_two_parents_say_nothing_about_lengths() -> None:
    assert length_band([10, 1000]) is None


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ('{"a": 1}', "json"),
        ("```json\n[1, 2]\n```", "json"),
        ("So 3 + 4 = 7.\n#### 7", "final_number"),
        ("#### 1,234.5 ", "final_number"),
        ("Which?\nA) one\nB) two\nC) three\nD) four", "options"),
        ("A. one", None),
        ("#### seven", None),
        ("plain words", None),
    ],
)
def test_shapes_are_told_apart(text: str, shape: str | None) -> None:
    assert text_shape(text) == shape


def test_parents_of_several_shapes_have_none_in_common() -> None:
    assert common_shape(['{"a": 1}', "#### 3"]) is None
    assert common_shape(["#### 1", "#### 2"]) == "final_number"


@pytest.mark.parametrize(
    "text", ["Sure! Here you go.", "Certainly, here is one:", "Here is a new request:", "As an AI I cannot."]
)
def test_opening_phrases_are_found(text: str) -> None:
    assert opening_phrase(text)


@pytest.mark.parametrize(
    "text", ["Surely it rains.", "Great Britain is an island.", "What is here?", "Okapi live in forests."]
)
def test_what_begins_alike_is_no_opening_phrase(text: str) -> None:
    assert not opening_phrase(text)


def test_fences_are_found() -> None:
    assert fence_in("a <parent_prompt 0af3b1> b") == "<parent_prompt 0af3b1>"
    assert fence_in("x < y and y > 3") == ""


@pytest.mark.parametrize(("text", "label"), [(" Yes.", "yes"), ("NO", "no"), ("yes no", None), ("", None)])
def test_labels_are_read_after_casefold_trimming_and_one_stop(text: str, label: str | None) -> None:
    assert label_of(text, ("yes", "no")) == label


def test_agreement_counts_all_that_were_asked() -> None:
    """SELF-GUIDE divides by what survived its filters: one of one is then a certainty."""
    assert agreement(["a"] * 4 + list("bcdefg"), 10) == ("a", 0.4)
    assert agreement(["a", "a"], 10) == ("a", 0.2)
    assert agreement([], 10) == ("", 0.0)
    assert agreement(["long answer", "long answer", "b", "b"], 4)[0] == "b"
    assert agreement(list("aaaabbbcde"), 10) == ("a", 0.4)


# -------------------------------------------------------------- repeats


def _brute(text: str, pool: list[str]) -> bool:
    words = normalised_words(text)
    if not words:
        return False
    own = set(shingles(text, 3).tolist())
    for other in pool:
        theirs = set(shingles(other, 3).tolist())
        if not theirs:
            continue
        if words == normalised_words(other) or len(own & theirs) / len(own | theirs) >= 0.8:
            return True
        if rouge_l(other, text) > 0.95:
            return True
    return False


_WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h"]), min_size=1, max_size=40).map(
    " ".join
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_WORDS, max_size=12), _WORDS, st.integers(0, 45), st.sampled_from("abcxyz"))
def test_the_index_finds_what_a_comparison_with_every_row_finds(
    pool: list[str], base: str, at: int, new: str
) -> None:
    """Also what differs from a row in one word, wherever it is."""
    words = base.split()
    changed = [*words[:at], new, *words[at + 1 :]]
    index: RepeatIndex[int] = RepeatIndex()
    rows = [*pool, base]
    for place, text in enumerate(rows):
        index.add(text, place)
    text = " ".join(changed)
    assert (index.find(text) is not None) == _brute(text, rows)


def test_a_repeat_names_its_row_measure_and_value() -> None:
    index: RepeatIndex[str] = RepeatIndex()
    index.add("How many apples are left, if Tom eats two of ten?", "tom")
    assert index.find("how many APPLES are left if Tom eats two of ten").key == "tom"
    found = index.find("How many apples are left, if Tom eats two of ten today?")
    assert (found.key, found.measure) == ("tom", "runs")
    assert found.value >= 0.8
    assert index.find("How many pears are there?") is None
    assert index.find("  ") is None


# -------------------------------------------------------------- families


def test_families_reach_through_generations() -> None:
    """Rows 0 and 1 are real, 2 comes from 0, 3 from 2, 4 from 1; held out is 0: training is 1 and 4."""
    families = family_labels(2, [[0], [2], [1]])
    synthetic = np.array([False, False, True, True, True])
    held_out = np.array([True, False, False, False, False])
    lost = leaks(families, synthetic, held_out)
    assert np.flatnonzero(~lost & ~held_out).tolist() == [1, 4]


def test_two_parents_make_one_family() -> None:
    assert family_labels(3, [[0, 2]]).tolist() == [0, 1, 0, 0]


def test_families_of_an_earlier_version_go_on() -> None:
    before = family_labels(2, [[0]])
    assert family_labels(3, [[2], [-1]], before).tolist() == [0, 1, 0, 0, 3]


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 6), st.lists(st.lists(st.integers(0, 30), max_size=3), max_size=12))
def test_a_row_is_of_the_family_of_each_of_its_parents(n_real: int, raw: list[list[int]]) -> None:
    parents = [[one % (n_real + i) for one in several] for i, several in enumerate(raw)]
    labels = family_labels(n_real, parents)
    assert all(
        labels[n_real + i] == labels[parent] for i, several in enumerate(parents) for parent in several
    )
    first = {int(label): int(np.flatnonzero(labels == label)[0]) for label in labels}
    assert all(label == place for label, place in first.items())


# -------------------------------------------------------------- marks and mixes


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,234.5 apples", 1234.5), ("10-5", 5), ("it is −3", -3), ("x = -3.", -3), ("none", None), (".5", 0.5)],
)
def test_the_last_number_is_read(text: str, number: float | None) -> None:
    assert last_number(text) == number


def test_a_wanted_answer_without_a_number_marks_nothing() -> None:
    assert same_number("no number", "3") is None
    assert same_number("#### 3", "none") is False
    assert same_number("#### 3", "the answer is 3.0") is True


def test_the_worst_quarter_is_wrong() -> None:
    marks = worst_quarter(np.array([1.0, 2.0, 3.0, 4.0, np.nan]))
    assert marks[:4].tolist() == [1, 1, 1, 0]
    assert np.isnan(marks[4])


def test_groups_have_accuracy_and_wilsons_interval_and_count_what_was_not_marked() -> None:
    one, two = marks_by_group(["b", "a", "a", "a"], np.array([1.0, 1.0, 0.0, np.nan]))
    assert (one.group, one.n, one.right, one.n_unmarked) == ("a", 2, 1, 1)
    assert one.low < one.accuracy < one.high
    assert (two.group, two.accuracy, two.high) == ("b", 1, 1)


def test_the_mix_of_bad_cases() -> None:
    right, n = np.array([75.0, 36.0, 0.0]), np.array([100.0, 100.0, 100.0])
    root = mix_weights(right, n, "bad_case", shrunk=False)
    assert np.round(root, 3).tolist() == [0.217, 0.348, 0.435]
    linear = mix_weights(right, n, "bad_case_linear", shrunk=False)
    assert np.round(linear, 3).tolist() == [0.132, 0.339, 0.529]
    assert mix_weights(np.array([5.0, 1.0]), np.array([5.0, 2.0]), "bad_case")[0] == 0
    assert mix_weights(np.array([5.0]), np.array([5.0]), "even").tolist() == [0]


# -------------------------------------------------------------- budget


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_what_is_shared_out_adds_up(total: int, weights: list[int]) -> None:
    parts = shared_out(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0


def test_a_question_reserves_its_largest_bill() -> None:
    """A cap of 1,000 tokens, questions of 80 whose answers may have 120: five fit."""
    ledger = Ledger(Budget(rows=100, tokens=1000), Price())
    sent = 0
    while not ledger.reserve(80, 120, 1):
        sent += 1
    assert sent == 5


def test_what_was_spent_takes_the_place_of_what_was_reserved() -> None:
    ledger = Ledger(Budget(rows=100, tokens=400), Price())
    assert not ledger.reserve(80, 120, 1)
    assert not ledger.reserve(80, 120, 1)
    assert ledger.reserve(80, 120, 1) == "tokens"
    ledger.settle(calls=2, prompt_tokens=160, completion_tokens=20, estimated=160)
    assert not ledger.reserve(80, 120, 1)
    assert ledger.tokens == 180


def test_prompts_longer_than_estimated_make_later_estimates_longer() -> None:
    ledger = Ledger(Budget(rows=100, tokens=1000), Price())
    ledger.reserve(100, 10, 1)
    ledger.settle(calls=1, prompt_tokens=200, completion_tokens=10, estimated=100)
    ledger.reserve(100, 10, 1)
    assert ledger.reserved_prompt == 200


def test_a_cost_is_reserved_by_its_prices() -> None:
    ledger = Ledger(Budget(rows=9, cost=0.001), Price(1.0, 10.0))
    assert not ledger.reserve(100, 50, 1)
    assert ledger.reserve(500, 50, 1) == "cost"
    assert estimated_tokens("abcd") == 2


def test_marks_of_answers_to_one_prompt_count_once():
    """Ten prompts with six rows each, answered alike: the interval is that of ten answers."""
    marks = np.repeat([1.0, 1, 1, 1, 1, 1, 1, 0, 0, 0], 6)
    (one,) = marks_by_group(["x"] * 60, marks, np.repeat(np.arange(10), 6))
    assert (one.n, one.accuracy, one.n_counted) == (60, 0.7, 10)
    assert (one.low, one.high) == pytest.approx(wilson_interval(7, 10))
    (alone,) = marks_by_group(["x"] * 60, marks)
    assert (alone.low, alone.high) == pytest.approx(wilson_interval(42, 60))
    (none,) = marks_by_group(["x"], np.array([np.nan]), np.array([0]))
    assert none.n == 0 and np.isnan(none.low)
