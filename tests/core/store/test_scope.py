from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tamis.errors import InvalidOptions
from tamis.registry import parse_options
from tamis.store.rows.conditions import CONDITIONS
from tamis.store.rows.scope import ALL_ROWS, Condition, Scope, describe_scope, where
from tests.support import scale

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)
NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
INTS = st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=8)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)
RANGES = (
    st.tuples(NUMBERS, NUMBERS).map(sorted).map(tuple)
    | st.tuples(NUMBERS, st.none())
    | st.tuples(st.none(), NUMBERS)
)
POINTS = st.tuples(NUMBERS, NUMBERS)
IDS = st.sampled_from(["", "0123456789abcdef"])
TEXT_ON = st.sampled_from(["", "prompt", "response", "either"])
STRATEGIES = {
    "cluster": (IDS, st.lists(st.integers(-1, 5000), min_size=1, max_size=8)),
    "source": (
        st.just(""),
        st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1, max_size=4),
    ),
    "meta": (NAMES, st.lists(TEXTS | st.none(), min_size=1, max_size=4)),
    "any_of": (NAMES, st.lists(TEXTS, min_size=1, max_size=4)),
    "all_of": (NAMES, st.lists(TEXTS, min_size=1, max_size=4)),
    "none_of": (NAMES, st.lists(TEXTS, min_size=1, max_size=4)),
    "range": (NAMES, RANGES),
    "contains": (TEXT_ON, TEXTS),
    "lacks": (TEXT_ON, TEXTS),
    "matches": (TEXT_ON, TEXTS),
    "tagged": (st.just(""), st.lists(NAMES, min_size=1, max_size=3)),
    "untagged": (st.just(""), st.lists(NAMES, min_size=1, max_size=3)),
    "selected": (IDS, st.booleans()),
    "lasso": (IDS, st.lists(POINTS, min_size=3, max_size=30)),
    "region": (
        IDS,
        st.lists(
            st.tuples(
                st.sampled_from(["add", "subtract", "intersect"]), st.lists(POINTS, min_size=3, max_size=9)
            ),
            min_size=1,
            max_size=5,
        ),
    ),
    "box": (IDS, st.tuples(POINTS, POINTS)),
    "rows": (st.just(""), INTS),
    "sample": (st.just(""), st.tuples(st.integers(1, 10**6), st.integers(0, 2**31))),
}


def _conditions(kind: str):
    on, value = STRATEGIES[kind]
    return st.builds(lambda on, value: where(kind, value, on), on, value)


SCOPES = st.lists(st.sampled_from(sorted(STRATEGIES)).flatmap(_conditions), max_size=6).map(
    lambda conditions: Scope(conditions=tuple(conditions))
)


def test_every_kind_of_condition_has_a_strategy_here():
    assert set(STRATEGIES) == set(CONDITIONS)


def test_every_kind_either_finds_or_draws():
    assert all((kind.find is None) != (kind.draw is None) for kind in CONDITIONS.values())


@scale.examples(300)
@given(SCOPES)
def test_url_round_trip_gives_the_same_scope(scope):
    coded = scope.to_url()
    assert coded == "" or coded.replace("-", "").replace("_", "").isalnum()
    assert coded.isascii()
    again = Scope.from_url(coded)
    assert again == scope
    assert hash(again) == hash(scope)
    assert again.to_url() == coded


@scale.examples(100)
@given(SCOPES)
def test_json_round_trip_gives_the_same_scope(scope):
    assert parse_options(Scope, json.loads(scope.model_dump_json())) == scope


@scale.examples(300)
@given(st.text(max_size=60))
def test_any_text_as_url_is_a_scope_or_an_invalid_options(coded):
    try:
        Scope.from_url(coded)
    except InvalidOptions as error:
        assert "link" in str(error) or "filter" in str(error).lower()


