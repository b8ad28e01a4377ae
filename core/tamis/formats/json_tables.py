"""Tables that a JSON file holds otherwise than as a list of records: by columns, by rows without names, as pandas writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from tamis.errors import UnreadableFile
from tamis.formats.json_text import Record, dumps_exact, loads_exact
from tamis.formats.parsing import BadRow, Chunk
from tamis.formats.streams import TextStream
from tamis.types import JSON

JsonTable = Literal["split", "table", "columns", "index", "lists", "rows"]
MAX_BYTES = 1 << 30  # such a file is read as a whole
_TEXT = rb'"(?:[^"\\]|\\.)*"'
_SCALAR = rb"(?:" + _TEXT + rb"|[-+.\w]+)"
# In pandas' words: orient split, table, columns and index; then a dict of lists, and a list of lists under a header.
_STARTS: tuple[tuple[JsonTable, re.Pattern[bytes]], ...] = (
    ("split", re.compile(rb'\s*\{\s*"(?:columns|index)"\s*:\s*\[.*?\]\s*,\s*"(?:columns|index|data)"\s*:\s*\[', re.DOTALL)),
    ("table", re.compile(rb'\s*\{\s*"schema"\s*:\s*\{\s*"fields"\s*:', re.DOTALL)),
    ("columns", re.compile(rb"\s*\{\s*" + _TEXT + rb'\s*:\s*\{\s*"0"\s*:', re.DOTALL)),
    ("index", re.compile(rb'\s*\{\s*"0"\s*:\s*\{\s*' + _TEXT + rb"\s*:", re.DOTALL)),
    ("lists", re.compile(rb"\s*\{\s*" + _TEXT + rb"\s*:\s*\[\s*" + _SCALAR + rb"\s*[,\]]", re.DOTALL)),
    ("rows", re.compile(rb"\s*\[\s*\[\s*" + _TEXT + rb"\s*,", re.DOTALL)),
)  # fmt: skip


def find_json_table(sample: bytes, *, complete: bool) -> JsonTable | None:
    """How a file that is one JSON value lays out a table, from its start; None for any other file."""
    kind = next((name for name, start in _STARTS if start.match(sample)), None)
    if kind is None or not complete:
        return kind if kind not in ("lists", "rows") or b"\n" not in sample.strip() else None
    try:
        value, _ = loads_exact(sample)
        return kind if _records(value, kind) else None
    except (ValueError, UnreadableFile, AttributeError, TypeError):
        return None


def json_table_chunks(stream: TextStream, kind: JsonTable, batch_rows: int) -> Iterator[Chunk]:
    """The records of such a file; raises UnreadableFile for one that is too large or broken."""
    parts: list[bytes] = []
    n_bytes = 0
    for block in stream.blocks():
        parts.append(block)
        n_bytes += len(block)
        if n_bytes > MAX_BYTES:
            raise UnreadableFile(
                f"The file is a table by columns larger than {MAX_BYTES >> 20:,} MB, which can only be read whole. Write it as "
                "JSON lines, one record a line."
            )
    try:
        value, odd = loads_exact(b"".join(parts))
        records = _records(value, kind)
    except (ValueError, AttributeError, TypeError) as error:
        yield Chunk(
            "rows", [(1, BadRow(b"".join(parts)[: 1 << 20], f"not JSON: {error}"))], 1, stream.bytes_read
        )
        return
    for start in range(0, len(records), batch_rows):
        texts = [dumps_exact(record, odd=odd) for record in records[start : start + batch_rows]]
        yield Chunk("slices", texts, start + 1, stream.bytes_read)


def _records(value: JSON, kind: JsonTable) -> list[Record]:
    if kind == "split":
        names = [str(name) for name in value["columns"]]
        return [dict(zip(names, row, strict=True)) for row in value["data"]]
    if kind == "table":
        return list(value["data"])
    if kind == "rows":
        names = [str(name) for name in value[0]]
        return [dict(zip(names, row, strict=True)) for row in value[1:]]
    if kind == "index":
        return list(value.values())
    if kind == "columns":
        labels = list(dict.fromkeys(label for column in value.values() for label in column))
        return [
            {name: column[label] for name, column in value.items() if label in column} for label in labels
        ]
    return _by_position(value)


def _by_position(value: dict[str, JSON]) -> list[Record]:
    """The records of a dict of lists of one length; raises ValueError for what is one record with lists in it."""
    columns = list(value.values())
    if len(columns) < 2 or not all(isinstance(column, list) for column in columns):
        raise ValueError("not all columns are lists")
    if len({len(column) for column in columns}) > 1 or len(columns[0]) < 1:
        raise ValueError("the columns differ in length")
    return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
