from __future__ import annotations

import hashlib

import orjson
import pytest

from tamis.errors import UnreadableFile
from tamis.formats import containers, json_lists, load_format, reader
from tamis.formats.encodings import detect_encoding
from tamis.formats.schema import CUT_MARK, EXAMPLES_SCHEMA, MAX_RAW_CHARS
from tests.core.formats.files import (
    alpaca_rows,
    compress,
    csv_bytes,
    import_file,
    lines_of,
    parquet_bytes,
    written,
)

GOOD = b'{"instruction": "a", "output": "b"}'


CONTENTS = {
    "jsonl": lines_of(alpaca_rows(50)),
    "jsonl, last line open": lines_of(alpaca_rows(50)).rstrip(),
    "jsonl, CRLF": lines_of(alpaca_rows(50), b"\r\n"),
    "jsonl, CR": lines_of(alpaca_rows(50), b"\r"),
    "jsonl, blank lines": b"\n \n".join(lines_of(alpaca_rows(50)).splitlines()),
    "jsonl, byte order mark": b"\xef\xbb\xbf" + lines_of(alpaca_rows(50)),
    "jsonl, UTF-16 LE": b"\xff\xfe" + lines_of(alpaca_rows(50)).decode().encode("utf-16-le"),
    "jsonl, UTF-16 BE": b"\xfe\xff" + lines_of(alpaca_rows(50)).decode().encode("utf-16-be"),
    "jsonl, UTF-16 LE unmarked": lines_of(alpaca_rows(50)).decode().encode("utf-16-le"),
    "jsonl, UTF-16 BE unmarked": lines_of(alpaca_rows(50)).decode().encode("utf-16-be"),
    "json": orjson.dumps(alpaca_rows(50)),
    "json, indented": orjson.dumps(alpaca_rows(50), option=orjson.OPT_INDENT_2),
    "json, one row a line": b"[\n" + b",\n".join(lines_of(alpaca_rows(50)).splitlines()) + b"\n]\n",
    "json, wrapped": orjson.dumps({"version": "1", "data": alpaca_rows(50), "tags": ["x"]}),
    "json, wrapped and indented": orjson.dumps({"data": alpaca_rows(50)}, option=orjson.OPT_INDENT_2),
    "json, wrapped under any key": orjson.dumps({"my_rows": alpaca_rows(50)}),
    "json, two lists": orjson.dumps({"train": alpaca_rows(50)[:30], "test": alpaca_rows(50)[30:]}),
    "csv": csv_bytes(alpaca_rows(50)),
    "csv, semicolons": csv_bytes(alpaca_rows(50), ";"),
    "csv, UTF-16": csv_bytes(alpaca_rows(50)).decode().encode("utf-16"),
    "tsv": csv_bytes(alpaca_rows(50), "\t"),
    "parquet": parquet_bytes(alpaca_rows(50)),
}


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("kind", list(CONTENTS))
def test_every_container_gives_the_same_rows(tmp_path, kind, compression):
    path = written(tmp_path, compress(CONTENTS[kind], compression), "set.bin")
    got = import_file(path)
    expected = alpaca_rows(50)
    assert [row["prompt"] for row in got.rows] == [row["instruction"] for row in expected]
    records = [orjson.loads(row["raw"]) for row in got.rows]
    splits = [record.pop("split", "") for record in records]
    assert splits == (["train"] * 30 + ["test"] * 20 if kind == "json, two lists" else [""] * 50)
    assert records == expected
    assert [orjson.loads(row["meta"])["id"] for row in got.rows] == [row["id"] for row in expected]
    assert got.rejects == []
    assert got.n_records == got.n_imported == 50
    assert got.batches[-1].bytes_read <= got.batches[-1].total_bytes == path.stat().st_size


def test_a_row_has_all_columns_of_the_schema(tmp_path):
    record = {"instruction": "Add.", "input": "1, 1", "output": "2", "source": "sums", "level": 3}
    got = import_file(written(tmp_path, b"\n" + orjson.dumps(record), "maths.v2.jsonl.gz"))
    (row,) = got.rows
    messages = [{"role": "user", "content": "Add.\n\n1, 1"}, {"role": "assistant", "content": "2"}]
    sorted_messages = orjson.dumps(messages, option=orjson.OPT_SORT_KEYS)
    assert row == {
        "messages": orjson.dumps(messages).decode(),
        "prompt": "Add.\n\n1, 1",
        "response": "2",
        "source": "sums",
        "source_row": 2,
        "n_turns": 2,
        "content_hash": hashlib.blake2b(sorted_messages, digest_size=16).hexdigest(),
        "meta": orjson.dumps(
            {"source": "sums", "level": 3, "_shape": {"format": "alpaca", "input_chars": 4}}
        ).decode(),
        "raw": orjson.dumps(record).decode(),
    }
    assert got.batches[0].table.schema == EXAMPLES_SCHEMA


