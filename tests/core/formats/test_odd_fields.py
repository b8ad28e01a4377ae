"""One odd field of a conversation does not cost the row: it is put into words or set aside, and counted."""

from __future__ import annotations

import orjson
import pytest

from tests.core.formats.cases import CASES, case, case_of

PARTS = {"v1": {"type": "text", "value": "t"}, "content": {"type": "text", "content": "t"}, "bare": {"text": "t"},
         "api": {"type": "input_text", "text": "t"}, "assistants": {"type": "text", "text": {"value": "t", "annotations": []}},
         "output": {"type": "output_text", "text": "t"}, "string": "t"}  # fmt: skip


def test_parts_with_their_text_under_value_are_read():
    got = case(CASES / "41-content-parts" / "v1.jsonl")
    assert got.reasons == []
    assert [(row["prompt"], row["response"]) for row in got.imported.rows] == [
        ("Name a tide table", "The almanac.")
    ] * 2
    source = [orjson.loads(line) for line in (CASES / "41-content-parts" / "v1.jsonl").open("rb")]
    assert got.written() == source


@pytest.mark.parametrize("name", PARTS)
def test_text_parts_under_any_name_are_text(tmp_path, name):
    record = {
        "messages": [
            {"role": "user", "content": [PARTS[name], {"type": "image", "image": "a.png"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "h"}, PARTS[name]]},
        ]
    }
    got = case_of(tmp_path, [record] * 2)
    assert (got.imported.rows[0]["prompt"], got.imported.rows[0]["response"]) == ("t", "t")
    assert got.written() == [record] * 2


@pytest.mark.parametrize("name", [name for name in PARTS if name != "string"])
def test_a_single_part_that_is_no_list_is_read(tmp_path, name):
    record = {"messages": [{"role": "user", "content": PARTS[name]}, {"role": "assistant", "content": "r"}]}
    got = case_of(tmp_path, [record] * 2)
    assert (got.imported.rows[0]["prompt"], got.imported.rows[0]["response"]) == ("t", "r")
    assert got.written() == [record] * 2


def test_earlier_turns_of_every_kind_are_read_or_set_aside():
    got = case(CASES / "46-alpaca-history" / "in.jsonl")
    assert (len(got.turns), got.reasons) == (9, [])
    assert [len(turns) for turns in got.turns] == [5, 2, 2, 2, 2, 2, 2, 4, 2]
    assert got.turns[0][1:3] == got.turns[7][:2] == [("user", "a"), ("assistant", "b")]
    assert [meta.get("history") for meta in got.meta[5:]] == [[["a", ""]], [["a", None]], None, [{"q": "a"}]]
    notes = sum((batch.notes for batch in got.imported.batches), start=type(got.imported.batches[0].notes)())
    assert notes["history", "set-aside"] == 3


@pytest.mark.parametrize("base", [{"prompt": "q", "response": "r"}, {"instruction": "q", "output": "r"}])
@pytest.mark.parametrize(
    "history", [[["a"]], [{"q": "a"}], [["a", "b", "c"]], [1], {"a": "b"}, 7, "of Brest"]
)
def test_a_history_that_is_none_is_kept_as_metadata(tmp_path, base, history):
    rows = [base | {"history": [["a", "b"]]}, base | {"history": history}]
    got = case_of(tmp_path, rows)
    assert [len(turns) for turns in got.turns] == [4, 2]
    assert got.meta[1]["history"] == history
    assert [row["history"] for row in got.written()] == [[["a", "b"]], history]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (["one", "two"], "one\n\ntwo"),
        ([{"type": "text", "text": "one"}, {"text": "two"}], "one\ntwo"),
        ({"parts": [{"text": "one"}]}, "one"),
        ({"role": "system", "content": "one"}, "one"),
        ({"n": 1}, '{"n":1}'),
        ([1, 2], "[1,2]"),
        (7, "7"),
    ],
)
@pytest.mark.parametrize("column", ["system", "input"])
def test_what_is_no_text_is_put_into_words(tmp_path, column, value, words):
    rows = [
        {"instruction": "q", "output": "r", column: "fine"},
        {"instruction": "q", "output": "r", column: value},
    ]
    got = case_of(tmp_path, rows)
    assert got.reasons == []
    said = got.turns[1][0][1]
    assert said == (words if column == "system" else f"q\n\n{words}")
    assert [row[column] for row in got.written()] == ["fine", value]
    (batch,) = got.imported.batches
    assert batch.notes[column, "in-words"] == 1
