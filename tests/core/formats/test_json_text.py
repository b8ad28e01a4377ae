"""JSON text in cells is data, and goes back in the form it had; JSON in prose is left alone."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.formats.cell_text import data_in, style_of, text_of_data
from tests.core.formats.cases import CASES, case, case_of
from tests.core.formats.files import csv_bytes

USER, REPLY = {"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}
TURNS = [USER, REPLY]
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"type": "function", "function": {"name": "tide", "arguments": {"port": "Brest"}}}],
}


def test_an_object_as_text_is_opened_and_closed_again():
    got = case(CASES / "21-json-string-columns" / "obj.csv")
    assert got.turns == [
        [("user", "hi"), ("assistant", "yo")],
        [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")],
    ]
    assert got.reasons == []
    rows = list(csv.DictReader((CASES / "21-json-string-columns" / "obj.csv").open(encoding="utf-8")))
    assert got.written() == rows
    assert got.edited(0, "better") == {
        "conversation": '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "better"}]}'
    }


def test_preference_pairs_as_text_are_turns():
    got = case(CASES / "43-preference-json-strings" / "dpo.csv")
    assert got.inspection.format_name == "preference"
    assert got.turns == [[("user", "What is a tide?"), ("assistant", "Sea level change")]]
    assert got.meta[0]["rejected"][-1]["content"] == "A soap"
    rows = list(csv.DictReader((CASES / "43-preference-json-strings" / "dpo.csv").open(encoding="utf-8")))
    assert got.written() == rows
    edited = got.edited(0, "better")
    assert json.loads(edited["chosen"])[-1]["content"] == "better"
    assert edited["rejected"] == rows[0]["rejected"]


def test_messages_that_datasets_wrote_as_json_are_turns():
    got = case(CASES / "50-save-to-disk" / "json_id.parquet")
    assert got.inspection.format_name == "messages"
    assert [[role for role, _ in turns] for turns in got.turns] == [
        ["user", "assistant", "tool", "assistant"],
        ["user", "assistant"],
    ]
    assert got.messages[0][1]["tool_calls"] == CALL["tool_calls"]
    assert got.meta[0]["tools"] == [{"type": "function", "function": {"name": "tide"}}]
    assert got.reasons == []


def test_history_as_text_of_a_table_is_earlier_turns():
    got = case(CASES / "61-alpaca-history-csv" / "in.csv")
    assert [[text for _, text in turns] for turns in got.turns] == [
        ["Q1", "A1"],
        ["a", "b", "Q2", "A2"],
        ["Q3", "A3"],
    ]
    assert got.reasons == []
    rows = list(csv.DictReader((CASES / "61-alpaca-history-csv" / "in.csv").open(encoding="utf-8")))
    # A system prompt that is empty in every row is no part of a row.
    assert [row["history"] for row in got.written()] == [row["history"] for row in rows]
    assert got.edited(1, "better") == rows[1] | {"output": "better"}


@pytest.mark.parametrize(
    "dump",
    [
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: json.dumps(value, separators=(",", ":")),
        lambda value: json.dumps(value, indent=1),
        repr,
        lambda value: str(np.array(value, dtype=object)),
    ],
)
def test_turns_as_text_of_any_hand_are_read_and_come_back(tmp_path, dump):
    conversations = [TURNS, [{"role": "user", "content": "It's “ü”?"}, REPLY, USER, REPLY]]
    rows = [{"id": str(i), "log": dump(turns)} for i, turns in enumerate(conversations)]
    path = tmp_path / "given.csv"
    path.write_bytes(csv_bytes(rows))
    got = case(path)
    assert got.messages == conversations
    assert got.written() == rows
    edited = got.edited(1, "3 metres")
    assert isinstance(edited["log"], str)
    assert data_in(edited["log"])[-1]["content"] == "3 metres"


def test_frames_of_pandas_with_lists_in_cells_are_read(tmp_path):
    frame = pd.DataFrame({"messages": [TURNS, TURNS], "tags": [["a", "b"], ["c"]]})
    parquet, table = tmp_path / "a.parquet", tmp_path / "a.csv"
    frame.to_parquet(parquet)
    pd.read_parquet(parquet).to_csv(table, index=False)  # numpy prints the lists
    got = case(table)
    assert got.messages == [TURNS, TURNS]
    assert [meta["tags"] for meta in got.meta] == [["a", "b"], ["c"]]


def test_lists_of_json_texts_are_turns_whatever_their_column_says(tmp_path):
    for kind in (pa.string(), pa.large_string()):
        path = tmp_path / "given.parquet"
        texts = [[json.dumps(turn) for turn in (USER, CALL, {"role": "tool", "content": "3"}, REPLY)]] * 2
        pq.write_table(pa.table({"messages": pa.array(texts, pa.list_(kind))}), path)
        got = case(path)
        assert got.inspection.format_name == "messages"
        assert [turn["role"] for turn in got.messages[0]] == ["user", "assistant", "tool", "assistant"]


def test_arrow_json_columns_are_data(tmp_path):
    path = tmp_path / "given.parquet"
    whole = pa.array([json.dumps(TURNS)] * 2, pa.string())
    table = pa.table({"messages": pa.ExtensionArray.from_storage(pa.json_(pa.string()), whole)})
    pq.write_table(table, path)
    assert case(path).messages == [TURNS, TURNS]


def test_an_answer_in_json_among_prose_is_left_alone(tmp_path):
    rows = [{"prompt": f"Say {i}", "completion": f"word {i}"} for i in range(5)]
    rows[2]["completion"] = '{"tide": "high"}'
    got = case_of(tmp_path, rows)
    assert got.inspection.fields.json_columns == ()
    assert [turns[-1][1] for turns in got.turns] == [row["completion"] for row in rows]


@pytest.mark.parametrize(
    "answer", ['{"tide": 3}', "[1, 2]", '[{"name": "Brest", "height": 3}]', '["a", "b"]']
)
def test_a_column_of_answers_in_json_stays_text(tmp_path, answer):
    rows = [{"instruction": f"Give it as JSON, {i}", "input": "", "output": answer} for i in range(3)]
    got = case_of(tmp_path, rows)
    assert got.inspection.format_name == "alpaca"
    assert [turns[-1] for turns in got.turns] == [("assistant", answer)] * 3
    assert got.written() == rows


def test_other_columns_of_json_text_are_data_and_come_back_as_text(tmp_path):
    rows = [
        {
            "prompt": "a",
            "completion": "b",
            "tags": '["x", "y"]',
            "info": '{"n": 1,  "big": 123456789012345678901}',
        },
        {"prompt": "c", "completion": "d", "tags": "", "info": "{}"},
    ]
    got = case_of(tmp_path, rows)
    assert got.meta[0]["tags"] == ["x", "y"]
    assert got.written() == rows


def test_a_broken_cell_costs_its_row_alone(tmp_path):
    rows = [
        {"messages": json.dumps(TURNS)},
        {"messages": '[{"role": "user", "cont'},
        {"messages": json.dumps(TURNS)},
    ]
    got = case_of(tmp_path, rows)
    assert got.messages == [TURNS, TURNS]
    assert len(got.reasons) == 1
    assert "is not JSON" in got.reasons[0]
    assert got.written() == [rows[0], rows[2]]


def test_cells_with_nothing_in_them_do_not_make_a_column_prose(tmp_path):
    rows = [
        {"instruction": "q", "output": "r", "history": nothing, "tags": '["x"]'}
        for nothing in ('[["a", "b"]]', "null", "None", "NaN", "", " ")
    ]
    got = case_of(tmp_path, rows)
    assert [len(turns) for turns in got.turns] == [4, 2, 2, 2, 2, 2]
    assert got.written() == rows


def test_a_number_that_json_has_not_leaves_a_cell_data(tmp_path):
    rows = [{"prompt": "q", "completion": "r", "scores": '{"a": NaN, "b": 1.5}'}] * 2
    got = case_of(tmp_path, rows)
    assert got.meta[0]["scores"] == {"a": None, "b": 1.5}
    assert got.written() == rows


def test_json_text_inside_objects_is_data(tmp_path):
    rows = [{"id": 1, "row": {"log": json.dumps(TURNS), "n": 1}}] * 2
    got = case_of(tmp_path, rows)
    assert got.messages == [TURNS] * 2
    assert got.written() == rows
    assert json.loads(got.edited(0, "better")["row"]["log"])[-1]["content"] == "better"


@pytest.mark.parametrize("keys", [("role", "content"), ("from", "value")])
def test_turns_as_lists_side_by_side_are_turns(tmp_path, keys):
    said = {keys[0]: ["user", "assistant"], keys[1]: ["Tide?", "3 m"]}
    rows = [{"id": i, "messages": said} for i in range(2)]
    got = case_of(tmp_path, rows)
    assert got.messages == [TURNS] * 2
    assert got.written() == rows
    assert got.edited(0, "better")["messages"] == said | {keys[1]: ["Tide?", "better"]}
    nested = case_of(tmp_path, [{"data": {"messages": said, "n": 1}}] * 2)
    assert nested.messages == [TURNS] * 2


def test_prompt_and_completion_of_trl_as_text_are_turns(tmp_path):
    rows = [{"prompt": json.dumps([USER]), "completion": json.dumps([REPLY])}] * 2
    path = tmp_path / "given.csv"
    path.write_bytes(csv_bytes(rows))
    got = case(path)
    assert got.messages == [TURNS, TURNS]
    assert got.written() == rows


@pytest.mark.parametrize(
    "text",
    ["[Verse 1] it's", "{name}", "[1, 2", "42", "", "(['a'])", "{'a': ...}", "[lambda: 'x']", "{1: 'a'}"],
)
def test_prose_is_no_data(text):
    assert data_in(text) is None


def test_an_edited_value_keeps_the_hand_of_its_source():
    for text in ('[{"a":1}]', '[{"a": "ü"}]', '[{"a": "\\u00fc"}]', "[{'a': 1}]"):
        value = data_in(text)
        style = style_of(text, value)
        assert text_of_data(value, style) == text
        assert data_in(text_of_data([{"a": "b"}], style)) == [{"a": "b"}]
    odd = '[ {"a":1 } ]'
    assert text_of_data(data_in(odd), style_of(odd, data_in(odd))) == odd


def test_rows_of_a_table_that_was_read_are_written_by_csv_as_they_were():
    rows = list(csv.DictReader((CASES / "43-preference-json-strings" / "dpo.csv").open(encoding="utf-8")))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(case(CASES / "43-preference-json-strings" / "dpo.csv").written())
    assert text.getvalue() == (CASES / "43-preference-json-strings" / "dpo.csv").read_text(encoding="utf-8")
