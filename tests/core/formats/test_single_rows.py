"""What a line, an answer and a list of texts are by themselves: a row, an answer, a conversation; never something else."""

from __future__ import annotations

import gzip
import json

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.errors import RowDoesNotFit
from tamis.formats.writer import StoredExample, row_lines
from tests.core.formats.cases import case, case_of

USER, REPLY = {"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}
BODY = {"model": "m", "messages": [USER, REPLY]}


@pytest.mark.parametrize("name", ["one.jsonl", "one.JSONL", "one.ndjson", "one.jsonl.gz"])
@pytest.mark.parametrize(
    "row",
    [
        {"uid": "x1", "sample": {"question": "q", "answer": "a"}, "lang": "en"},
        {"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", "body": BODY},
        {"data": {"messages": [USER, REPLY]}, "meta": {"n": 1}},
        {"conversations": ["a", "a"], "id": [None, None]},
        {"messages": [USER, REPLY], "id": [1, 2]},
    ],
)
def test_the_only_line_of_json_lines_is_a_row(tmp_path, row, name):
    path = tmp_path / name
    line = json.dumps(row).encode() + b"\n"
    path.write_bytes(gzip.compress(line) if name.endswith(".gz") else line)
    got = case(path)
    assert got.reasons == [] and len(got.turns) == 1
    assert got.written() == [row]


def test_texts_of_objects_in_a_list_are_turns(tmp_path):
    row = {"conversations": ['{"a": 1}', '{"a": 1}']}
    pq.write_table(pa.Table.from_pylist([row] * 2), tmp_path / "in.parquet")
    got = case(tmp_path / "in.parquet")
    assert got.inspection.format_name == "turns"
    assert got.turns == [[("user", '{"a": 1}'), ("assistant", '{"a": 1}')]] * 2
    assert got.written() == [row] * 2
    turns = {"messages": [json.dumps(USER), json.dumps(REPLY)]}
    pq.write_table(pa.Table.from_pylist([turns]), tmp_path / "turns.parquet")
    assert case(tmp_path / "turns.parquet").messages == [[USER, REPLY]]


@pytest.mark.parametrize(
    ("asked", "replied"), [("instruction", "output"), ("prompt", "response"), ("question", "answer")]
)
def test_an_answer_of_json_turns_beside_a_prompt_stays_an_answer(tmp_path, asked, replied):
    rows = [{asked: f"Write a chat {n}", replied: json.dumps([USER, REPLY])} for n in range(3)]
    got = case_of(tmp_path, rows)
    assert got.turns == [[("user", row[asked]), ("assistant", row[replied])] for row in rows]
    assert got.written() == rows or [{**row, "input": ""} for row in rows] == got.written()


def test_a_reply_of_json_turns_is_read_as_turns(tmp_path):
    row = {"prompt": json.dumps([USER]), "completion": json.dumps([REPLY])}
    got = case_of(tmp_path, [row] * 2)
    assert got.messages == [[USER, REPLY]] * 2
    assert [orjson.loads(raw["raw"]) for raw in got.imported.rows] == [row] * 2


@pytest.mark.parametrize(
    "name", ["alpaca", "prompt_completion", "instruction_response", "question_answer", "turns"]
)
def test_a_format_without_calls_says_that_it_cannot_hold_calls(name):
    call = {"type": "function", "function": {"name": "tide", "arguments": "{}"}}
    asking = {"role": "assistant", "content": None, "tool_calls": [call]}
    for turns in ([USER, asking], [USER, asking, {"role": "tool", "content": "3"}, REPLY]):
        with pytest.raises(RowDoesNotFit) as told:
            list(row_lines([StoredExample(messages=turns)], format_name=name))
        assert told.value.obstacle == "tool calls"


@pytest.mark.parametrize(
    "header",
    ["指令,输出", "问题,回答", "指示,出力", "質問,回答", "질문,답변", "지시,출력", "Frage,Antwort", "Anweisung,Ausgabe", "question,réponse",
     "instruction,sortie", "pregunta,respuesta", "Instrucción,Salida"],
)  # fmt: skip
def test_pairs_have_names_in_other_languages(tmp_path, header):
    path = tmp_path / "in.csv"
    path.write_text(f"n,{header}\n1,a,b\n2,c,d\n", encoding="utf-8")
    got = case(path)
    assert got.turns == [[("user", "a"), ("assistant", "b")], [("user", "c"), ("assistant", "d")]]
    assert [set(header.split(",")) <= row.keys() for row in got.written()] == [True, True]


def test_an_input_of_another_language_belongs_to_the_prompt(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("指令,输入,输出\n译,早,morning\n答,,yes\n", encoding="utf-8")
    assert [turns[0][1] for turns in case(path).turns] == ["译\n\n早", "答"]