def test_source_is_the_name_of_the_file_when_the_record_has_none(tmp_path):
    assert import_file(written(tmp_path, GOOD, "maths.v2.jsonl.gz")).rows[0]["source"] == "maths.v2"


def test_content_hash_does_not_depend_on_the_format(tmp_path):
    chat = {"messages": [{"content": "a", "role": "user"}, {"role": "assistant", "content": "b"}]}
    one = import_file(written(tmp_path, orjson.dumps(chat)), "messages")
    other = import_file(written(tmp_path, GOOD, "other"))
    assert one.rows[0]["content_hash"] == other.rows[0]["content_hash"]


BAD_LINES = [
    (b'{"instruction": "a\xff", "output": "b"}', "invalid UTF-8 at byte 19"),
    (b'{"instruction": "a\0", "output": "b"}', "contains NUL at byte 19"),
    (b'{"instruction": "a\\u0000", "output": "b"}', "contains NUL (\\u0000)"),
    (b'{"instruction": "a\\ud800", "output": "b"}', "lone surrogate such as \\ud800"),
    (b'{"instruction": "\\ud83d\\ude00 \\\\ud801 \\udc00", "output": "b"}', "lone surrogate such as \\udc00"),
    (b'{"instruction": "a\xed\xa0\x80", "output": "b"}', "contains a lone surrogate at byte 19"),
    (b'{"instruction": "a", "output": NaN}', "contains NaN, which JSON does not allow"),
    (b'["a", "b"]', "is list, not an object"),
    (b'"text"', "is text, not an object"),
    (b"17", "is number, not an object"),
    (b"null", "is null, not an object"),
    (GOOD + GOOD, "more than one JSON value in a line"),
    (b'{"instruction": "a", "outp', "not JSON"),
    (b'{"instruction": "a" "output": "b"}', "not JSON"),
    (b"hello", "not JSON"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    (b'{"instruction": "a", "output": -Infinity, "x": 1}', "contains -Infinity"),
    (b'{"instruction": "", "output": "b"}', "empty prompt"),
    (b'{"instruction": "a", "output": "  "}', "empty response"),
    (b'{"query": "a", "reply": "b"}', "no field 'instruction'; the record has 'query', 'reply'"),
    (b"{}", "the record has no fields"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_refused_alone_with_its_number_and_reason(tmp_path, line, reason):
    got = import_file(written(tmp_path, b"\n".join([GOOD, b"", line, GOOD])))
    (reject,) = got.rejects
    assert reject.line == 3
    assert reason in reject.reason
    assert [row["source_row"] for row in got.rows] == [1, 4]
    assert (got.n_records, got.n_imported) == (3, 2)
    assert reject.raw[:50] == line[:50].decode("utf-8", "backslashreplace")[:50]


def test_backslashes_before_u0000_are_no_nul(tmp_path):
    got = import_file(written(tmp_path, b'{"instruction": "write \\\\u0000", "output": "b"}'))
    assert got.rows[0]["prompt"] == "write \\u0000"


def test_a_byte_order_mark_between_joined_files_is_dropped(tmp_path):
    assert import_file(written(tmp_path, GOOD + b"\n\xef\xbb\xbf" + GOOD)).n_imported == 2


def test_a_line_of_ten_megabytes_is_imported(tmp_path):
    long = {"instruction": "a", "output": "x" * 10_000_000}
    got = import_file(written(tmp_path, lines_of([*alpaca_rows(1), long, *alpaca_rows(1)])))
    assert [len(row["response"]) for row in got.rows] == [9, 10_000_000, 9]


def test_a_bad_line_of_ten_megabytes_is_cut_in_the_report(tmp_path):
    got = import_file(written(tmp_path, GOOD + b"\n" + b"{" + b"x" * 10_000_000))
    assert got.rejects[0].raw.endswith(CUT_MARK)
    assert len(got.rejects[0].raw) == MAX_RAW_CHARS + len(CUT_MARK)


@pytest.mark.parametrize("start", [b"", b"["])
def test_a_record_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch, start):
    monkeypatch.setattr(containers, "MAX_RECORD_BYTES", 3_000_000)
    separator = b"," if start else b"\n"
    content = start + GOOD + separator + b'{"instruction": "' + b"x" * 9_000_000 + b'"}' + separator + GOOD
    got = import_file(written(tmp_path, content + (b"]" if start else b"")))
    assert got.n_imported == (1 if start else 2)
    assert len(got.rejects) == 1
    assert "longer than" in got.rejects[0].reason
    if not start:
        assert [row["source_row"] for row in got.rows] == [1, 3]


def test_half_a_character_at_the_end_of_utf_16_refuses_the_last_line(tmp_path):
    content = lines_of(alpaca_rows(2)).decode().encode("utf-16")
    got = import_file(written(tmp_path, content[:-3]))
    assert got.n_imported == 1
    assert "invalid UTF-8" in got.rejects[0].reason


def test_a_lone_surrogate_in_utf_16_refuses_its_line(tmp_path):
    text = '{"instruction": "a\ud800", "output": "b"}\n'.encode("utf-16-le", "surrogatepass")
    got = import_file(
        written(tmp_path, b"\xff\xfe" + text + lines_of(alpaca_rows(1)).decode().encode("utf-16-le"))
    )
    assert got.n_imported == 1
    assert "lone surrogate" in got.rejects[0].reason


def test_binary_zeros_are_not_taken_for_utf_16():
    assert detect_encoding(bytes(range(256)) * 4).name == "utf-8"
    assert detect_encoding(b"\x01\x00\x02\x00" * 100).name == "utf-8"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b'{"instruction": NaN, "output": "b"}', "contains NaN"),
        (b'{"instruction": "a\xff", "output": "b"}', "invalid UTF-8"),
        (b'"text"', "is text, not an object"),
        (GOOD + b" " + GOOD, "more than one JSON value"),
    ],
)
def test_a_bad_item_of_a_list_is_refused_alone(tmp_path, item, reason):
    got = import_file(written(tmp_path, b"[" + b",\n".join([GOOD, item, GOOD]) + b"]"))
    assert got.n_imported == 2
    assert reason in got.rejects[0].reason
    assert got.rejects[0].line == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" + GOOD + b"," + GOOD[:10], "the file ends in the middle of its JSON list after record 1"),
        (b"[" + GOOD + b",", "the file ends in the middle of its JSON list after record 1"),
        (b"[" + GOOD + b"] and more", "more text behind the end"),
        (b'{"data": [' + GOOD + b"]", "the file ends in the middle"),
    ],
)
def test_a_broken_list_gives_what_stood_before_the_break(tmp_path, content, reason):
    got = import_file(written(tmp_path, content))
    assert got.n_imported == 1
    assert reason in got.rejects[0].reason


