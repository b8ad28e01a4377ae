"""Imported and exported again in the same container, a file holds the same values; the name says the container."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
import stat
from functools import partial
from pathlib import Path

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tamis.errors import CurationError
from tamis.formats.chat import MessagesFields
from tamis.formats.detect import inspect_file
from tamis.formats.targets import check_place, target_of
from tamis.formats.writer import StoredExample, export_file
from tamis.registry import parse_options
from tests.core.formats.files import alpaca_rows, import_file, lines_of, written
from tests.core.formats.round_trip import import_all

CASES = Path(__file__).resolve().parents[2] / "fixtures" / "cases"
CALLS = [
    {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"city": "x"}}}]}, {"role": "tool", "content": "1"}, {"role": "assistant", "content": "ok"}], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]},
    {"messages": [{"role": "user", "content": "b"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "2", "type": "function", "function": {"name": "g", "arguments": {"port": 3, "note": None}}}]}, {"role": "tool", "content": "2"}, {"role": "assistant", "content": "ok"}], "tools": [{"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {"port": {"type": "integer"}}}}}], "scores": {"a": None, "b": 1}, "top": None},
    {"messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "plain"}]},
]  # fmt: skip


@pytest.mark.parametrize("format_name", ["source", "messages"])
def test_tool_calls_with_different_arguments_survive_parquet(tmp_path, format_name):
    stored = import_all(written(tmp_path, lines_of(CALLS), "in.jsonl"))
    stored.export(tmp_path / "out.parquet", format_name)
    again = import_all(tmp_path / "out.parquet")
    assert [orjson.loads(one.raw) for one in again.examples] == CALLS
    again.export(tmp_path / "again.jsonl")
    assert [orjson.loads(line) for line in (tmp_path / "again.jsonl").read_bytes().splitlines()] == CALLS


def test_trainers_read_what_was_written_as_parquet(tmp_path):
    datasets = pytest.importorskip("datasets")
    import_all(written(tmp_path, lines_of(CALLS), "in.jsonl")).export(tmp_path / "out.parquet", "messages")
    rows = datasets.Dataset.from_parquet(str(tmp_path / "out.parquet"), cache_dir=str(tmp_path / "cache"))
    assert [row["messages"] for row in rows] == [row["messages"] for row in CALLS]
    assert [row["tools"] for row in rows][:2] == [row.get("tools") for row in CALLS][:2]


def test_lines_with_odd_numbers_come_back_byte_for_byte(tmp_path):
    content = (
        b'{"instruction":"a","output":"b","id":123456789012345678901234,"p":0.1000,"e":1E5,"z":-0}\n'
        b'{"instruction":"first","instruction":"second","output":"b","tag":"x","tag":"y"}\n'
        b'{"instruction":"c","output":18446744073709551617, "score":NaN}\n'
        b'{ "instruction" : "d" , "output" : "\\u00e9" , "x": "\\ud800", "n": "\\u0000"}\n'
    )
    stored = import_all(written(tmp_path, content, "in.jsonl"))
    stored.export(tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == content
    stored.export(tmp_path / "out.parquet")
    again = import_all(tmp_path / "out.parquet")
    again.export(tmp_path / "again.jsonl")
    first = json.loads((tmp_path / "again.jsonl").read_bytes().splitlines()[0])
    assert (
        first["id"] == "123456789012345678901234"
    )  # text, every digit kept: strict readers make a float of it


def test_an_edited_row_keeps_the_exact_numbers_beside_it(tmp_path):
    line = b'{"instruction":"a","output":"b","id":123456789012345678901234,"score":NaN,"u":18446744073709551615}\n'
    stored = import_all(written(tmp_path, line, "in.jsonl"))
    stored.examples[0].messages[-1]["content"] = "better"
    stored.export(tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == line.replace(b'"b"', b'"better"')


def test_rows_of_two_files_that_are_alike_stay_two_rows(tmp_path):
    raw = '{ "instruction" : "x" , "output" : "y" }'
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    both = [
        StoredExample(messages=messages, raw=raw, source_row=1, file=file, format_name="alpaca")
        for file in (0, 1)
    ]
    export_file(both, tmp_path / "out.jsonl", format_name="source")
    assert (tmp_path / "out.jsonl").read_text() == f"{raw}\n{raw}\n"


def test_a_mark_in_the_middle_of_joined_lines_is_not_written(tmp_path):
    lines = lines_of(alpaca_rows(2)).splitlines(keepends=True)
    stored = import_all(written(tmp_path, b"\xef\xbb\xbf" + b"\xef\xbb\xbf".join(lines), "in.jsonl"))
    stored.export(tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == b"".join(lines)


def test_every_type_of_a_parquet_file_and_its_metadata_come_back(tmp_path):
    table = pa.table(
        {
            "instruction": ["a", "b", "c"],
            "output": pa.array(["x", "y", "z"]).dictionary_encode(),
            "when": pa.array([datetime.datetime(2024, 1, 2, 3), None, datetime.datetime(1, 1, 1)], pa.timestamp("us")),
            "ns": pa.array([1, 2, None], pa.timestamp("ns", "UTC")),
            "cost": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("0.01")]),
            "u": pa.array([2**64 - 1, 0, None], pa.uint64()),
            "f": pa.array([float("nan"), float("-inf"), None]),
            "image": [{"bytes": b"\xff\x00", "path": None}, None, {"bytes": None, "path": "p"}],
            "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int8())),
            "deep": [[{"a": None, "b": [1]}], None, [None, {"a": "x", "b": []}]],
        }
    ).replace_schema_metadata({"huggingface": '{"info": {}}', "own": "kept"})  # fmt: skip
    pq.write_table(table, tmp_path / "in.parquet")
    stored = import_all(tmp_path / "in.parquet")
    assert not stored.rejects
    stored.export(tmp_path / "out.parquet")
    table, again = pq.read_table(tmp_path / "in.parquet"), pq.read_table(tmp_path / "out.parquet")
    assert again.schema.equals(table.schema, check_metadata=True)
    assert str(again.to_pylist()) == str(table.to_pylist())
    stored.export(tmp_path / "out.jsonl")
    assert orjson.loads((tmp_path / "out.jsonl").read_bytes().splitlines()[0])["f"] is None


@pytest.mark.parametrize("case", ["50-save-to-disk/json_id.parquet", "51-parquet-types/vlm.parquet"])
def test_parquet_of_the_cases_comes_back_as_it_was(tmp_path, case):
    import_all(CASES / case).export(tmp_path / "out.parquet")
    before, after = pq.read_table(CASES / case), pq.read_table(tmp_path / "out.parquet")
    assert after.schema.equals(before.schema, check_metadata=True)
    assert after.to_pylist() == before.to_pylist()


def test_an_edited_row_of_parquet_keeps_the_types_of_its_file(tmp_path):
    pq.write_table(
        pa.table({"instruction": ["a"], "output": ["b"], "d": [datetime.date(2024, 1, 2)]}), tmp_path / "p"
    )
    stored = import_all(tmp_path / "p")
    stored.examples[0].messages[-1]["content"] = "better"
    stored.export(tmp_path / "out.parquet")
    expected = [{"instruction": "a", "output": "better", "d": datetime.date(2024, 1, 2)}]
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == expected


@pytest.mark.parametrize(
    "content",
    [
        b"instruction,output\na,b\n",
        b'instruction,output,"odd, name"\r\n"a ""quoted"" word","several\nlines",\r\nc,d,1.50\r\n',
        b"instruction;output\na,b;c\n",
        b",instruction,output,output\n0,a,b,c\n1,d,e,f\n",
        "instruction,output\n\u4f60\u597d,  blanks  \n".encode(),
        b"instruction,output,note\na,b,bad \xff byte\n",
    ],
)
def test_canonical_tables_of_text_come_back_byte_for_byte(tmp_path, content):
    import_all(written(tmp_path, content, "in.csv")).export(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == content


def test_quotes_survive_tables_of_text(tmp_path):
    content = b'instruction\toutput\n"Carpe diem" comes from which poet?\tHorace\nPlain 5" pipe\t"Never again" was it\n'
    stored = import_all(written(tmp_path, content, "in.tsv"))
    stored.export(tmp_path / "out.tsv")
    again = pd.read_csv(tmp_path / "out.tsv", sep="\t")
    assert again.to_numpy().tolist() == [
        ['"Carpe diem" comes from which poet?', "Horace"],
        ['Plain 5" pipe', '"Never again" was it'],
    ]


OWN = {
    "messages": [{"role": "user", "content": "real question"}, {"role": "assistant", "content": "real answer"}],
    "prompt": "RAW", "completion": "draft", "context": "doc 17", "input": "orig", "history": "none yet", "response": "alt",
    "instruction": "annotator", "question": "q", "answer": "a", "system": "", "source": "forum", "id": 7, "source_row": 99,
    "meta": {"x": 1}, "raw": "r", "split": "s", "n_turns": "n", "file": "f", "example_id": 3, "content_hash": "h",
}  # fmt: skip


@pytest.mark.parametrize(
    "format_name",
    [
        "messages",
        "sharegpt",
        "alpaca",
        "instruction_response",
        "question_answer",
        "prompt_completion",
        "turns",
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_own_columns_are_kept_and_not_read_as_the_conversation(tmp_path, format_name, ending):
    stored = import_all(written(tmp_path, lines_of([OWN]), "in.jsonl"))
    done = stored.export(tmp_path / f"out.{ending}", format_name)
    again = import_all(done.path)
    (example,) = again.examples
    assert example.format_name == format_name
    assert example.messages == OWN["messages"]
    kept = orjson.loads(example.raw)
    for name, value in OWN.items():
        if name != "messages":
            assert kept[done.renamed.get(name, name)] == value, name
    stored.export(tmp_path / "same.jsonl")
    assert orjson.loads((tmp_path / "same.jsonl").read_bytes()) == OWN


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        ("x.jsonl", lambda path: [json.loads(line) for line in path.read_text().splitlines()]),
        ("x.NDJSON", lambda path: [json.loads(line) for line in path.read_text().splitlines()]),
        ("x.json", lambda path: json.loads(path.read_text())),
        ("x.csv", lambda path: pd.read_csv(path, keep_default_na=False).to_dict("records")),
        ("X.TSV", lambda path: pd.read_csv(path, sep="\t", keep_default_na=False).to_dict("records")),
        ("x.Parquet", lambda path: pq.read_table(path).to_pylist()),
        ("x.jsonl.gz", lambda path: [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]),
        ("x.csv.zst", lambda path: pd.read_csv(path, keep_default_na=False).to_dict("records")),
        ("x.json.zstd", lambda path: json.loads(zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read())),
        ("x.parquet.gz", lambda path: pq.read_table(pa.BufferReader(gzip.decompress(path.read_bytes()))).to_pylist()),
    ],
)  # fmt: skip
def test_the_name_of_a_file_says_what_it_holds(tmp_path, name, opened):
    rows = alpaca_rows(3)
    stored = import_all(written(tmp_path, lines_of(rows), "in.jsonl"))
    done = stored.export(tmp_path / name)
    assert opened(done.path) == rows
    assert [one.messages for one in import_all(done.path).examples] == [
        one.messages for one in stored.examples
    ]
    assert stored.export(tmp_path / name).sha256 == done.sha256


@pytest.mark.parametrize("name", ["x", "x.txt", "x.xlsx", "x.jsonl.bz2", ".gz", "x.parquet.tar"])
def test_a_name_that_does_not_say_what_it_holds_is_refused(name):
    with pytest.raises(CurationError, match="does not say what kind of file"):
        target_of(name)


def test_a_name_must_not_contradict_what_was_asked_for():
    assert target_of("x", "csv").container == "csv"
    assert target_of("x.CSV.GZ", "csv").compression == "gzip"
    with pytest.raises(CurationError, match="is the name of a json file, but parquet was asked for"):
        target_of("x.json", "parquet")


def test_places_that_cannot_be_written_to_are_said_in_a_sentence(tmp_path, monkeypatch):
    for path, why in (
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "x.jsonl", "There is no folder"),
        (written(tmp_path, b"", "file") / "x.jsonl", "is a file"),
    ):
        with pytest.raises(CurationError, match=why):
            check_place(path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(CurationError, match="permission denied"):
        check_place(tmp_path / "x.jsonl")
    monkeypatch.undo()
    with pytest.raises(CurationError, match=r"cannot be written: File name too long"):
        export_file([], tmp_path / f"{'x' * 300}.jsonl", format_name="source")
    assert not [
        path for path in tmp_path.iterdir() if stat.S_ISREG(path.stat().st_mode) and path.name != "file"
    ]


@pytest.mark.parametrize(
    ("ending", "format_name"), [("csv", "messages"), ("tsv", "source"), ("csv.gz", "turns")]
)
def test_lists_are_refused_where_a_table_holds_text(tmp_path, ending, format_name):
    stored = import_all(written(tmp_path, lines_of(CALLS[2:]), "in.jsonl"))
    with pytest.raises(CurationError, match="holds texts, and column .* holds lists"):
        stored.export(tmp_path / f"out.{ending}", format_name)
    assert not (tmp_path / f"out.{ending}").exists()
    stored.export(tmp_path / f"out.{ending}", "alpaca")


def test_lists_beside_the_conversation_are_json_text_in_a_table(tmp_path):
    row = {"instruction": "a", "output": "b", "tags": ["x", "y"], "n": 1.5, "t": True, "none": None}
    import_all(written(tmp_path, lines_of([row]), "in.jsonl")).export(tmp_path / "out.csv")
    assert (
        tmp_path / "out.csv"
    ).read_text() == 'instruction,output,tags,n,t,none\na,b,"[""x"",""y""]",1.5,true,\n'


def test_a_lone_carriage_return_in_a_cell_stays_in_its_cell(tmp_path):
    rows = [{"instruction": "a\rb", "output": "c\r\nd"}, {"instruction": "e", "output": "\r"}]
    stored = import_all(written(tmp_path, lines_of([rows[0]]), "in.jsonl"))
    stored.export(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b'instruction,output\n"a\rb","c\r\nd"\n'
    assert orjson.loads(import_all(tmp_path / "out.csv").examples[0].raw) == rows[0]


def test_lists_of_nothing_but_nulls_survive_parquet(tmp_path):
    rows = [{"instruction": "a", "output": "b", "x": [[None, None]], "y": [None], "z": [], "w": {}}]
    import_all(written(tmp_path, lines_of(rows), "in.jsonl")).export(tmp_path / "out.parquet")
    assert [orjson.loads(one.raw) for one in import_all(tmp_path / "out.parquet").examples] == rows


def test_columns_of_one_name_come_back_each_in_its_place(tmp_path):
    path = tmp_path / "given.parquet"
    names = ["prompt", "completion", "completion", "completion", "completion_3"]
    pq.write_table(
        pa.Table.from_arrays([pa.array([f"{name} {at}"]) for at, name in enumerate(names)], names), path
    )
    stored = import_all(path)
    assert stored.examples[0].messages[-1]["content"] == "completion 1"
    stored.export(tmp_path / "again.parquet")
    given, again = (pq.ParquetFile(one).read() for one in (path, tmp_path / "again.parquet"))
    assert again.equals(given)
    stored.examples[0].messages[-1]["content"] = "Edited."
    stored.export(tmp_path / "edited.parquet")
    edited = pq.ParquetFile(tmp_path / "edited.parquet").read()
    assert [column[0].as_py() for column in edited.columns] == ["prompt 0", "Edited.", *(
        f"{name} {at}" for at, name in enumerate(names) if at > 1
    )]  # fmt: skip


@pytest.mark.parametrize("image", [{"bytes": b"\x89PNG\x00", "path": None}, {"bytes": None, "path": "a.png"}])
def test_images_in_parts_keep_a_type_of_nothing_but_nulls(tmp_path, image):
    path = tmp_path / "given.parquet"
    parts = [
        {"type": "image", "image": image, "text": None},
        {"type": "text", "image": None, "text": "Tide?"},
    ]
    reply = [{"type": "text", "image": None, "text": "3 m"}]
    turns = [{"role": "user", "content": parts}, {"role": "assistant", "content": reply}]
    table = pa.Table.from_pylist([{"messages": turns}, {"messages": [*turns, *turns]}, {"messages": turns}])
    assert "null" in str(table.schema.field("messages").type)
    pq.write_table(table, path)
    stored = import_all(path)
    assert stored.rejects == []
    stored.export(tmp_path / "again.parquet")
    assert pq.read_table(tmp_path / "again.parquet").equals(pq.read_table(path))


TURNS = '[{"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}]'
BARE_LINES = {
    "a record under its id": ['{"x%d": {"prompt": "Tide?", "completion": "3 m", "n":  %d}}'] * 3,
    "compact": ['{"x%d":{"prompt":"Tide?","completion":"3 m","n":%d}}'] * 3,
    "with an id of its own": ['{"x%d": {"id": %d, "prompt": "Tide?", "completion": "3 m"}}'] * 3,
    "that says its id": ['{"%d": {"id": "%d", "prompt": "Tide?", "completion": "3 m"}}'] * 3,
    "under numbers": ['{"%d": {"prompt": "Tide?", "completion": "3 m", "n": %d}}'] * 3,
    "a conversation under its id": ['{"x%d": ' + TURNS.replace("Tide", "Tide %d") + "}"] * 3,
    "a conversation": [TURNS.replace("Tide", "Tide %d %d")] * 3,
    "texts": ['["Tide %d?", "%d m"]', '["Tide %d?", "%d m", "And then?", "3 m"]'],
    "cells": ['["Tide %d?", "%d m"]'] * 3,
    "cells under a header": ['["prompt","completion"]', '["Tide %d?","3 m"]', '["Tide %d?","3 m"]'],
}


@pytest.mark.parametrize("name", BARE_LINES)
def test_lines_that_are_no_objects_of_columns_leave_as_they_stood(tmp_path, name):
    lines = [line.replace("%d", str(at)) for at, line in enumerate(BARE_LINES[name])]
    path = tmp_path / "given.jsonl"
    path.write_text("\n".join(lines) + "\n")
    if name == "cells":
        stored = import_all(
            path, format_name="prompt_completion", fields={"prompt": "column_1", "completion": "column_2"}
        )
    else:
        stored = import_all(path)
    assert stored.rejects == []
    assert len(stored.examples) == len(lines) - ("header" in name)
    written = stored.export(tmp_path / "again.jsonl")
    assert written.n_rows == len(stored.examples)
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()
    last = stored.examples[-1].messages[-1]
    last["content"] = "Edited."
    stored.export(tmp_path / "edited.jsonl")
    edited = (tmp_path / "edited.jsonl").read_text().splitlines()
    assert edited[:-1] == lines[:-1]
    answer = "3 m" if "3 m" in lines[-1] else "2 m"
    assert json.loads(edited[-1]) == json.loads("Edited.".join(lines[-1].rsplit(answer, 1)))
    stored.export(tmp_path / "rows.json")
    assert all(isinstance(row, dict) for row in json.loads((tmp_path / "rows.json").read_text()))


BESIDE_AN_EDIT = {
    "nul": '{"prompt":"Tide?","completion":"3 m","note":"x\\u0000y"}',
    "half a character": '{"prompt":"Tide?","completion":"3 m","note":"x\\ud800y"}',
    "in a name": '{"prompt":"Tide?","completion":"3 m","n\\u0000":1}',
    "nan in the turn": '{"messages":[{"role":"user","content":"Tide?"},{"role":"assistant","content":"3 m","score":NaN}]}',
    "nan in another turn": '{"messages":[{"role":"user","content":"Tide?","p":[NaN]},{"role":"assistant","content":"3 m"}]}',
    "digits": '{"messages":[{"role":"user","content":"Tide?"},{"role":"assistant","content":"3 m","n":{"id":123456789012345678901234567890}}]}',
}


@pytest.mark.parametrize("name", BESIDE_AN_EDIT)
def test_what_was_not_edited_stays_as_it_was(tmp_path, name):
    path = tmp_path / "given.jsonl"
    path.write_text(BESIDE_AN_EDIT[name] + "\n")
    stored = import_all(path)
    stored.examples[0].messages[-1]["content"] = "Edited."
    stored.export(tmp_path / "edited.jsonl")
    assert (tmp_path / "edited.jsonl").read_text() == BESIDE_AN_EDIT[name].replace("3 m", "Edited.") + "\n"


def test_turns_taken_out_or_added_leave_the_others_as_they_were(tmp_path):
    turns = [
        {"role": role, "content": f"{at}", "n": float("nan")}
        for at, role in enumerate(["user", "assistant"] * 3)
    ]
    path = tmp_path / "given.jsonl"
    path.write_text(json.dumps({"messages": turns}) + "\n")
    stored = import_all(path)
    del stored.examples[0].messages[2:4]
    stored.export(tmp_path / "edited.jsonl")
    assert (tmp_path / "edited.jsonl").read_text() == json.dumps(
        {"messages": turns[:2] + turns[4:]}, separators=(",", ":")
    ) + "\n"


def test_a_label_of_calls_that_no_looked_at_row_has_is_said_and_not_read_as_text(tmp_path):
    plain = [{"role": "user", "content": "Tide?"}, {"role": "assistant", "content": "3 m"}]
    call = {"role": "tool_call", "content": '{"name": "tide", "arguments": {}}'}
    late = [plain[0], call, {"role": "tool_response", "content": "3"}, plain[1]]
    path = tmp_path / "given.jsonl"
    path.write_text("".join(json.dumps({"messages": turns}) + "\n" for turns in (plain, late)))
    got = import_file(path, "messages", MessagesFields())
    assert len(got.rows) == 1
    assert "turn 2 is labelled 'tool_call'" in got.rejects[0].reason
    assert "the mapping function_calls=true" in got.rejects[0].reason
    seen = inspect_file(
        path, format_name="messages", fields=parse_options(MessagesFields, {"function_calls": "true"})
    )
    got = import_file(path, "messages", seen.fields)
    assert got.rejects == []
    assert json.loads(got.rows[1]["messages"])[1]["tool_calls"][0]["function"]["name"] == "tide"


@pytest.mark.parametrize(
    "write", [json.dumps, partial(json.dumps, ensure_ascii=False), partial(json.dumps, separators=(",", ":"))]
)
def test_json_of_arrow_keeps_the_spaces_of_its_text(tmp_path, write):
    extras = [{"k": [1, {"é": None}]}, [1, 2], {}, "text", 12345678901234567890123]
    texts = pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array([write(one) for one in extras]))
    table = pa.table(
        {
            "prompt": ["Tide?"] * 5,
            "completion": ["3 m"] * 5,
            "extra": texts,
            "inside": pa.StructArray.from_arrays([texts], ["x"]),
        }
    )
    pq.write_table(table, tmp_path / "given.parquet")
    stored = import_all(tmp_path / "given.parquet")
    stored.export(tmp_path / "again.parquet")
    assert pq.read_table(tmp_path / "again.parquet").equals(table)
