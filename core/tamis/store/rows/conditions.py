"""CONDITIONS: the one table of row filters; each row checks its value, finds its rows and says itself in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import AfterValidator, Field, TypeAdapter

from tamis.errors import InvalidOptions, no_such_row
from tamis.store.artifacts.readers import read_cluster_ids, read_selected_ids
from tamis.store.artifacts.view import DatasetView
from tamis.store.database.tags import TagState
from tamis.store.rows.columns import ENTRIES, check_field, find_column, json_pointer
from tamis.store.rows.drawn import BOX, POLYGON, STEPS, in_box, in_lasso, in_region
from tamis.store.rows.engine import Clause, check_pattern
from tamis.types import JSON, Bools, Int64s

MAX_VALUES = 100_000
TEXT_COLUMNS = {"prompt": ("prompt",), "response": ("response",), "either": ("prompt", "response")}

# What the word ``on`` of a condition names: nothing, a text, a column with a range, a metadata field, or the id of
# the artifact that numbers or coordinates refer to (empty: the one in view).
On: TypeAlias = Literal["nothing", "text", "number", "field", "artifact"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a condition is asked about: the view, and the tags if anybody needs them."""

    view: DatasetView
    tags: TagState | None

    def mask(self, rows: Int64s) -> Bools:
        """Shape (n,): whether each row is among these ids; ids beyond the dataset are ignored."""
        mask = np.zeros(self.view.n_rows, dtype=bool)
        mask[rows[rows < len(mask)]] = True
        return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionKind:
    """One kind of filter.

    ``value`` is the type of what it compares with. ``find`` answers with SQL over the examples or with a mask;
    ``draw`` instead picks among the rows that meet all other conditions. ``say`` is the human sentence.
    """

    key: str
    label: str
    on: On
    value: TypeAdapter[JSON]
    say: Callable[[str, JSON, Mapping[int, str]], str]
    find: Callable[[Question, str, JSON], Clause | Bools] | None = None
    draw: Callable[[Int64s, JSON], Int64s] | None = None


def _sorted_set(values: tuple[JSON, ...]) -> tuple[JSON, ...]:
    return tuple(sorted(set(values), key=lambda value: (value is not None, value)))


def _ordered(limits: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    low, high = limits
    if low is None and high is None:
        raise ValueError("give a lowest value, a highest value, or both")
    if low is not None and high is not None and low > high:
        raise ValueError(f"the lowest value {low:g} is above the highest value {high:g}")
    return limits


Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=10_000)]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
_MANY = Field(min_length=1, max_length=MAX_VALUES)
INTS: TypeAdapter[JSON] = TypeAdapter(
    Annotated[tuple[Annotated[int, Field(ge=-1, lt=2**53)], ...], _MANY, AfterValidator(_sorted_set)]
)
ROWS: TypeAdapter[JSON] = TypeAdapter(
    Annotated[tuple[Annotated[int, Field(ge=0, lt=2**53)], ...], _MANY, AfterValidator(_sorted_set)]
)
WORDS: TypeAdapter[JSON] = TypeAdapter(Annotated[tuple[str, ...], _MANY, AfterValidator(_sorted_set)])
MAYBE_WORDS: TypeAdapter[JSON] = TypeAdapter(
    Annotated[tuple[str | None, ...], _MANY, AfterValidator(_sorted_set)]
)
RANGE: TypeAdapter[JSON] = TypeAdapter(
    Annotated[tuple[Number | None, Number | None], AfterValidator(_ordered)]
)
TEXT: TypeAdapter[JSON] = TypeAdapter(Text)
FLAG: TypeAdapter[JSON] = TypeAdapter(bool)
SAMPLE: TypeAdapter[JSON] = TypeAdapter(
    tuple[Annotated[int, Field(ge=1, lt=2**53)], Annotated[int, Field(ge=0, lt=2**53)]]
)


def _find_cluster(question: Question, on: str, value: JSON) -> Bools:
    view = question.view
    clustering = view.artifact(on, "clustering") if on else view.require("clustering")
    return np.isin(read_cluster_ids(clustering), np.asarray(value))


def _find_source(question: Question, on: str, value: JSON) -> Clause:
    return Clause("source IN (SELECT unnest(?::VARCHAR[]))", (list(value),))


def _find_field(question: Question, on: str, value: JSON) -> Clause:
    if check_field(question.view, on) == "list":
        raise InvalidOptions(f"{on} is a list in every row: filter by any_of, all_of or none_of its entries.")
    text, pointer = "json_extract_string(meta, ?)", json_pointer(on)
    named = Clause(f"{text} IN (SELECT unnest(?::VARCHAR[]))", (pointer, [v for v in value if v is not None]))
    if None not in value:
        return named
    return Clause(f"{named.sql} OR {text} IS NULL", (*named.values, pointer))


