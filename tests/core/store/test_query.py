from __future__ import annotations

import math
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.errors import ArtifactMissing, InvalidOptions, UnknownName
from tamis.store.artifacts.view import open_view
from tamis.store.database.tags import TagState
from tamis.store.rows.query import (
    column_values,
    facet_counts,
    fetch_rows,
    matching_rows,
    sort_rows,
    summarise,
)
from tamis.store.rows.scope import ALL_ROWS, Scope, where
from tests.core.store.small_workspace import DATASET, DROP_FIELD, FIELDS, HOSTILE_TEXTS, make_rows
from tests.support import scale

ROWS = make_rows()
N = len(ROWS)
TAGS = TagState(5, {"bad": np.array([0, 3, 5, 8]), "it's; --": np.array([3, 59])})


def _texts(on: str, i: int) -> list[str]:
    both = {"prompt": [ROWS.prompts[i]], "response": [ROWS.responses[i]]}
    return both.get(on) or [ROWS.prompts[i], ROWS.responses[i]]


def _contains(on, value, i):
    forms = {value, unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)}
    return any(re.search(re.escape(f), text, re.IGNORECASE) for f in forms for text in _texts(on, i))


def _number(on: str, i: int) -> float:
    family, _, name = on.partition(":")
    if family == "score":
        return ROWS.scores[name][i]
    if family == "meta":
        return _as_number(ROWS.metas[i].get(name))
    return {
        "tokens": ROWS.tokens[i],
        "n_turns": ROWS.n_turns[i],
        "distance": ROWS.distances[i],
        "prompt_chars": len(ROWS.prompts[i]),
        "response_chars": len(ROWS.responses[i]),
        "example_id": i,
    }[on]


def _as_number(value) -> float:
    return math.nan if value in (None, "n/a") else float(value)


def _in_range(on, value, i):
    number = _number(on, i)
    low, high = value
    return not math.isnan(number) and (low is None or number >= low) and (high is None or number <= high)


def _meta_text(field: str, i: int) -> str | None:
    value = ROWS.metas[i].get(field)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def _in_polygon(corners, x: float, y: float) -> bool:
    inside = False
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def _in_region(steps, x: float, y: float) -> bool:
    inside = False
    for how, corners in steps:
        drawn = _in_polygon(list(corners), x, y)
        inside = {"add": inside or drawn, "subtract": inside and not drawn, "intersect": inside and drawn}[
            how
        ]
    return inside


ORACLE = {
    "cluster": lambda on, v, i: ROWS.clusters[i] in v,
    "source": lambda on, v, i: ROWS.sources[i] in v,
    "meta": lambda on, v, i: _meta_text(on, i) in v,
    "range": _in_range,
    "contains": _contains,
    "lacks": lambda on, v, i: not _contains(on, v, i),
    "matches": lambda on, v, i: any(re.search(v, text) for text in _texts(on, i)),
    "tagged": lambda on, v, i: any(i in TAGS.tagged(tag) for tag in v),
    "untagged": lambda on, v, i: not any(i in TAGS.tagged(tag) for tag in v),
    "selected": lambda on, v, i: (i in ROWS.selected) == v,
    "lasso": lambda on, v, i: _in_polygon(list(v), *map(float, ROWS.xy[i])),
    "region": lambda on, v, i: _in_region(v, *map(float, ROWS.xy[i])),
    "box": lambda on, v, i: all(min(r) <= float(c) <= max(r) for r, c in zip(v, ROWS.xy[i], strict=True)),
    "rows": lambda on, v, i: i in v,
}

