"""Parquet as the first edition wrote it: exports of then are replayed byte for byte, so this stays as it was."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.formats import load_format
from tamis.formats.conversation import SHAPE, build_example
from tamis.formats.writer import SOURCE_SHAPE, StoredExample, row_lines
from tamis.formats.written_files import WrittenFile
from tamis.types import Example

_BATCH_ROWS = 2_000


def export_first_parquet(examples: Iterable[StoredExample], path: Path, *, format_name: str) -> WrittenFile:
    """Write examples with the other fields of the source as JSON text in a column ``meta``, types as Arrow infers them."""
    if format_name == SOURCE_SHAPE:
        rows: Iterator[bytes] = row_lines(examples, format_name=format_name)
    else:
        rows = (_record(stored, format_name) for stored in examples)
    with tempfile.TemporaryFile() as lines:
        n_rows = 0
        for row in rows:
            lines.write(row + b"\n")
            n_rows += 1
        tables = (_table(batch).schema for batch in _batches(lines))
        schema = pa.unify_schemas(list(tables), promote_options="permissive")
        with path.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in _batches(lines):
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return WrittenFile(path, n_rows, hashlib.sha256(path.read_bytes()).hexdigest())


def _record(stored: StoredExample, format_name: str) -> bytes:
    built = build_example(stored.messages)
    kept = {key: stored.meta[key] for key in (SHAPE, "rejected") if key in stored.meta}
    record = load_format(format_name).write(
        Example(stored.messages, built.prompt, built.response, stored.source, kept), None
    )
    rest = {key: value for key, value in stored.meta.items() if key != SHAPE}
    return orjson.dumps(record | {"meta": orjson.dumps(rest).decode()})


def _batches(lines: IO[bytes]) -> Iterator[list[dict[str, Any]]]:
    lines.seek(0)
    while batch := list(itertools.islice(lines, _BATCH_ROWS)):
        yield [orjson.loads(line) for line in batch]


def _table(records: list[dict[str, Any]]) -> pa.Table:
    names = dict.fromkeys(name for record in records for name in record)
    return pa.table({name: pa.array([record.get(name) for record in records]) for name in names})
