"""Rows as a file: JSON lines, a JSON list, a table of text or Parquet, packed or not."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tamis.errors import CurationError
from tamis.formats.arrow_types import Columns, see_record
from tamis.formats.arrow_values import NULLS_MARK, Array, Kind, from_json, unique_names
from tamis.formats.format import Record
from tamis.formats.json_text import dumps_exact, loads_exact
from tamis.formats.parquet_before import write_parquet_before
from tamis.formats.source_shape import SourceShape, common_schema, common_style
from tamis.formats.targets import Target, TargetCompression, cannot_write, check_place
from tamis.types import JSON

_BATCH_ROWS = 2_000
_MISSING = object()
_DO_NOT_FIT = (pa.ArrowException, ValueError, TypeError, AttributeError, OverflowError)


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that a format cannot hold: its id in the dataset, its record, and what of it; ``reason`` is the whole sentence."""

    example_id: int
    source: str
    source_row: int
    obstacle: str
    reason: str


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A written file: its place, its rows, the SHA-256 of its bytes as hex, the rows that were left out, and columns that got
    another name.
    """

    path: Path
    n_rows: int
    sha256: str
    skipped: tuple[SkippedRow, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a file should be like: ``shapes`` of the sources, and ``spoken``, the columns that hold the conversation."""

    shapes: Sequence[SourceShape] = ()
    spoken: Collection[str] = ()


def write_file(path: Path, rows: Iterator[bytes], target: Target, like: Likeness = Likeness()) -> WrittenFile:
    """Write the JSON texts of rows as the target says; the file appears only when it is complete.

    Raises CurationError when a row does not fit the container, when there is none for a table, or for a place that cannot be
    written to.
    """
    check_place(path)
    write = {"jsonl": _write_lines, "json": _write_list}.get(target.container)
    if write is not None:
        return _written_aside(path, target.compression, lambda file: write(rows, file))
    write_table = _write_parquet if target.container == "parquet" else _write_text_table

    def spooled(file: IO[bytes]) -> int:
        with tempfile.TemporaryFile() as lines_file:
            n_rows = _write_lines(rows, lines_file)
            if not n_rows:
                raise CurationError(
                    "There is nothing to export: the scope holds no rows. Choose a wider one."
                )
            write_table(lines_file, file, target, like)
        return n_rows

    return _written_aside(path, target.compression, spooled)


def preview_table(rows: Iterator[bytes], target: Target, like: Likeness = Likeness()) -> str:
    """The text of a table of text with these few rows; raises CurationError as ``write_file`` does."""
    shown = io.BytesIO()
    with tempfile.TemporaryFile() as lines_file:
        _write_lines(rows, lines_file)
        _write_text_table(lines_file, shown, target, like)
    return shown.getvalue().decode("utf-8", "replace")


def _write_lines(rows: Iterator[bytes], file: IO[bytes]) -> int:
    n_rows = 0
    for row in rows:
        file.write(row + b"\n")
        n_rows += 1
    return n_rows


def _write_list(rows: Iterator[bytes], file: IO[bytes]) -> int:
    n_rows = 0
    for row in rows:
        file.write((b",\n" if n_rows else b"[\n") + row)
        n_rows += 1
    file.write(b"\n]\n" if n_rows else b"[]\n")
    return n_rows


def _batches(lines_file: IO[bytes]) -> Iterator[list[Record]]:
    lines_file.seek(0)
    while lines := list(itertools.islice(lines_file, _BATCH_ROWS)):
        yield [loads_exact(line)[0] for line in lines]


def _write_text_table(lines_file: IO[bytes], file: IO[bytes], target: Target, like: Likeness) -> None:
    """A header and a row per record; lists and objects beside the conversation are JSON text, null is empty."""
    names: dict[str, None] = {}
    for records in _batches(lines_file):
        for record in records:
            names.update(dict.fromkeys(record))
            _refuse_nested(record, target, like.spoken)
    shape = _text_shape(like.shapes, target)
    header = shape.header or {}
    ordered = [*(name for name in header if name in names), *(name for name in names if name not in header)]
    writer = csv.writer(_TableRows(file, shape.newline), delimiter=shape.delimiter, lineterminator="\r\n")
    writer.writerow([header.get(name, name) for name in ordered])
    for records in _batches(lines_file):
        writer.writerows([[_cell(record.get(name)) for name in ordered] for record in records])


class _TableRows:
    """Takes the rows of a csv.writer, which quotes a carriage return only where its own rows end in one."""

    def __init__(self, file: IO[bytes], newline: str) -> None:
        self._file, self._newline = file, newline

    def write(self, row: str) -> int:
        """Write one row with the line end of the table."""
        return self._file.write(_bytes_of(row.removesuffix("\r\n") + self._newline))


def _text_shape(shapes: Sequence[SourceShape], target: Target) -> SourceShape:
    """The shape of the source's own table where all files have the same, else the usual one of the container."""
    first = shapes[0] if shapes else None
    if first is not None and first.container == target.container and all(shape == first for shape in shapes):
        return first
    return SourceShape(container=target.container, delimiter="\t" if target.container == "tsv" else ",")