PIECES = st.sampled_from(HOSTILE_TEXTS).flatmap(
    lambda text: st.tuples(st.integers(0, len(text)), st.integers(1, 6)).map(
        lambda t: text[t[0] : t[0] + t[1]]
    )
)
WORDS = (PIECES | st.sampled_from(["CAFÉ", "cafe\u0301", "SALT", "#1", "%", "_", "\\", "strasse"])).filter(
    bool
)
WORDS = WORDS.map(lambda word: word.swapcase()) | WORDS
TEXT_ON = st.sampled_from(["prompt", "response", "either"])
PATTERNS = st.sampled_from(
    ["^$", r"\d{2}$", "(?i)SALT", "[א-ת]", r"\p{Han}", "line.*two", "(?s)line.*two", "'", r"a\|b"]
)
PATTERNS = PATTERNS.filter(lambda p: "p{" not in p)  # Python's re has no \p; RE2's is tested apart
NUMBER_COLUMNS = st.sampled_from(
    [
        "tokens",
        "n_turns",
        "distance",
        "prompt_chars",
        "response_chars",
        "example_id",
        "score:alignment",
        "score:length",
        "meta:difficulty",
    ]
)
LIMITS = st.floats(-5, 900, allow_nan=False) | st.integers(0, 30).map(float)
RANGES = (
    st.tuples(LIMITS, LIMITS).map(sorted).map(tuple)
    | st.tuples(LIMITS, st.none())
    | st.tuples(st.none(), LIMITS)
)
COORDINATE = st.floats(-2.5, 2.5, allow_nan=False)
POINT = st.tuples(COORDINATE, COORDINATE)
META = st.sampled_from(
    [
        ("lang", "en"),
        ("lang", None),
        ("lang", "de"),
        ("checked", "true"),
        (DROP_FIELD, "x1"),
        (DROP_FIELD, "' OR 1=1"),
        ("a/b~c", "p"),
        ("", "0"),
        ("", None),
    ]
)
CONDITION = st.one_of(
    st.builds(lambda v: where("cluster", v), st.lists(st.integers(-1, 5), min_size=1, max_size=3)),
    st.builds(
        lambda v: where("source", v),
        st.lists(st.sampled_from([*set(ROWS.sources), "' OR 1=1 --"]), min_size=1),
    ),
    st.builds(lambda m: where("meta", [m[1]], m[0]), META.filter(lambda m: m[0])),
    st.builds(lambda on, v: where("range", v, on), NUMBER_COLUMNS, RANGES),
    st.builds(lambda k, on, v: where(k, v, on), st.sampled_from(["contains", "lacks"]), TEXT_ON, WORDS),
    st.builds(lambda on, v: where("matches", v, on), TEXT_ON, PATTERNS),
    st.builds(
        lambda k, v: where(k, v),
        st.sampled_from(["tagged", "untagged"]),
        st.lists(st.sampled_from(["bad", "it's; --", "never"]), min_size=1),
    ),
    st.builds(lambda v: where("selected", v), st.booleans()),
    st.builds(lambda v: where("lasso", v), st.lists(POINT, min_size=3, max_size=8)),
    st.builds(
        lambda v: where("region", v),
        st.lists(
            st.tuples(
                st.sampled_from(["add", "subtract", "intersect"]), st.lists(POINT, min_size=3, max_size=6)
            ),
            min_size=1,
            max_size=4,
        ),
    ),
    st.builds(lambda a, b: where("box", [a, b]), POINT, POINT),
    st.builds(lambda v: where("rows", v), st.lists(st.integers(0, N - 1), min_size=1, max_size=40)),
)
SCOPES = st.lists(CONDITION, max_size=3).map(lambda conditions: Scope(conditions=tuple(conditions)))


def _brute_force(scope: Scope) -> list[int]:
    return [i for i in range(N) if all(ORACLE[c.kind](c.on, c.value, i) for c in scope.conditions)]


@scale.examples(400)
@given(SCOPES)
def test_matching_rows_are_those_of_a_plain_filter(view, scope):
    found = matching_rows(view, scope, tags=TAGS)
    assert found.dtype == np.int64
    assert found.tolist() == _brute_force(scope)


def test_no_condition_means_all_rows(view):
    assert matching_rows(view, ALL_ROWS).tolist() == list(range(N))
    assert len(matching_rows(view, ALL_ROWS)) == N


def test_a_sample_is_drawn_from_what_matches_everything_else(view):
    narrowed = ALL_ROWS.and_where("sample", [7, 1]).and_where("range", [10, 49], "example_id")
    drawn = matching_rows(view, narrowed)
    assert len(drawn) == 7
    assert drawn.min() >= 10
    assert drawn.max() <= 49
    assert drawn.tolist() == matching_rows(view, narrowed).tolist() == sorted(drawn)
    other_seed = ALL_ROWS.and_where("sample", [7, 2]).and_where("range", [10, 49], "example_id")
    assert drawn.tolist() != matching_rows(view, other_seed).tolist()


def test_a_sample_larger_than_what_matches_is_all_of_it(view):
    assert len(matching_rows(view, ALL_ROWS.and_where("sample", [10_000, 1]))) == N


def test_unicode_classes_of_re2_can_be_used(view):
    found = matching_rows(view, ALL_ROWS.and_where("matches", r"\p{Han}", "response"))
    assert found.tolist() == [i for i, text in enumerate(ROWS.responses) if "世" in text]


def test_an_invalid_pattern_is_named_with_the_reason(view):
    with pytest.raises(InvalidOptions, match=r"'\(foo' is not a regular expression \(missing \)"):
        matching_rows(view, ALL_ROWS.and_where("matches", "(foo"))


