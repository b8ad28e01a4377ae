"""Word-level differences: nothing is lost, equal stays equal, and long lines take no longer than they should."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.compute.text.diff import Part, changed_fraction, diff_words

texts = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(["the ", "cat ", "sat", ", ", "\n", "<b>", "日本", "e\u0301", " "]), max_size=80
    ).map("".join),
)


def joined(parts: tuple[Part, ...], *kinds: str) -> str:
    return "".join(part.text for part in parts if part.kind in kinds)


@given(texts, texts)
def test_the_parts_join_to_both_texts(old: str, new: str) -> None:
    parts = diff_words(old, new)
    assert joined(parts, "kept", "removed") == old
    assert joined(parts, "kept", "added") == new


@given(texts, texts)
def test_no_part_is_empty_and_neighbours_differ_in_kind(old: str, new: str) -> None:
    parts = diff_words(old, new)
    assert all(part.text for part in parts)
    assert all(first.kind != second.kind for first, second in pairwise(parts))


@given(texts)
def test_equal_texts_are_one_kept_part(text: str) -> None:
    assert diff_words(text, text) == ((Part("kept", text),) if text else ())


@given(st.lists(st.integers(0, 300), min_size=200, max_size=400), st.integers(0, 199))
def test_one_changed_word_is_all_that_changes(numbers: list[int], place: int) -> None:
    words = [f"w{n}" for n in numbers]
    changed = [*words[:place], "CHANGED", *words[place + 1 :]]
    parts = diff_words(" ".join(words), " ".join(changed))
    assert [part for part in parts if part.kind != "kept"] == [
        Part("removed", words[place]),
        Part("added", "CHANGED"),
    ]


def test_spaces_between_two_changed_words_change_with_them() -> None:
    assert diff_words("I like red apples.", "I like green pears.") == (
        Part("kept", "I like "),
        Part("removed", "red apples"),
        Part("added", "green pears"),
        Part("kept", "."),
    )


def test_scripts_without_spaces_differ_by_character() -> None:
    assert Part("removed", "本") in diff_words("日本語です", "日木語です")


def test_the_changed_share_is_of_both_texts() -> None:
    assert changed_fraction(diff_words("", "")) == 0
    assert changed_fraction(diff_words("abc", "xyz")) == 1
    assert changed_fraction(diff_words("one two", "one six")) == pytest.approx(6 / 14)


@pytest.mark.parametrize("vocabulary", [2, 50, 20_000])
def test_lines_of_100_000_characters_take_a_second_at_most(vocabulary: int) -> None:
    rng = np.random.default_rng(0)
    old = " ".join(f"w{n}" for n in rng.integers(0, vocabulary, 20_000))[:100_000]
    words = old.split(" ")
    for place in rng.integers(0, len(words), 500):
        words[place] = "new"
    new = " ".join(words)
    started = time.process_time()
    parts = diff_words(old, new)
    assert time.process_time() - started < 2
    assert joined(parts, "kept", "added") == new


def test_unrelated_long_texts_are_replaced_as_a_whole_and_quickly() -> None:
    started = time.process_time()
    parts = diff_words("a " * 50_000, "b, " * 33_000)
    assert time.process_time() - started < 2
    assert joined(parts, "kept", "removed") == "a " * 50_000