@scale.examples(150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda c: st.lists(c, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_as_value_is_a_condition_or_an_invalid_options(value):
    for kind in CONDITIONS:
        on = "x" if CONDITIONS[kind].on in ("number", "field") else ""
        try:
            condition = where(kind, value, on)
        except InvalidOptions:
            continue
        assert hash(condition) == hash(where(kind, value, on))


@scale.examples(200)
@given(SCOPES)
def test_every_scope_has_a_sentence(scope):
    sentence = describe_scope(scope, {3: "Cooking"})
    assert sentence
    assert (sentence == "all rows") == (scope == ALL_ROWS)


def test_sentences_read_as_english():
    scope = (
        ALL_ROWS.and_where("sample", [100, 3])
        .and_where("cluster", [7, 3, 3])
        .and_where("contains", "salt", "response")
        .and_where("range", [0.25, None], "score:alignment")
        .and_where("meta", ["en", None], "lang")
        .and_where("tagged", ["bad", "odd"])
        .and_where("selected", False)
    )
    assert describe_scope(scope, {3: "Cooking"}) == (
        'cluster is 3 (Cooking) or 7 and response contains "salt" and alignment is at least 0.25 '
        'and lang is missing or "en" and tagged "bad" or "odd" and not selected '
        "and a random sample of 100 (seed 3)"
    )


def test_long_lists_are_shortened_in_the_sentence():
    assert (
        describe_scope(ALL_ROWS.and_where("rows", list(range(12))))
        == "row is 0 or 1 or 2 or 3 or 4 or 7 more"
    )


@pytest.mark.parametrize(
    ("kind", "value", "on", "said"),
    [
        ("colour", 1, "", "no filter called 'colour'"),
        ("cluster", [], "", "'cluster is' cannot use"),
        ("cluster", ["x"], "", "'x'"),
        ("range", [3, 1], "tokens", "3 is above the highest value 1"),
        ("range", [None, None], "tokens", "a lowest value, a highest value"),
        ("range", [float("nan"), 1], "tokens", "finite"),
        ("range", [1, 2], "", "needs the name of a number column"),
        ("contains", "", "prompt", "at least 1 character"),
        ("contains", "x", "title", "no text column called 'title'"),
        ("contains", "\ud800", "prompt", "'contains'"),
        ("lasso", [[0, 0], [1, 1]], "", "at least 3 items"),
        ("lasso", [[0, 0], [1, 1], [float("inf"), 0]], "", "finite"),
        ("region", [["turn", [[0, 0], [1, 1], [1, 0]]]], "", "'add', 'subtract' or 'intersect'"),
        ("rows", [-1], "", "-1"),
        ("sample", [0, 1], "", "0"),
        ("source", ["a"], "b", "leave out 'b'"),
    ],
)
def test_a_bad_value_is_named(kind, value, on, said):
    with pytest.raises(InvalidOptions) as caught:
        where(kind, value, on)
    assert said in str(caught.value)


def test_unknown_keys_are_refused():
    with pytest.raises(InvalidOptions, match="colour is not an option here"):
        parse_options(Scope, {"colour": 1})
    with pytest.raises(InvalidOptions, match="colour is not an option here"):
        parse_options(Condition, {"kind": "contains", "value": "x", "colour": 1})
    with pytest.raises(ValidationError):
        Scope(conditions=(), colour=1)


def test_equal_filters_are_equal_whatever_their_order_and_repeats():
    assert where("cluster", [3, 1, 3]) == where("cluster", (1, 3))
    assert where("contains", "x") == where("contains", "x", "either")


def test_a_short_link_cannot_unpack_to_gigabytes():
    from base64 import urlsafe_b64encode

    bomb = "z" + urlsafe_b64encode(zlib.compress(b"[" + b" " * 30_000_000 + b"]")).decode().rstrip("=")
    with pytest.raises(InvalidOptions, match="cannot be read"):
        Scope.from_url(bomb)


def test_a_scope_too_long_for_a_link_says_what_to_do():
    scope = ALL_ROWS.and_where("rows", [i * i * 7919 % 10_000_019 for i in range(40_000)])
    with pytest.raises(InvalidOptions, match="tag the rows"):
        scope.to_url()


def test_a_lasso_of_two_hundred_corners_fits_a_link_easily():
    from math import cos, sin

    scope = ALL_ROWS.and_where(
        "lasso", [[8.123456789 * cos(i / 32), 7.987654321 * sin(i / 32)] for i in range(200)]
    )
    assert len(scope.to_url()) < 4_000


def test_without_drops_only_what_was_named():
    scope = ALL_ROWS.and_where("range", [1, 2], "tokens").and_where("range", [1, 2], "n_turns")
    assert scope.without("range", "tokens") == ALL_ROWS.and_where("range", [1, 2], "n_turns")
    assert scope.without("range") == ALL_ROWS