def test_a_pattern_that_explodes_elsewhere_is_harmless(view):
    assert len(matching_rows(view, ALL_ROWS.and_where("matches", "(a+)+(b+)+(c*)*!!$"))) == 0


def test_unknown_columns_fields_and_artifacts_are_named(view):
    with pytest.raises(UnknownName, match="metadata field called 'langue'"):
        matching_rows(view, ALL_ROWS.and_where("meta", ["en"], "langue"))
    with pytest.raises(UnknownName, match="no column called 'prompt; DROP'"):
        matching_rows(view, ALL_ROWS.and_where("range", [0, 1], "prompt; DROP"))
    with pytest.raises(InvalidOptions, match="prompt is a text"):
        matching_rows(view, ALL_ROWS.and_where("range", [0, 1], "prompt"))
    with pytest.raises(ArtifactMissing, match="--scorer quality"):
        matching_rows(view, ALL_ROWS.and_where("range", [0, 1], "score:quality"))
    with pytest.raises(ArtifactMissing, match="no projection or embeddings 'gone'"):
        matching_rows(view, ALL_ROWS.and_where("box", [[0, 1], [0, 1]], "gone"))
    # An id of another kind is no layout either, and nobody is told to delete a folder that is fine.
    with pytest.raises(ArtifactMissing, match="remove the filter"):
        matching_rows(view, ALL_ROWS.and_where("box", [[0, 1], [0, 1]], view.selection.id))
    with pytest.raises(InvalidOptions, match="no row 60: rows go from 0 to 59"):
        matching_rows(view, ALL_ROWS.and_where("rows", [3, 60]))


def test_a_lasso_keeps_to_the_layout_it_was_drawn_on(store, view):
    polygon = [[-9, -9], [9, -9], [9, 0], [-9, 0]]
    on_pca = ALL_ROWS.and_where("lasso", polygon, view.embeddings.id)
    by_hand = np.flatnonzero(np.load(view.embeddings.file("pca.npy"))[:, 1] < 0)
    assert matching_rows(view, on_pca).tolist() == by_hand.tolist()
    assert matching_rows(view, ALL_ROWS.and_where("lasso", polygon)).tolist() != by_hand.tolist()


def test_tags_must_be_given_where_they_are_asked_for(view):
    with pytest.raises(ValueError, match="tag state"):
        matching_rows(view, ALL_ROWS.and_where("tagged", ["bad"]))


def test_rows_come_in_the_order_asked_for_repeats_included(view):
    order = np.array([50, 3, 17, 3, 0, 59])
    table = fetch_rows(
        view,
        order,
        ["example_id", "prompt", "cluster", "score:alignment", f"meta:{DROP_FIELD}", "tags"],
        tags=TAGS,
    )
    assert table["example_id"].to_pylist() == order.tolist()
    assert table["prompt"].to_pylist() == [ROWS.prompts[i] for i in order]
    assert table["cluster"].to_pylist() == [ROWS.clusters[i] for i in order]
    assert table[f"meta:{DROP_FIELD}"].to_pylist() == [ROWS.metas[i][DROP_FIELD] for i in order]
    assert table["tags"].to_pylist() == ["", "bad, it's; --", "", "bad, it's; --", "bad", "it's; --"]


@scale.examples(60)
@given(st.lists(st.integers(0, N - 1), max_size=N * 2))
def test_few_rows_and_many_rows_are_fetched_alike(view, wanted):
    table = fetch_rows(view, np.array(wanted, dtype=np.int64), ["response", "source", "tokens"])
    assert table["response"].to_pylist() == [ROWS.responses[i] for i in wanted]
    assert table["source"].to_pylist() == [ROWS.sources[i] for i in wanted]
    assert table["tokens"].to_pylist() == [ROWS.tokens[i] for i in wanted]


@pytest.mark.parametrize("row", [-1, N])
def test_a_row_that_is_not_there_is_named(view, row):
    with pytest.raises(InvalidOptions, match=f"no row {row}"):
        fetch_rows(view, np.array([0, row]), ["prompt"])


def test_hostile_texts_come_back_as_they_are(view):
    table = fetch_rows(view, np.arange(N), ["prompt", "response", "source"])
    assert table["prompt"].to_pylist() == ROWS.prompts
    assert table["response"].to_pylist() == ROWS.responses
    assert table["source"].to_pylist() == ROWS.sources


