"""Files put together at random, whole and broken: each record is imported or rejected, nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tamis.errors import UnreadableFile
from tamis.formats import FORMATS, load_format
from tamis.formats.detect import inspect_file
from tamis.formats.patch import read_raw
from tests.core.formats.files import compress, csv_bytes, import_file, lines_of, parquet_bytes
from tests.core.formats.test_formats import CANONICAL, REJECTED
from tests.support import scale

N_FILES = scale.times(420, 2_100)
N_BYTES_FILES = scale.times(80, 400)
_SETTINGS = settings(
    max_examples=N_FILES, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
ODD_LINES = (
    b"", b"  ", b"{", b"null", b"[]", b'{"a": NaN}', b'"\xff"', b"\0", b'{"a": "\\ud800"}', b"{" * 2000,
    b"\xef\xbb\xbf{}",
    b"\r", b'{"messages": null}', b'{"id": 1e999}', b'{"instruction": "a", "output": "b", "\\u0000": 1}',
)  # fmt: skip
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\0\t\n\r"), max_size=12)
named_records = st.one_of(
    st.sampled_from([record for _, record in CANONICAL]),
    st.sampled_from([record for _, record, _ in REJECTED]),
)
flat_records = st.fixed_dictionaries({"instruction": texts, "input": texts, "output": texts, "id": texts})


def _break(content: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """Damage a file in one of the ways that disks, downloads and editors know."""
    if kind == "none" or not content:
        return content
    at = int(rng.integers(len(content)))
    if kind == "cut":
        return content[:at]
    if kind == "junk":
        return content[:at] + rng.bytes(int(rng.integers(1, 30))) + content[at:]
    if kind == "flip":
        return content[:at] + bytes([content[at] ^ int(rng.integers(1, 256))]) + content[at + 1 :]
    return content[:at] + content[: int(rng.integers(len(content)))]


def _lines(draw, records: list[dict], end: bytes) -> bytes:
    lines = [*lines_of(records, end).splitlines(keepends=True)]
    for odd in draw(st.lists(st.sampled_from(ODD_LINES), max_size=4)):
        lines.insert(draw(st.integers(0, len(lines))), odd + end)
    return b"".join(lines)


@st.composite
def generated_files(draw) -> bytes:
    container = draw(st.sampled_from(["jsonl", "json", "wrapped", "indented", "csv", "tsv", "parquet"]))
    strategy = (
        flat_records if container in ("csv", "tsv", "parquet") else st.one_of(named_records, flat_records)
    )
    records = draw(st.lists(strategy, min_size=1, max_size=6))
    if container == "jsonl":
        content = _lines(draw, records, draw(st.sampled_from([b"\n", b"\r\n"])))
    elif container in ("csv", "tsv"):
        content = csv_bytes(records, "," if container == "csv" else "\t")
    elif container == "parquet":
        content = parquet_bytes(records)
    else:
        wrapped = {"data": records} if container == "wrapped" else records
        content = orjson.dumps(wrapped, option=orjson.OPT_INDENT_2 if container == "indented" else None)
    if container not in ("parquet",) and draw(st.integers(0, 3)) == 0:
        encoding = draw(st.sampled_from(["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]))
        content = content.decode("utf-8", "replace").encode(encoding)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    damages = st.sampled_from(["none", "none", "cut", "junk", "flip", "repeat"])
    content = _break(content, draw(damages), rng)
    compression = draw(st.sampled_from(["none", "none", "gzip", "zstd"]))
    return _break(compress(content, compression), draw(damages), rng) if compression != "none" else content


def _check(path: Path, format_name: str) -> str:
    """Import, check what must always hold, and say how it ended."""
    try:
        inspect_file(path)
    except UnreadableFile as error:
        assert str(error)
    try:
        got = import_file(path, format_name)
    except UnreadableFile as error:
        assert len(str(error)) > 20
        return "unreadable"
    assert got.n_imported + len(got.rejects) == got.n_records
    assert 0 < got.n_imported <= len(got.rows)
    numbers = {row["source_row"] for row in got.rows}
    assert len(numbers) == got.n_imported
    assert not numbers & {reject.line for reject in got.rejects}
    assert all(reject.reason and reject.line >= 1 for reject in got.rejects)
    for row in got.rows:
        messages = orjson.loads(row["messages"])
        assert messages[-1]["role"] == "assistant"
        assert row["n_turns"] == len(messages) >= 2
        _, _, again = read_raw(load_format(format_name), _fields(format_name), row["raw"])
        assert messages in [example.messages for example in again]
    return "mixed" if got.rejects else "whole"


def _fields(format_name: str):
    return load_format(format_name).fields()


def test_every_generated_file_is_imported_or_refused(tmp_path):
    path = tmp_path / "generated"
    ends: Counter[str] = Counter()

    @_SETTINGS
    @given(generated_files(), st.sampled_from(["alpaca", "alpaca", "alpaca", *FORMATS]))
    def check(content: bytes, format_name: str) -> None:
        path.write_bytes(content)
        ends[_check(path, format_name)] += 1

    check()
    # The files must really reach all three ends, or the test would prove nothing.
    assert sum(ends.values()) >= N_FILES - 100
    assert min(ends["whole"], ends["mixed"], ends["unreadable"]) > N_FILES // 21


@pytest.mark.parametrize(
    "start", [b"", b"{", b"[", b"[{", b"a,b\n", b"PAR1", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xff\xfe"]
)
def test_arbitrary_bytes_are_refused_or_rejected(tmp_path, start):
    path = tmp_path / "generated"

    @settings(_SETTINGS, max_examples=N_BYTES_FILES // 8)
    @given(st.binary(max_size=300))
    def check(content: bytes) -> None:
        path.write_bytes(start + content)
        _check(path, "alpaca")

    check()


@settings(_SETTINGS, max_examples=scale.times(30, 150))
@given(
    st.lists(flat_records, min_size=1, max_size=5),
    st.sampled_from(["jsonl", "json", "csv", "tsv", "parquet"]),
)
def test_a_whole_file_loses_no_record(tmp_path, records, container):
    path = tmp_path / "generated"
    write = {
        "jsonl": lines_of,
        "json": orjson.dumps,
        "csv": csv_bytes,
        "tsv": lambda rows: csv_bytes(rows, "\t"),
        "parquet": parquet_bytes,
    }[container]
    path.write_bytes(write(records))
    good = [row for row in records if (row["instruction"] + row["input"]).strip() and row["output"].strip()]
    good = [row for row in good if "\0" not in "".join(row.values())]
    try:
        got = import_file(path)
    except UnreadableFile:
        assert not good
        return
    assert got.n_records == len(records)
    assert [orjson.loads(row["raw"]) for row in got.rows] == good
