"""Rows of every format with hostile values, written by other tools in every container: imported and exported they are equal."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
import lzma
import math
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.formats.round_trip import Stored, import_all
from tests.support import scale

N_EXAMPLES = scale.times(300, 20_000)
_SETTINGS = settings(
    max_examples=N_EXAMPLES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
HOSTILE = (
    "a", '"quoted" and on', '"', '""', "it's, one; two\tthree|four", "line\nbreak", "line\r\nbreak", "\r", "\u2028", " blanks ",
    "\ufeffmark", "=1+1", "NaN", "null", "nan", "None", "1e5", "0x1", "007", "[1, 2]", '{"a": 1}', "{'a': 1}", "\\", "\\u0000",
    "\\N", "日本語", "🙂", "e\u0301", "\x1f", "true", "#", "//", "[", "</s>", "12345678901234567890123", "a,b", "-", "%00",
)  # fmt: skip
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8),
)
spoken = texts.filter(lambda text: bool(text.strip()))
numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63) - 1, 0]),
    st.floats(width=64),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(texts, inner, max_size=2)),
    max_leaves=5,
)
OWN = ("id", "score", "tags", "meta", "source_row", "lang", "raw", "source", "x.y", "n_turns")

messages = st.builds(
    lambda turns: [turn for question, answer in turns for turn in (
        {"role": "user", "content": question}, {"role": "assistant", "content": answer})],
    st.lists(st.tuples(spoken, spoken), min_size=1, max_size=2),
)  # fmt: skip
conversations = messages.map(
    lambda turns: [{"from": {"user": "human"}.get(t["role"], "gpt"), "value": t["content"]} for t in turns]
)
calls = st.builds(
    lambda turns, arguments: [
        turns[0],
        {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": arguments}}]},
        {"role": "tool", "content": "1"},
        turns[1],
    ],
    messages, st.dictionaries(spoken, json_values, max_size=2),
)  # fmt: skip
instances = st.lists(
    st.fixed_dictionaries({"input": st.one_of(st.just(""), texts), "output": spoken}), min_size=1, max_size=3
)
# How speakers are marked in one text: before a question, before an answer, at the end of each.
MARKS = (
    ("\n\nHuman: ", "\n\nAssistant: ", ""), ("### Human: ", "### Assistant: ", ""), ("USER: ", " ASSISTANT: ", "</s>"),
    ("<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>\n"), ("<s>[INST] ", " [/INST] ", " </s>"),
    ("<start_of_turn>user\n", "<start_of_turn>model\n", "<end_of_turn>\n"),
)  # fmt: skip
# What looks like a mark or an end of one is none of a speaker's text.
_LOOKS_MARKED = ("</s>", "#", "[", "<", "\ufeff")
unmarked = spoken.filter(
    lambda text: not any(mark in text for mark in _LOOKS_MARKED) and text == text.strip()
)


def _in_one_text(turns: list[tuple[str, str]], marks: tuple[str, str, str]) -> str:
    asked, answered, end = marks
    closes = end if asked.startswith("<") and "INST" not in asked else ""
    return "".join(f"{asked}{question}{closes}{answered}{answer}{end}" for question, answer in turns)


transcripts = st.builds(
    _in_one_text,
    st.lists(st.tuples(unmarked, unmarked), min_size=1, max_size=2),
    st.sampled_from(MARKS),
)
TEXT_FORMATS: dict[str, dict[str, Any]] = {
    "alpaca": {"instruction": spoken, "input": st.one_of(st.just(""), texts), "output": spoken},
    "prompt_completion": {"prompt": spoken, "completion": spoken},
    "instruction_response": {"instruction": spoken, "response": spoken},
    "question_answer": {"question": spoken, "answer": spoken},
    "preference": {"prompt": spoken, "chosen": spoken, "rejected": spoken},
    "transcript": {"text": transcripts},
}
LIST_FORMATS: dict[str, dict[str, Any]] = {
    "messages": {"messages": messages},
    "sharegpt": {"conversations": conversations},
    "turns": {"conversations": messages.map(lambda turns: [turn["content"] for turn in turns])},
    "self_instruct": {"instruction": spoken, "instances": instances},
}
FORMATS = TEXT_FORMATS | LIST_FORMATS
# A column of a typed table: the type, and its values.
COLUMNS = (
    (pa.string(), texts), (pa.int64(), st.integers(-(2**63), 2**63 - 1)), (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), st.floats(width=64)), (pa.float32(), st.floats(width=32)), (pa.bool_(), st.booleans()),
    (pa.binary(), st.binary(max_size=4)), (pa.timestamp("us"), st.datetimes(datetime.datetime(1, 1, 2))),
    (pa.date32(), st.dates(datetime.date(1, 1, 2))), (pa.time64("us"), st.times()),
    (pa.decimal128(20, 3), st.decimals(-1000, 1000, places=3)), (pa.list_(pa.string()), st.lists(texts, max_size=2)),
    (pa.struct([("a", pa.int8()), ("content", pa.string())]),
     st.fixed_dictionaries({"a": st.one_of(st.none(), st.integers(0, 9)), "content": st.one_of(st.none(), texts)})),
    (pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
     st.lists(st.fixed_dictionaries({"bytes": st.binary(max_size=3), "path": st.one_of(st.none(), texts)}), max_size=2)),
    (pa.map_(pa.string(), pa.float64()), st.dictionaries(texts, st.floats(allow_nan=False), max_size=2).map(lambda d: list(d.items()))),
)  # fmt: skip


def rows_of(draw: st.DrawFn, parts: dict[str, Any], n_rows: int) -> list[dict[str, Any]]:
    return [{name: draw(values) for name, values in parts.items()} for _ in range(n_rows)]


@st.composite
def json_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records of one format, each with own columns of its own."""
    parts = draw(st.sampled_from([*FORMATS.values(), {"messages": calls}]))
    own = st.dictionaries(st.sampled_from(OWN), json_values, max_size=3)
    return [row | draw(own) for row in rows_of(draw, parts, draw(st.integers(1, 4)))]