def _refuse_nested(record: Record, target: Target, spoken: Collection[str]) -> None:
    for name in spoken:
        if isinstance(record.get(name), list | dict):
            raise CurationError(
                f"{target.container.upper()} holds texts, and column {name!r} holds lists. Write jsonl, json or parquet, or "
                "choose a format of text columns such as alpaca or prompt_completion."
            )


def _cell(value: JSON) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else dumps_exact(value, odd=isinstance(value, int | float)).decode()


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def _write_parquet(lines_file: IO[bytes], file: IO[bytes], target: Target, like: Likeness) -> None:
    """Two passes: only all rows tell which columns there are; the source's own types where the rows still fit them."""
    if target.is_first_layout:
        write_parquet_before(lines_file, file)
        return
    schema = common_schema(list(like.shapes))
    style = common_style(list(like.shapes))
    unfit: set[str] = set()
    while schema is not None:
        with tempfile.TemporaryFile() as aside:
            try:
                _write_with(schema, unfit, style, lines_file, aside)
            except _NoLongerFits as error:  # the other columns keep their types
                unfit.add(error.column)
            except _DO_NOT_FIT:
                break
            else:
                aside.seek(0)
                shutil.copyfileobj(aside, file)
                return
    _write_inferred(lines_file, file)


class _NoLongerFits(Exception):
    """An edited row, or one of another file, holds what the type of a source's column does not."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def _write_with(
    schema: pa.Schema, unfit: Collection[str], style: str, lines_file: IO[bytes], file: IO[bytes]
) -> None:
    """Write the columns of a source in its types, ``unfit`` and new ones in those that their values have."""
    columns: Columns = {}
    own = unique_names(schema)
    kept = set(own) - set(unfit)
    for records in _batches(lines_file):
        for record in records:
            see_record(columns, {name: value for name, value in record.items() if name not in kept})
    names = [*own, *(name for name in columns if name not in own)]
    fields = [
        schema.field(at).with_type(columns[name].type).with_nullable(True)
        if name in columns and name in own
        else schema.field(at)
        for at, name in enumerate(own)
    ]
    fields += [pa.field(name, columns[name].type) for name in names[len(own) :]]
    whole = _with_fields(schema, fields) if columns else schema
    with pq.ParquetWriter(file, whole, compression="zstd") as writer:
        for records in _batches(lines_file):
            arrays = [
                _fitted(name, [one.get(name) for one in records], column.type, style)
                for name, column in zip(names, whole, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=whole))


def _fitted(name: str, values: list[JSON], kind: Kind, style: str) -> Array:
    try:
        return from_json(values, kind, style)
    except _DO_NOT_FIT as error:
        raise _NoLongerFits(name) from error


def _with_fields(schema: pa.Schema, fields: list[pa.Field[Any]]) -> pa.Schema:
    # The features that the datasets library keeps there would no longer be those of the columns.
    kept: dict[Any, Any] = {
        key: value for key, value in (schema.metadata or {}).items() if key != b"huggingface"
    }
    return pa.schema(fields, metadata=kept or None)


def _write_inferred(lines_file: IO[bytes], file: IO[bytes]) -> None:
    columns: Columns = {}
    present: dict[str, list[int]] = {}
    n_rows = 0
    for records in _batches(lines_file):
        n_rows += len(records)
        for record in records:
            see_record(columns, record)
            for name, value in record.items():
                counts = present.setdefault(name, [0, 0])
                counts[value is None] += 1
    incomplete = {name for name, counts in present.items() if sum(counts) < n_rows}
    both = {name for name in incomplete if present[name][1]}
    kinds = {name: pa.json_(pa.string()) if name in both else seen.type for name, seen in columns.items()}
    marks: dict[Any, Any] = {NULLS_MARK: dumps_exact(sorted(incomplete), odd=False)}
    schema = pa.schema(list(kinds.items()), metadata=marks)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for records in _batches(lines_file):
            arrays = [_column(records, name, kinds[name], name in both) for name in kinds]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _column(records: list[Record], name: str, kind: Kind, both: bool) -> Array:
    if not both:
        return from_json([record.get(name) for record in records], kind)
    texts = [
        None if (value := record.get(name, _MISSING)) is _MISSING else dumps_exact(value, odd=True).decode()
        for record in records
    ]
    return pa.ExtensionArray.from_storage(kind, pa.array(texts, pa.string()))


def _written_aside(
    path: Path, compression: TargetCompression, write: Callable[[IO[bytes]], int]
) -> WrittenFile:
    aside = path.with_name(f".{path.name}.{uuid4().hex}"[:250])
    try:
        with aside.open("wb") as file, _packed(file, compression) as packed:
            n_rows = write(packed)
        with aside.open("rb") as whole:
            sha256 = hashlib.file_digest(whole, "sha256").hexdigest()
        aside.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        aside.unlink(missing_ok=True)
    return WrittenFile(path, n_rows, sha256)


@contextmanager
def _packed(file: IO[bytes], compression: TargetCompression) -> Iterator[IO[bytes]]:
    """The file, or one that packs what is written: always into the same bytes."""
    if compression == "gzip":
        with gzip.GzipFile("", "wb", mtime=0, fileobj=file) as packed:
            yield cast("IO[bytes]", packed)
    elif compression == "zstd":
        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as packed:
            yield cast("IO[bytes]", packed)
    else:
        yield file
