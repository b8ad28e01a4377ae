"""One odd field does not cost its row, and no value becomes another one without a word."""

from __future__ import annotations

import base64
import bz2
import datetime
import decimal
import json
import lzma
from collections import Counter
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.formats.arrow_values import BYTES_MARK, from_json, to_json
from tamis.formats.detect import inspect_file
from tamis.formats.notes import FILE_KINDS, KINDS, Notes, say_note
from tests.core.formats.files import Imported, alpaca_rows, import_file, lines_of, written

CASES = Path(__file__).resolve().parents[2] / "fixtures" / "cases"


def notes_of(got: Imported) -> Notes:
    total: Notes = Counter()
    for batch in got.batches:
        total.update(batch.notes)
    return total


def meta_of(got: Imported) -> list[dict]:
    return [orjson.loads(row["meta"]) for row in got.rows]


def test_a_number_that_json_has_not_leaves_its_field_empty_and_counts(tmp_path):
    lines = [
        b'{"instruction":"a","output":"b","score":NaN}',
        b'{"instruction":"c","output":"d","score":0.5}',
        b'{"instruction":"e","output":"f","score":-Infinity,"deep":{"x":[1,NaN]}}',
    ]
    got = import_file(written(tmp_path, b"\n".join(lines)))
    assert meta_of(got) == [{"score": None}, {"score": 0.5}, {"score": None, "deep": {"x": [1, None]}}]
    assert [row["raw"].encode() for row in got.rows] == lines
    assert notes_of(got) == {("score", "nan"): 2, ("deep", "nan"): 1}


@pytest.mark.parametrize("as_list", [False, True])
def test_integers_beyond_64_bits_keep_every_digit(tmp_path, as_list):
    lines = [
        b'{"instruction":"a","output":"b","id":123456789012345678901234,"u":18446744073709551615}',
        b'{"instruction":"c","output":18446744073709551617,"n":-9223372036854775809,"tweet":1546130668394913822}',
        b'{"instruction":"12345678901234567890123","output":"b","x":-9223372036854775808}',
    ]
    content = b"[" + b",".join(lines) + b"]" if as_list else b"\n".join(lines)
    got = import_file(written(tmp_path, content))
    assert meta_of(got) == [
        {"id": "123456789012345678901234", "u": 18446744073709551615},
        {"n": "-9223372036854775809", "tweet": 1546130668394913822},
        {"x": -9223372036854775808},
    ]
    assert got.rows[1]["response"] == "18446744073709551617"
    assert notes_of(got) == {
        ("id", "big-integer"): 1,
        ("output", "big-integer"): 1,
        ("n", "big-integer"): 1,
    }


def test_long_integers_inside_json_text_keep_their_digits(tmp_path):
    calls = '[{"role":"user","content":"a"},{"role":"assistant","content":"b","n":123456789012345678901234}]'
    path = written(tmp_path, lines_of([{"messages": calls}] * 2))
    seen = inspect_file(path)
    got = import_file(path, "messages", seen.fields)
    assert orjson.loads(got.rows[0]["messages"])[1]["n"] == "123456789012345678901234"
    assert orjson.loads(got.rows[0]["raw"])["messages"] == calls


@pytest.mark.parametrize(
    ("field", "shown", "kind"),
    [
        (b'"bad \xff byte"', "bad \\udcff byte", "unicode"),
        (b'"lone \\ud800"', "lone \\ud800", "unicode"),
        (b'"nul \\u0000 here"', "nul \N{REPLACEMENT CHARACTER} here", "nul"),
        (b"[" * 500 + b"]" * 500, None, "left-out"),
    ],
)
def test_a_field_beside_the_conversation_does_not_cost_the_row(tmp_path, field, shown, kind):
    line = b'{"instruction": "a", "output": "b", "x": ' + field + b"}"
    got = import_file(written(tmp_path, line + b"\n" + lines_of(alpaca_rows(2))))
    assert not got.rejects
    assert meta_of(got)[0] == {"x": shown}
    assert notes_of(got) == {("x", kind): 1}