def is_told(text: str) -> bool:
    """Whether a table of text can say it: its writer leaves a carriage return without quotes, as if the row ended there, a
    mark where a row begins is what joined files have, and what is full of control characters is taken for a binary file.
    """
    has_control = any(ord(char) < 32 and char not in "\t\r\n" for char in text)
    return "\r" not in text.replace("\r\n", "") and not text.startswith("\ufeff") and not has_control


@st.composite
def text_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    parts = {
        name: values.filter(is_told)
        for name, values in draw(st.sampled_from([*TEXT_FORMATS.values()])).items()
    }
    parts |= {
        name: st.one_of(texts.filter(is_told), st.just(""))
        for name in draw(st.lists(st.sampled_from(OWN), max_size=3, unique=True))
    }
    return rows_of(draw, parts, draw(st.integers(1, 4)))


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    n_rows = draw(st.integers(1, 4))
    rows = rows_of(draw, draw(st.sampled_from([*FORMATS.values()])), n_rows)
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
    for name in draw(st.lists(st.sampled_from(OWN), max_size=4, unique=True)):
        kind, values = draw(st.sampled_from(COLUMNS))
        columns[name] = pa.array([draw(st.one_of(st.none(), values)) for _ in range(n_rows)], kind)
    return pa.table(columns)


def same(one: Any, other: Any) -> bool:
    """Equality in which NaN is itself, and true is not 1."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


class Packing(NamedTuple):
    """How a file is compressed that is read, and one that is written, by the ending of its name."""

    source: str
    target: str

    def write(self, path: Path, content: bytes) -> Path:
        """Write a file of another tool; its path with the ending of its compression."""
        path = path.with_name(path.name + self.source)
        path.write_bytes(_PACK[self.source](content))
        return path

    def named(self, path: Path) -> Path:
        """The path of the file to write."""
        return path.with_name(path.name + self.target)


_PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": lambda content: gzip.compress(content, 1),
    ".zst": zstandard.ZstdCompressor().compress,
    ".bz2": bz2.compress,
    ".xz": lambda content: lzma.compress(content, preset=0),
}  # fmt: skip
packings = st.builds(Packing, st.sampled_from(["", *_PACK]), st.sampled_from(["", "", ".gz", ".zst"]))


def content_of(path: Path) -> bytes:
    """What a written file holds, unpacked by other libraries than those of the exporter."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(content)
    return (
        zstandard.ZstdDecompressor().decompressobj().decompress(content) if path.suffix == ".zst" else content
    )


