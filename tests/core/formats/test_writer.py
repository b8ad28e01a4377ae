from __future__ import annotations

import hashlib

import orjson
import pyarrow.parquet as pq
import pytest

from tamis.errors import CurationError, UnknownName
from tamis.formats.targets import Target
from tamis.formats.writer import EXPORT_FORMATS, StoredExample, export_file, row_lines
from tests.core.formats.files import import_file
from tests.core.formats.round_trip import import_all

PARQUET = Target("parquet")

USER, REPLY = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}


def stored_rows(path, format_name: str) -> list[StoredExample]:
    return [
        StoredExample(
            messages=orjson.loads(row["messages"]),
            raw=row["raw"],
            source=row["source"],
            source_row=row["source_row"],
            meta=orjson.loads(row["meta"]),
            format_name=format_name,
        )
        for row in import_file(path, format_name).rows
    ]


def test_source_shape_gives_untouched_records_byte_for_byte(tmp_path):
    lines = [
        b'{"instruction":"a", "output" : "b\\u00e9", "n": 1.50, "big": 123456789012345678901234567890}',
        '{"output": "ü", "instruction": "c",  "x": [1E5, {}]}'.encode(),
    ]
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\n".join(lines))
    assert list(row_lines(stored_rows(path, "alpaca"), format_name="source")) == lines


def test_source_shape_of_an_indented_list_is_one_line_with_the_same_values(tmp_path):
    path = tmp_path / "in.json"
    path.write_bytes(b'[\n  {\n    "instruction": "a\\n",\r\n    "output": "b",\n    "n": 1.50\n  }\n]')
    (line,) = row_lines(stored_rows(path, "alpaca"), format_name="source")
    assert b"\n" not in line
    assert b'"n": 1.50' in line
    assert orjson.loads(line) == {"instruction": "a\n", "output": "b", "n": 1.5}


def test_source_shape_writes_a_changed_response_in_the_source_format(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"instruction": "a", "input": "i", "output": "b", "id": 4}')
    (example,) = stored_rows(path, "alpaca")
    example.messages[-1]["content"] = "better"
    (line,) = row_lines([example], format_name="source")
    assert orjson.loads(line) == {"instruction": "a", "input": "i", "output": "better", "id": 4}


def test_source_shape_keeps_a_record_of_several_examples_whole_only_when_all_are_taken(tmp_path):
    path = tmp_path / "in.jsonl"
    record = {
        "instruction": "a",
        "instances": [{"input": "", "output": "x"}, {"input": "", "output": "y"}],
        "name": "n",
    }
    path.write_bytes(orjson.dumps(record))
    both = stored_rows(path, "self_instruct")
    assert [orjson.loads(line) for line in row_lines(both, format_name="source")] == [record]
    (second,) = row_lines(both[1:], format_name="source")
    assert orjson.loads(second) == {**record, "instances": [{"input": "", "output": "y"}]}


def test_a_written_file_has_its_rows_and_hash_and_nothing_is_left_aside(tmp_path):
    examples = [StoredExample(messages=[USER, REPLY], meta={"id": n}) for n in range(3)]
    done = export_file(examples, tmp_path / "out.jsonl", format_name="prompt_completion")
    content = (tmp_path / "out.jsonl").read_bytes()
    assert [orjson.loads(line) for line in content.splitlines()][2] == {
        "prompt": "a",
        "completion": "b",
        "id": 2,
    }
    assert (done.n_rows, done.sha256) == (3, hashlib.sha256(content).hexdigest())
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_failed_export_leaves_the_old_file_and_names_the_row(tmp_path):
    (tmp_path / "out.jsonl").write_text("old")
    tool = StoredExample(messages=[{**USER, "name": "Ann"}, REPLY], source="chats", source_row=17)
    fine = StoredExample(messages=[USER, REPLY])
    with pytest.raises(
        CurationError, match=r"the key 'name'.*'messages' instead.*row 2 \(record 17 of chats\)"
    ):
        export_file([fine, tool], tmp_path / "out.jsonl", format_name="alpaca")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("format_name", [name for name in EXPORT_FORMATS if name != "source"])
def test_parquet_holds_what_the_lines_hold(tmp_path, format_name):
    examples = [
        StoredExample(messages=[USER, REPLY], meta={"rejected": "c", "tags": ["x"]}),
        StoredExample(messages=[USER, REPLY], meta={"rejected": "d", "score": 1.5}),
    ]
    done = export_file(examples, tmp_path / "out.parquet", format_name=format_name, target=PARQUET)
    rows = pq.read_table(done.path).to_pylist()
    lines = [orjson.loads(line) for line in row_lines(examples, format_name=format_name)]
    assert [example.meta.items() <= row.items() for row, example in zip(rows, examples, strict=True)]
    assert [{key: value for key, value in row.items() if value is not None} for row in rows] == lines
    again = import_all(done.path, format_name=format_name)
    assert [one.messages for one in again.examples] == [one.messages for one in examples]
    # A column that a row does not have is missing again, and not a null.
    assert [orjson.loads(one.raw) for one in again.examples] == lines


def test_parquet_keeps_columns_and_keys_that_appear_late(tmp_path):
    late = [{"role": "system", "content": "s"}, {**USER, "name": "Ann"}, REPLY]
    examples = [StoredExample(messages=[USER, REPLY])] * 2500 + [StoredExample(messages=late)]
    done = export_file(examples, tmp_path / "out.parquet", format_name="messages", target=PARQUET)
    rows = pq.read_table(done.path).to_pylist()
    assert len(rows) == done.n_rows == 2501
    # Turns with other keys are JSON, so that no turn gets a null that it does not have.
    assert [orjson.loads(turn) for turn in rows[-1]["messages"]] == late
    assert [orjson.loads(turn) for turn in rows[0]["messages"]] == [USER, REPLY]
    again = import_file(tmp_path / "out.parquet", "messages").rows
    assert orjson.loads(again[-1]["messages"]) == late
    assert orjson.loads(again[0]["messages"]) == [USER, REPLY]


def test_values_of_several_kinds_in_one_column_of_parquet_stay_what_they_are(tmp_path):
    parts = [{"role": "user", "content": [{"type": "text", "text": "a"}]}, REPLY]
    odd = {"x": 1, "y": [1, "a", {}], "z": 2**63, "u": 2**64 - 1, "n": None}
    examples = [
        StoredExample(messages=[USER, REPLY], meta={"x": "1", "y": None, "z": 0.5, "u": 1, "n": {"a": None}}),
        StoredExample(messages=parts, meta=odd),
    ]
    done = export_file(examples, tmp_path / "out.parquet", format_name="messages", target=PARQUET)
    again = import_all(done.path).examples
    assert [one.messages for one in again] == [[USER, REPLY], parts]
    assert [one.meta for one in again] == [examples[0].meta, odd]


def test_nothing_to_export_and_unknown_formats_are_refused(tmp_path):
    with pytest.raises(CurationError, match="nothing to export"):
        export_file([], tmp_path / "out.parquet", format_name="alpaca", target=PARQUET)
    with pytest.raises(UnknownName, match="sharegpt"):
        export_file([], tmp_path / "out", format_name="yaml")