def test_brackets_and_commas_in_strings_do_not_split_a_list(tmp_path):
    records = [{"instruction": '}]," \\', "output": "[{,"} for _ in range(3)]
    got = import_file(written(tmp_path, orjson.dumps(records)))
    assert [row["prompt"] for row in got.rows] == ['}]," \\'] * 3


def test_a_list_is_split_alike_whatever_the_pieces_it_arrives_in():
    records = [{"instruction": f'q "{i}" \\', "input": [{"x": []}], "output": ""} for i in range(4)]
    for wrapped in (False, True):
        text = orjson.dumps({"n": 1, "skip": [1, 2], "data": records} if wrapped else records)
        for size in range(1, 40):
            scanner = json_lists._ListScanner(wrapped=wrapped)
            pieces = (text[start : start + size] for start in range(0, len(text), size))
            items = [item for piece in pieces for item in scanner.feed(piece)]
            assert [orjson.loads(item) for item in items] == records
            assert scanner.done


def test_cells_hold_line_ends_quotes_and_delimiters(tmp_path):
    records = [{"instruction": 'say "hi",\nthen\tbye;\r\nnow', "output": "ok, done"}] * 2
    for delimiter in (",", "\t"):
        got = import_file(written(tmp_path, csv_bytes(records, delimiter)))
        assert [row["prompt"] for row in got.rows] == [records[0]["instruction"]] * 2
        assert [row["source_row"] for row in got.rows] == [2, 5]


def test_bad_rows_of_a_table_are_refused_alone(tmp_path):
    content = b"instruction,output\na,b\na,b,c\n\na\xff,b\na\na\0,b\n,b\nc,d\n"
    got = import_file(written(tmp_path, content))
    assert got.n_imported == 2
    assert [(reject.line, reject.reason) for reject in got.rejects] == [
        (3, "3 cells where the header names 2 columns"),
        (5, "invalid UTF-8 in field 'instruction' at byte 2"),
        (6, "no field 'output'; the record has 'instruction'"),
        (7, "contains NUL (\\u0000)"),
        (8, "empty prompt"),
    ]
    assert got.rejects[0].raw == "a,b,c"
    assert "a\\xff" in got.rejects[1].raw


def test_headers_without_name_or_twice_are_told_apart():
    assert containers.column_names(["a", "", " a ", "b"]) == ["a", "column_2", "a_3", "b"]