def exported(source: Path, target: Path) -> Stored:
    stored = import_all(source)
    assert not stored.rejects, stored.rejects
    stored.export(target)
    return stored


@_SETTINGS
@given(json_rows(), st.sampled_from(["jsonl", "json"]), st.booleans(), packings)
def test_json_comes_back_as_it_was(
    tmp_path: Path, rows: list[dict[str, Any]], container: str, escaped: bool, packing: Packing
) -> None:
    target = packing.named(tmp_path / f"out.{container}")
    if container == "jsonl":
        content = "".join(json.dumps(row, ensure_ascii=escaped) + "\n" for row in rows)
    else:
        content = json.dumps(rows, ensure_ascii=escaped, indent=2 if escaped else None)
    source = packing.write(tmp_path / f"in.{container}", content.encode())
    stored = exported(source, target)
    written = content_of(target)
    if container == "jsonl":
        assert written == content.encode()
    else:
        assert same(json.loads(written), json.loads(content))
    # Through Parquet nothing is lost either: values that it has no type for are JSON in it.
    table = packing.named(tmp_path / "out.parquet")
    stored.export(table)
    again = raw_rows(import_all(table))
    assert all(same_numbers(*pair) for pair in zip(again, rows, strict=True)), again


def raw_rows(stored: Stored) -> list[Any]:
    """The records of an import, one for all the examples of each."""
    return [json.loads(raw) for raw in {one.source_row: one.raw for one in stored.examples}.values()]


def same_numbers(one: Any, other: Any) -> bool:
    """Equality whatever the order of columns, and of a number with itself as a float."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_numbers(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_numbers, one, other))
    return same(one, other) or (type(one) in (int, float) and type(other) in (int, float) and one == other)


@_SETTINGS
@given(
    text_rows(), st.sampled_from(["csv", "tsv"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), packings
)
def test_tables_of_text_come_back_as_they_were(
    tmp_path: Path, rows: list[dict[str, Any]], container: str, encoding: str, packing: Packing
) -> None:
    target = packing.named(tmp_path / f"out.{container}")
    delimiter = "\t" if container == "tsv" else ","
    text = pd.DataFrame(rows).to_csv(index=False, sep=delimiter, lineterminator="\n")
    exported(packing.write(tmp_path / f"in.{container}", text.encode(encoding)), target)
    assert content_of(target).decode() == text


@_SETTINGS
@given(tables(), st.sampled_from(["pyarrow", "pandas", "datasets", "saved", "file", "stream"]), packings)
def test_parquet_comes_back_as_it_was(tmp_path: Path, table: pa.Table, tool: str, packing: Packing) -> None:
    source, target = tmp_path / "in.parquet", packing.named(tmp_path / "out.parquet")
    if tool in ("datasets", "saved") and counted[tool] >= N_EXAMPLES // 15:
        tool = "pyarrow"  # that library takes its time
    counted[tool] += 1
    try:
        expected = written_with(tool, table, source, tmp_path)
    except (pa.ArrowException, OverflowError, ValueError, TypeError, NotImplementedError):
        return  # the tool cannot write it
    given = tmp_path / "saved" if tool == "saved" else packing.write(source, source.read_bytes())
    exported(given, target)
    got = pq.read_table(pa.BufferReader(content_of(target)))
    assert got.schema.remove_metadata().equals(expected.schema.remove_metadata())
    assert got.schema.metadata == expected.schema.metadata
    assert str(got.to_pylist()) == str(expected.to_pylist())


counted: Counter[str] = Counter()


def written_with(tool: str, table: pa.Table, path: Path, folder: Path) -> pa.Table:
    if tool == "pandas":
        table.to_pandas().to_parquet(path)
    elif tool in ("datasets", "saved"):
        datasets = pytest.importorskip("datasets")
        datasets.disable_progress_bars()
        made = datasets.Dataset(table)
        if tool == "saved":
            shutil.rmtree(folder / "saved", ignore_errors=True)
            made.save_to_disk(str(folder / "saved"))
            return made.with_format("arrow")[:]
        made.to_parquet(str(path))
    elif tool in ("file", "stream"):
        make = pa.ipc.new_file if tool == "file" else pa.ipc.new_stream
        with make(path, table.schema) as writer:
            writer.write_table(table)
        return table
    else:
        pq.write_table(table, path)
    return pq.read_table(path)