def test_text_that_is_none_in_a_column_of_parquet_or_csv_does_not_cost_the_row(tmp_path):
    raw = pa.array([b"good", b"bad\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"instruction": ["a", "b"], "output": ["x", "y"], "note": raw}), tmp_path / "p")
    (tmp_path / "c").write_bytes(b"instruction,output,note\na,x,good\nb,y,bad\xff\n")
    for name in ("p", "c"):
        got = import_file(tmp_path / name)
        assert [one["note"] for one in meta_of(got)] == ["good", "bad\\udcff"]
        assert notes_of(got) == {("note", "unicode"): 1}


def test_bytes_of_images_are_set_aside_and_kept():
    got = import_file(CASES / "51-parquet-types" / "vlm.parquet")
    assert [row["prompt"] for row in got.rows] == ["What is shown?", "And here?"]
    assert meta_of(got) == [{"image": {"path": "a.png"}}, {"image": {"path": "b.jpg"}}]
    assert notes_of(got) == {("image", "bytes"): 2}
    kept = orjson.loads(got.rows[0]["raw"])["image"]["bytes"]
    assert base64.b64decode(kept.removeprefix(BYTES_MARK)) == b"\x89PNG\r\n\x1a\n\x00\x00\x01"


def test_binary_that_is_text_is_read_as_text(tmp_path):
    table = pa.table({"instruction": pa.array([b"a", b"b"], pa.binary()), "output": pa.array([b"x", b"y"])})
    pq.write_table(table, tmp_path / "p")
    assert [row["prompt"] for row in import_file(tmp_path / "p").rows] == ["a", "b"]


def test_json_in_arrow_is_data():
    path = CASES / "50-save-to-disk" / "json_id.parquet"
    assert inspect_file(path).format_name == "messages"
    first = import_file(path, "messages").rows[0]
    turns = orjson.loads(first["messages"])
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "assistant"]
    assert turns[1]["tool_calls"][0]["function"]["arguments"] == {"port": "Brest"}
    assert orjson.loads(first["meta"])["tools"][0]["function"] == {"name": "tide"}


EVERY_TYPE = [
    (pa.timestamp("ns"), [1234567890123456789, None, -5]),
    (pa.timestamp("us", "Europe/Paris"), [1234567890123456, None]),
    (pa.date32(), [datetime.date(2024, 1, 2), None]),
    (pa.date64(), [86_400_000 * 10]),
    (pa.time32("ms"), [1234, None]),
    (pa.time64("ns"), [1234]),
    (pa.duration("us"), [1234, None]),
    (pa.decimal128(10, 2), [decimal.Decimal("1.50"), None]),
    (pa.decimal256(60, 5), [decimal.Decimal("1234567890123456789012345678901234567890.12345")]),
    (pa.float32(), [0.1, None, float("inf")]),
    (pa.float64(), [float("nan"), 1e300]),
    (pa.uint64(), [2**64 - 1, 0]),
    (pa.int64(), [-(2**63), 2**63 - 1]),
    (pa.binary(), [b"abc", b"\xff\x00", None, b"a\0", BYTES_MARK.encode()]),
    (pa.binary(3), [b"abc"]),
    (pa.large_string(), ["a\0b", None]),
    (pa.dictionary(pa.int32(), pa.string()), ["a", "b", None]),
    (pa.list_(pa.timestamp("us")), [[1, None], None, [], [2]]),
    (pa.list_(pa.int64(), 2), [[1, 2], [3, 4]]),
    (pa.map_(pa.string(), pa.decimal128(5, 1)), [[("k", decimal.Decimal("1.5"))], None, []]),
    (
        pa.large_list(pa.struct([("a", pa.date32()), ("b", pa.list_(pa.binary()))])),
        [[{"a": datetime.date(2020, 1, 1), "b": [b"\xff"]}, None], None, []],
    ),
    (
        pa.struct([("x", pa.int32()), ("y", pa.struct([("z", pa.time64("us"))]))]),
        [{"x": 1, "y": None}, None, {"x": None, "y": {"z": 5}}],
    ),
    (pa.null(), [None, None]),
]


@pytest.mark.parametrize(("kind", "values"), EVERY_TYPE, ids=lambda value: str(value)[:30])
def test_every_type_of_arrow_comes_back_from_json(kind, values):
    whole = pa.array(values, kind)
    for column in (whole, pa.concat_arrays([whole, whole])[1:]):
        text = json.dumps(to_json(column))
        again = from_json(json.loads(text), kind)
        assert again.type == kind
        assert str(again.to_pylist()) == str(column.to_pylist())


def test_quotes_inside_cells_are_text(tmp_path):
    content = (
        b'instruction\toutput\n"Carpe diem" comes from which poet?\tHorace, in the Odes.\n'
        b'Who said so?\t"Never again" was the slogan of the march.\n"Fully quoted"\tok\nPlain 5" pipe\tabout 127 mm\n'
    )
    got = import_file(written(tmp_path, content))
    assert [(row["prompt"], row["response"]) for row in got.rows] == [
        ('"Carpe diem" comes from which poet?', "Horace, in the Odes."),
        ("Who said so?", '"Never again" was the slogan of the march.'),
        ("Fully quoted", "ok"),
        ('Plain 5" pipe', "about 127 mm"),
    ]
    assert notes_of(got) == {("", "quote"): 2}


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (b'"Hello, world" he said,x', ('"Hello, world" he said', "x")),
        (b'"say ""hi"" now",x', ('say "hi" now', "x")),
        (b'"a" b,"c" d', ('"a" b', '"c" d')),
        (b'"quoted" ,x', ("quoted ", "x")),
        (b'"several\nlines",x', ("several\nlines", "x")),
        (b'x,"',  None),
        (b'"open,x', None),
    ],
)  # fmt: skip
def test_cells_of_csv_with_quotes(tmp_path, row, cells):
    got = import_file(written(tmp_path, b"instruction,output\n" + row + b"\nlast,row\n"))
    read = [(one["prompt"], one["response"]) for one in got.rows]
    assert read == ([cells] if cells else []) + [("last", "row")]
    assert len(got.rejects) == (cells is None)