def test_repeated_ids_are_imported_and_counted_over_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "BLOCK_BYTES", 1000)
    rows = [*alpaca_rows(50), *alpaca_rows(3)]
    got = import_file(written(tmp_path, lines_of(rows)))
    assert got.n_imported == 53
    assert sum(batch.n_duplicate_ids for batch in got.batches) == 3
    shown = [shown for batch in got.batches for shown in batch.duplicate_ids]
    assert [(item.line, item.record_id) for item in shown] == [(51, "r0"), (52, "r1"), (53, "r2")]


def test_processes_give_the_same_batches_in_the_same_order(tmp_path, monkeypatch):
    path = written(tmp_path, lines_of(alpaca_rows(30_000)) + b"bad\n")
    monkeypatch.setattr(reader, "BLOCK_BYTES", 200_000)
    alone, pooled = import_file(path, n_workers=0), import_file(path, n_workers=2)
    assert len(alone.batches) >= 3
    assert [batch.table for batch in pooled.batches] == [batch.table for batch in alone.batches]
    assert pooled.rejects == alone.rejects
    assert pooled.rejects[0].line == 30_001


def test_a_killed_process_loses_no_rows(tmp_path, monkeypatch):
    class Broken:
        def submit(self, *_):
            raise reader.BrokenProcessPool

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(reader, "ProcessPoolExecutor", lambda *_, **__: Broken())
    monkeypatch.setattr(reader, "BLOCK_BYTES", 1000)
    got = import_file(written(tmp_path, lines_of(alpaca_rows(100))), n_workers=2)
    assert [row["source_row"] for row in got.rows] == list(range(1, 101))


def test_a_batch_holds_no_more_rows_than_asked(tmp_path):
    for content in (
        csv_bytes(alpaca_rows(25)),
        orjson.dumps(alpaca_rows(25)),
        parquet_bytes(alpaca_rows(25)),
    ):
        got = import_file(written(tmp_path, content), batch_rows=10)
        assert [batch.n_records for batch in got.batches] == [10, 10, 5]


def test_a_file_without_a_good_row_says_why(tmp_path):
    bad = b"\n".join(
        [b'{"instruction": "", "output": "b"}'] * 5 + [b'{"instruction": "a", "output": 1'] * 3 + [b"{}"]
    )
    with pytest.raises(UnreadableFile) as refused:
        import_file(written(tmp_path, bad, "bad.jsonl"))
    message = str(refused.value)
    assert "No record of bad.jsonl" in message
    assert "all 9 were rejected" in message
    assert message.index("empty prompt (5 records)") < message.index("not JSON") < message.index("no field")


UNREADABLE = [
    (b"", "is empty: it has no bytes"),
    (b"\n\n  \n", "is empty"),
    (compress(b"", "gzip"), "is empty"),
    (b"\xef\xbb\xbf", "is empty"),
    (b"[]", "holds no records"),
    (b"instruction,output\n", "holds no records"),
    (b'{"data": []}', "No record"),
    (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
    (b"%PDF-1.7", "a PDF document"),
    (b"PK\x03\x04" + bytes(30), "a ZIP archive"),
    (b"<!DOCTYPE html><html></html>", "HTML or XML page"),
    (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    (bytes(range(256)) * 20, "a binary file"),
    (b"Once upon a time there was a line.\nAnd another one\n", "text without columns"),
    (b"PAR1 and no more", "cannot be read"),
    (compress(compress(b"x", "gzip"), "gzip"), "gzip inside another"),
    (b'{\n  "name": "a",\n  "version": "b"\n}\n' * 3, "No record"),
    (b'{\n  "name": "a",\n  "version": "b"\n}\n', "No record"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(30), "a 7z archive: unpack it first"),
    (b"rows.jsonl".ljust(257, b"\0") + b"ustar\x0000" + bytes(300), "a tar archive: unpack it first"),
]


@pytest.mark.parametrize(("content", "reason"), UNREADABLE)
def test_a_file_of_another_kind_is_refused_with_why(tmp_path, content, reason):
    with pytest.raises(UnreadableFile) as refused:
        import_file(written(tmp_path, content))
    assert reason in str(refused.value)


def test_a_missing_file_and_a_strange_folder_are_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="No such file"):
        import_file(tmp_path / "nowhere")
    with pytest.raises(UnreadableFile, match="folder without"):
        import_file(tmp_path)


def test_one_record_in_may_be_several_examples(tmp_path):
    record = {"instruction": "a", "instances": [{"output": "x"}, {"output": "y"}]}
    got = import_file(written(tmp_path, orjson.dumps(record)), "self_instruct")
    assert (got.n_records, got.n_imported, len(got.rows)) == (1, 1, 2)
    assert {row["source_row"] for row in got.rows} == {1}


def test_default_mapping_of_every_format_is_accepted_by_the_reader(tmp_path):
    with pytest.raises(UnreadableFile):
        import_file(written(tmp_path, GOOD), "turns", load_format("turns").fields())
