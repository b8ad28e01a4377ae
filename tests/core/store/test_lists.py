"""Columns of lists: filters by their entries, counts, and conditions as people type them."""

from __future__ import annotations

import json

import pytest

import tamis
from tamis.actions.dataset_context import open_context
from tamis.actions.read_rows import count_values
from tamis.errors import InvalidOptions
from tamis.store.rows.scope import Scope, describe_scope, where
from tamis.store.rows.where_text import narrow_scope, parse_where

TOPICS = [["math", "code"], ["code"], [], ["law, old", "math", "math"], None, ["code", "math", "law, old"]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tamis.Dataset:
    here = tmp_path_factory.mktemp("lists")
    rows = [
        {"instruction": f"q{i}", "output": f"a{i}", "topics": one, "price": i} for i, one in enumerate(TOPICS)
    ]
    (here / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (here / "rows.csv").write_text(
        "instruction,output,price,zip\n"
        + "".join(f"q{i},a{i},{i / 4},0{i}\n" for i in range(4))
        + "q,a,,09\n"
    )
    return tamis.open(here / "w").import_file(here / "rows.jsonl", name="Lists", progress=False)


@pytest.mark.parametrize(
    ("kind", "entries", "rows"),
    [
        ("any_of", ["math"], [0, 3, 5]),
        ("any_of", ["law, old", "code"], [0, 1, 3, 5]),
        ("all_of", ["math", "code"], [0, 5]),
        ("all_of", ["nothing"], []),
        ("none_of", ["math"], [1, 2, 4]),
    ],
)
def test_rows_are_found_by_the_entries_of_a_list(
    data: tamis.Dataset, kind: str, entries: list[str], rows: list[int]
) -> None:
    assert data.rows().where(kind, entries, on="topics").ids.tolist() == rows


def test_entries_are_counted_by_the_rows_that_have_them(data: tamis.Dataset) -> None:
    facets = count_values(open_context(data._workspace, data.id), "meta:topics")
    assert facets.counts == (("code", 3), ("math", 3), ("law, old", 2))
    assert (facets.n_distinct, facets.n_missing) == (3, 2)


def test_a_list_is_no_single_value_and_no_stratum(data: tamis.Dataset) -> None:
    with pytest.raises(InvalidOptions, match="filter by any_of, all_of or none_of"):
        data.rows().where("meta", ["math"], on="topics")
    with pytest.raises(InvalidOptions, match="price has one value a row"):
        data.rows().where("any_of", ["1"], on="price")
    with pytest.raises(tamis.errors.JobFailed, match="a stratum wants one"):
        data.select("stratified", column="meta:topics", budget=2, progress=False)


def test_a_column_is_named_as_a_quality_names_it(data: tamis.Dataset) -> None:
    assert data.rows().where("range", [3, None], on="column:price").ids.tolist() == [3, 4, 5]
    assert data.rows().sorted_by("column:price", descending=True).ids.tolist() == [5, 4, 3, 2, 1, 0]
    assert len(data.rows().where("range", [0, 100], on="column:response_chars")) == len(TOPICS)


def test_cells_of_a_table_of_text_that_are_numbers_are_columns_of_numbers(data: tamis.Dataset) -> None:
    path = data._workspace.path.parent / "rows.csv"
    table = tamis.open(data._workspace.path).import_file(path, name="Table", progress=False)
    kinds = {one["key"]: one["kind"] for one in table.columns.to_arrow().to_pylist()}
    assert (kinds["meta:price"], kinds["meta:zip"]) == ("number", "category")
    assert table.rows().where("range", [0.25, 0.6], on="column:price").ids.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "kind", "on", "value"),
    [
        ("any_of:topics=math, code", "any_of", "topics", ["math", "code"]),
        ('any_of:topics=["law, old"]', "any_of", "topics", ["law, old"]),
        ("range:column:price=0.5..", "range", "column:price", [0.5, None]),
        ("range:price=..3", "range", "price", [None, 3]),
        ("contains:response=a=b", "contains", "response", "a=b"),
        ("cluster=3,7", "cluster", "", [3, 7]),
        ("sample=100,42", "sample", "", [100, 42]),
        ("selected=true", "selected", "", True),
    ],
)
def test_conditions_are_typed(text: str, kind: str, on: str, value: object) -> None:
    assert parse_where(text) == where(kind, value, on)


@pytest.mark.parametrize("text", ["topics", "nope=3", "range:price=3", "selected=perhaps", "cluster=x"])
def test_what_is_no_condition_says_so(text: str) -> None:
    with pytest.raises(InvalidOptions):
        parse_where(text)


def test_conditions_narrow_a_filter() -> None:
    scope = Scope(conditions=(where("contains", "salt"),)).to_url()
    both = Scope.from_url(narrow_scope(scope, ("all_of:topics=math,code",)))
    assert describe_scope(both).endswith('"salt" and topics has all of "code", "math"')
    assert narrow_scope(scope, ()) == scope