def test_joined_files_leave_neither_marks_nor_headers(tmp_path):
    mark = b"\xef\xbb\xbf"
    lines = lines_of(alpaca_rows(1)).strip()
    got = import_file(written(tmp_path, mark + lines + b"\n" + mark + lines + b"\n"))
    assert [row["raw"].encode() for row in got.rows] == [lines, lines]
    table = mark + b"instruction,output\na,b\n"
    got = import_file(written(tmp_path, table + table))
    assert [(row["prompt"], row["response"]) for row in got.rows] == [("a", "b")] * 2
    assert [(one.line, one.reason) for one in got.rejects] == [(3, "repeats the header, as joined files do")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"instruction":"a","output":"b"},\n{"instruction":"c","output":"d"},\n', "line-comma"),
        (b'// notes\n{"instruction":"a","output":"b"}\n# more\n{"instruction":"c","output":"d"}\n', "comment-line"),
        (b'\x1e{"instruction":"a","output":"b"}\n\x1e{"instruction":"c",\n"output":"d"}\n', ""),
        (b'{"instruction":"a","output":"b"}\r\n\r\n  {"instruction":"c","output":"d"}', ""),
    ],
)  # fmt: skip
def test_what_joins_records_is_no_part_of_them(tmp_path, content, kind):
    path = written(tmp_path, content)
    assert inspect_file(path).format_name == "alpaca"
    got = import_file(path)
    assert [row["prompt"] for row in got.rows] == ["a", "c"]
    assert notes_of(got) == ({("", kind): 2} if kind else {})


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_bzip2_and_xz_are_unpacked(tmp_path, pack):
    content = pack(lines_of(alpaca_rows(3))) + pack(lines_of(alpaca_rows(2)))
    assert import_file(written(tmp_path, content)).n_imported == 5
    cut = import_file(written(tmp_path, pack(lines_of(alpaca_rows(20_000)))[:-20]))
    assert "in the middle of its" in cut.rejects[-1].reason


def test_zstd_with_a_long_window_is_unpacked():
    assert import_file(CASES / "09-zstd-long" / "long28.jsonl.zst").n_imported == 6


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "请介绍一下长城,长城是中国古代的伟大建筑\n什么是光合作用？,光合作用是植物利用阳光制造养分的过程\n"),
        ("shift_jis", "日本の首都はどこですか,東京です\n富士山の高さは？,三七七六メートルです\n"),
        ("latin-1", "Qu'est-ce qu'un déjeuner ?,Un repas servi à midi\nHello,World\n"),
        ("cp1251", "Какая столица России?,Столица России — Москва\n"),
        ("euc_kr", "한국의 수도는 어디입니까,서울입니다\n"),
        ("big5", "請介紹一下長城,長城是中國古代的偉大建築\n"),
    ],
)  # fmt: skip
def test_legacy_encodings_are_guessed_and_the_guess_is_told(tmp_path, encoding, text):
    path = written(tmp_path, ("instruction,output\n" + text).encode(encoding))
    layout = inspect_file(path).layout
    assert 0 < layout.encoding_confidence < 1
    got = import_file(path)
    assert [f"{row['prompt']},{row['response']}" for row in got.rows] == text.splitlines()


def test_every_note_is_a_sentence():
    assert all(say_note("x", kind, 2).startswith("column 'x', 2 rows: ") for kind in KINDS)
    assert all("'x'" in say_note("x", kind, 2) for kind in FILE_KINDS)
    assert say_note("version", "beside", 1) == "beside the rows, 'version' (1 value) is not read"
    assert say_note("", "line-comma", 1) == "the file, 1 row: a comma behind the record: left out"