def _find_entries(function: str) -> Callable[[Question, str, JSON], Clause]:
    def find(question: Question, on: str, value: JSON) -> Clause:
        if check_field(question.view, on) != "list":
            raise InvalidOptions(f"{on} has one value a row, so it has no entries: filter by meta.")
        return Clause(
            f"coalesce({function}({ENTRIES}, ?::VARCHAR[]), false)", (json_pointer(on), list(value))
        )

    return find


def _find_none(question: Question, on: str, value: JSON) -> Clause:
    some = _find_entries("list_has_any")(question, on, value)
    return Clause(f"NOT {some.sql}", some.values)


def _find_range(question: Question, on: str, value: JSON) -> Clause | Bools:
    column = find_column(question.view, on)
    if column.kind != "number":
        raise InvalidOptions(f"{column.label} is a {column.kind}, so it has no range; filter by its values.")
    low, high = value
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    if column.read is not None:
        numbers = column.read(question.view, question.tags).to_numpy(zero_copy_only=False)
        within: Bools = (numbers >= low) & (numbers <= high)
        return within
    assert column.sql is not None
    # DuckDB orders NaN above every number; here it is a missing value, like null.
    number = f"nullif(({column.sql.sql})::DOUBLE, 'nan'::DOUBLE)"
    return Clause(f"{number} BETWEEN ?::DOUBLE AND ?::DOUBLE", (*column.sql.values, float(low), float(high)))


def words_pattern(words: str) -> str:
    """What finds these words literally, as a regular expression of RE2; the case is folded by who asks."""
    # The same word may be stored composed or decomposed (é as one code point or two), so both are looked for.
    forms = {words, unicodedata.normalize("NFC", words), unicodedata.normalize("NFD", words)}
    return "|".join(re.escape(form) for form in sorted(forms))


def _find_contains(question: Question, on: str, value: JSON) -> Clause:
    # RE2 with folded case is twice as fast as lower() and compares letters by Unicode's simple case folding.
    return _any_text("regexp_matches({column}, ?, 'i')", on, words_pattern(str(value)))


def _find_lacks(question: Question, on: str, value: JSON) -> Clause:
    contains = _find_contains(question, on, value)
    return Clause(f"NOT ({contains.sql})", contains.values)


def _find_pattern(question: Question, on: str, value: JSON) -> Clause:
    check_pattern(value)
    return _any_text("regexp_matches({column}, ?)", on, value)


def _any_text(template: str, on: str, value: str) -> Clause:
    columns = TEXT_COLUMNS[on]
    return Clause(" OR ".join(template.format(column=c) for c in columns), (value,) * len(columns))


def _find_tagged(question: Question, on: str, value: JSON) -> Bools:
    if question.tags is None:
        raise ValueError("a filter by tag needs the tag state: pass tags=tag_state(database, dataset_id)")
    return question.mask(np.concatenate([question.tags.tagged(tag) for tag in value]))


def _find_untagged(question: Question, on: str, value: JSON) -> Bools:
    return ~_find_tagged(question, on, value)


def _find_selected(question: Question, on: str, value: JSON) -> Bools:
    view = question.view
    selection = view.artifact(on, "selection") if on else view.require("selection")
    inside = question.mask(read_selected_ids(selection))
    return inside if value else ~inside


def _find_rows(question: Question, on: str, value: JSON) -> Bools:
    n_rows = question.view.n_rows
    if value[-1] >= n_rows:
        raise no_such_row(value[-1], n_rows)
    return question.mask(np.asarray(value, dtype=np.int64))


def _draw_sample(rows: Int64s, value: JSON) -> Int64s:
    size, seed = value
    if size >= len(rows):
        return rows
    picked: Int64s = np.sort(np.random.default_rng(seed).choice(rows, size=size, replace=False))
    return picked


def _either(
    values: tuple[JSON, ...], name: Callable[[JSON], str] = repr, most: int = 5, joint: str = " or "
) -> str:
    shown = [name(value) for value in values[:most]]
    more = len(values) - len(shown)
    return joint.join([*shown, f"{more} more"] if more else shown)


def _say_cluster(on: str, value: JSON, clusters: Mapping[int, str]) -> str:
    return "cluster is " + _either(value, lambda c: f"{c} ({clusters[c]})" if clusters.get(c) else str(c))


def _say_field(on: str, value: JSON, clusters: Mapping[int, str]) -> str:
    return f"{on} is " + _either(value, lambda text: "missing" if text is None else quote(text))


def _say_entries(words: str) -> Callable[[str, JSON, Mapping[int, str]], str]:
    return lambda on, value, _: f"{on} has {words} " + _either(value, quote, joint=", ")