def test_column_values_align_with_the_rows(view):
    assert column_values(view, "cluster").tolist() == ROWS.clusters
    assert column_values(view, "source").tolist() == ROWS.sources
    assert column_values(view, "prompt_chars").tolist() == [len(text) for text in ROWS.prompts]
    assert column_values(view, "meta:lang").tolist() == [meta["lang"] for meta in ROWS.metas]
    assert column_values(view, "meta:checked").tolist() == [
        "true" if m["checked"] else "false" for m in ROWS.metas
    ]
    np.testing.assert_array_equal(column_values(view, "score:alignment"), ROWS.scores["alignment"])
    np.testing.assert_array_equal(
        column_values(view, "meta:difficulty"), [_as_number(m.get("difficulty")) for m in ROWS.metas]
    )
    assert np.flatnonzero(column_values(view, "selected")).tolist() == ROWS.selected
    assert np.flatnonzero(column_values(view, "tag:bad", tags=TAGS)).tolist() == [0, 3, 5, 8]
    rank = column_values(view, "rank")
    assert [int(rank[i]) for i in ROWS.selected[::-1]] == list(range(len(ROWS.selected)))
    assert np.isnan(rank).sum() == N - len(ROWS.selected)


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "difficulty"])
def test_any_field_name_reaches_its_values(view, field):
    wanted = [None if m[field] is None else str(m[field]).lower() for m in ROWS.metas]
    assert column_values(view, f"meta:{field}").tolist() == wanted


@pytest.mark.parametrize(
    "column", ["score:alignment", "meta:difficulty", "source", "meta:lang", "selected", "cluster"]
)
@pytest.mark.parametrize("descending", [False, True])
def test_sorting_puts_missing_values_last_and_breaks_ties_by_row(view, column, descending):
    rows = np.arange(5, 55)
    values = column_values(view, column).tolist()
    missing = [i for i in rows if values[i] is None or values[i] != values[i]]
    present = [i for i in rows if i not in missing]
    wanted = sorted(present, key=lambda i: values[i], reverse=descending)
    if descending:  # Python's reverse keeps ties in order, as wanted
        assert [values[i] for i in wanted] == sorted((values[i] for i in present), reverse=True)
    assert sort_rows(view, rows, column, descending).tolist() == wanted + missing


def test_facets_count_what_is_there(view):
    facets = facet_counts(view, "meta:lang")
    langs = [meta["lang"] for meta in ROWS.metas]
    assert dict(facets.counts) == {"en": langs.count("en"), "de": langs.count("de")}
    assert facets.n_missing == langs.count(None)
    some = facet_counts(view, "cluster", np.array([0, 1, 2, 3]), limit=1)
    assert sum(c for _, c in some.counts) <= 4
    assert len(some.counts) == 1
    assert some.n_distinct == len({ROWS.clusters[i] for i in range(4)})
    assert facet_counts(view, "source", np.array([], dtype=np.int64)).counts == ()


def test_facets_are_ordered_by_count_then_value(view):
    counts = facet_counts(view, "n_turns").counts
    assert list(counts) == sorted(counts, key=lambda pair: (-pair[1], pair[0]))


def test_a_summary_ignores_missing_values(view):
    known = [s for s in ROWS.scores["alignment"] if s == s]
    summary = summarise(view, "score:alignment", bins=7)
    assert (summary.n, summary.n_missing) == (len(known), N - len(known))
    assert summary.low == min(known)
    assert summary.mean == pytest.approx(np.mean(known))
    assert summary.quartiles[1] == pytest.approx(np.median(known))
    assert sum(summary.counts) == len(known)
    assert len(summary.edges) == len(summary.counts) + 1 == 8


def test_a_summary_of_nothing_is_empty(view):
    summary = summarise(view, "score:alignment", np.array([0, 7, 14]))
    assert (summary.n, summary.n_missing, summary.counts) == (0, 3, ())
    assert math.isnan(summary.mean)


def test_a_summary_of_one_value_has_a_histogram(view):
    assert sum(summarise(view, "tokens", np.array([4])).counts) == 1


def test_a_summary_of_a_text_is_refused(view):
    with pytest.raises(InvalidOptions, match="source is a category"):
        summarise(view, "source")


def test_queries_without_their_artifact_name_the_step(empty_store):
    from tests.core.store.small_workspace import _fill_examples, write

    rows = make_rows(3)
    write(empty_store, "examples", step="import", fill=lambda w: _fill_examples(w, rows, 2))
    bare = open_view(empty_store, DATASET)
    assert matching_rows(bare, ALL_ROWS.and_where("contains", "#1")).tolist() == [1]
    for column, step in [("cluster", "cluster"), ("tokens", "embed"), ("selected", "select")]:
        with pytest.raises(ArtifactMissing, match=f"tamis run {step}"):
            column_values(bare, column)