def _say_range(on: str, value: JSON, clusters: Mapping[int, str]) -> str:
    name = on.partition(":")[2] or on.replace("_", " ")
    low, high = value
    if high is None:
        return f"{name} is at least {low:g}"
    return f"{name} is at most {high:g}" if low is None else f"{name} is between {low:g} and {high:g}"


def _say_text(words: str) -> Callable[[str, JSON, Mapping[int, str]], str]:
    return lambda on, value, _: f"{'prompt or response' if on == 'either' else on} {words} {quote(value)}"


def quote(text: str) -> str:
    """A text in double quotes for a sentence, shortened after 60 characters."""
    return f'"{text}"' if len(text) <= 60 else f'"{text[:59]}…"'


def _say_tagged(words: str) -> Callable[[str, JSON, Mapping[int, str]], str]:
    return lambda _, value, __: f"{words} " + _either(value, quote)


def _say_selected(on: str, value: JSON, clusters: Mapping[int, str]) -> str:
    return ("selected" if value else "not selected") + (f" in {on}" if on else "")


_TABLE = (
    ConditionKind(
        key="cluster", label="cluster is", on="artifact", value=INTS, say=_say_cluster, find=_find_cluster
    ),
    ConditionKind(
        key="source",
        label="source is",
        on="nothing",
        value=WORDS,
        say=lambda _, value, __: "source is " + _either(value, quote),
        find=_find_source,
    ),
    ConditionKind(
        key="meta", label="metadata is", on="field", value=MAYBE_WORDS, say=_say_field, find=_find_field
    ),
    ConditionKind(
        key="any_of",
        label="has any of",
        on="field",
        value=WORDS,
        say=_say_entries("any of"),
        find=_find_entries("list_has_any"),
    ),  # fmt: skip
    ConditionKind(
        key="all_of",
        label="has all of",
        on="field",
        value=WORDS,
        say=_say_entries("all of"),
        find=_find_entries("list_has_all"),
    ),  # fmt: skip
    ConditionKind(
        key="none_of",
        label="has none of",
        on="field",
        value=WORDS,
        say=_say_entries("none of"),
        find=_find_none,
    ),  # fmt: skip
    ConditionKind(
        key="range", label="is between", on="number", value=RANGE, say=_say_range, find=_find_range
    ),
    ConditionKind(
        key="contains",
        label="contains",
        on="text",
        value=TEXT,
        say=_say_text("contains"),
        find=_find_contains,
    ),
    ConditionKind(
        key="lacks",
        label="does not contain",
        on="text",
        value=TEXT,
        say=_say_text("does not contain"),
        find=_find_lacks,
    ),
    ConditionKind(
        key="matches",
        label="matches the regular expression",
        on="text",
        value=TEXT,
        say=_say_text("matches"),
        find=_find_pattern,
    ),
    ConditionKind(
        key="tagged", label="tagged", on="nothing", value=WORDS, say=_say_tagged("tagged"), find=_find_tagged
    ),
    ConditionKind(
        key="untagged",
        label="not tagged",
        on="nothing",
        value=WORDS,
        say=_say_tagged("not tagged"),
        find=_find_untagged,
    ),
    ConditionKind(
        key="selected", label="selected", on="artifact", value=FLAG, say=_say_selected, find=_find_selected
    ),
    ConditionKind(
        key="lasso",
        label="inside the lasso",
        on="artifact",
        value=POLYGON,
        say=lambda _, value, __: f"inside a lasso of {len(value)} corners",
        find=lambda question, on, value: in_lasso(question.view, on, value),
    ),
    ConditionKind(
        key="box",
        label="inside the box",
        on="artifact",
        value=BOX,
        say=lambda _, value, __: "inside the box x {:g} to {:g}, y {:g} to {:g}".format(*value[0], *value[1]),
        find=lambda question, on, value: in_box(question.view, on, value),
    ),
    ConditionKind(
        key="region",
        label="inside the region",
        on="artifact",
        value=STEPS,
        say=lambda _, value, __: f"inside a region of {len(value)} lassos",
        find=lambda question, on, value: in_region(question.view, on, value),
    ),
    ConditionKind(
        key="rows",
        label="row is",
        on="nothing",
        value=ROWS,
        say=lambda _, value, __: "row is " + _either(value, str),
        find=_find_rows,
    ),
    ConditionKind(
        key="sample",
        label="a random sample of",
        on="nothing",
        value=SAMPLE,
        say=lambda _, value, __: f"a random sample of {value[0]:,} (seed {value[1]})",
        draw=_draw_sample,
    ),
)
CONDITIONS: dict[str, ConditionKind] = {kind.key: kind for kind in _TABLE}
