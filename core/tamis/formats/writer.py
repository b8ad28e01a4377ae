"""Examples as a file in one of the formats, or in the shape of their source."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Literal
from uuid import uuid4

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import CurationError, InvalidRecord, RowDoesNotFit
from tamis.formats import load_format
from tamis.formats.conversation import SHAPE, build_example
from tamis.formats.format import Record
from tamis.formats.json_text import dumps_exact
from tamis.formats.patch import read_raw, rewritten_record
from tamis.registry import Options
from tamis.types import JSON, Example, Message

SOURCE_SHAPE = "source"
EXPORT_FORMATS = (
    "alpaca", "messages", "sharegpt", "prompt_completion", "instruction_response", "question_answer", "turns",
    "self_instruct", "preference", "transcript", SOURCE_SHAPE,
)  # fmt: skip
_BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExample:
    """An example as the dataset holds it, with what is needed to give its record back untouched.

    ``raw`` is the record's JSON text or empty; ``format_name`` and ``fields`` say how it was read, ``file`` is its file's number.
    """

    messages: list[Message]
    raw: str = ""
    source: str = ""
    source_row: int = 0
    file: int = 0
    meta: dict[str, JSON] = field(default_factory=dict)
    format_name: str = "messages"
    fields: Options | None = None
    repairs: tuple[str, ...] = ()
    example_id: int = -1


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
    """A written file: its place, its rows, the SHA-256 of its bytes as hex, and the rows that were left out."""

    path: Path
    n_rows: int
    sha256: str
    skipped: tuple[SkippedRow, ...] = ()


def export_file(
    examples: Iterable[StoredExample],
    path: Path,
    *,
    format_name: str,
    fields: Options | None = None,
    container: Literal["jsonl", "parquet"] = "jsonl",
    skip_unfit: bool = False,
) -> WrittenFile:
    """Write examples to ``path``, which appears only when it is complete.

    In Parquet the other fields of the source stand as JSON text in a column ``meta``. Raises UnknownName for
    an unknown format; CurationError, with how many of which kind, when the format cannot hold some examples,
    unless these are to be skipped and others are left.
    """
    unfit: list[SkippedRow] = []
    rows = row_lines(
        examples, format_name=format_name, fields=fields, keep_meta=container == "jsonl", unfit=unfit
    )

    def write(file: IO[bytes]) -> int:
        n_rows = _write_lines(rows, file) if container == "jsonl" else _write_parquet(rows, file)
        if unfit and not (skip_unfit and n_rows):
            raise unfit_rows(unfit, n_rows, format_name)
        if not n_rows and container == "parquet":
            raise CurationError("There is nothing to export: the scope holds no rows. Choose a wider one.")
        return n_rows

    written = _written_aside(path, write)
    return replace(written, skipped=tuple(unfit))


def unfit_rows(unfit: Sequence[SkippedRow], n_fit: int, format_name: str) -> CurationError:
    """The error of an export of which some rows do not fit: how many of which kind, which first, and what to do."""
    first, counts = unfit[0], Counter(row.obstacle for row in unfit)
    kinds = "; ".join(f"{obstacle} ({n:,})" for obstacle, n in counts.most_common())
    others = " Leave them out (--skip-unfit, skip_unfit=True), or export as 'messages'." if n_fit else ""
    return CurationError(
        f"{len(unfit):,} of {len(unfit) + n_fit:,} rows cannot be written as {format_name!r}: {kinds}.{others} "
        f"The first: {first.reason}"
    )


def row_lines(
    examples: Iterable[StoredExample],
    *,
    format_name: str,
    fields: Options | None = None,
    keep_meta: bool = True,
    unfit: list[SkippedRow] | None = None,
) -> Iterator[bytes]:
    """Yield the JSON text of each row, without line end; rows that do not fit go to ``unfit``, or raise RowDoesNotFit.

    The shape "source" gives the record's own text for every record whose examples are all there, one after
    another and unchanged; otherwise the examples in the format of their source, one row each, the other fields
    of a record with one example as they were.
    """
    if format_name == SOURCE_SHAPE:
        number = 1
        for group in _by_record(examples):
            yield from _source_rows(group, number, unfit)
            number += len(group)
        return
    write = load_format(format_name).write
    for number, stored in enumerate(examples, 1):
        with _unfit_noted(stored, number, unfit):
            yield _dumps(_write_one(stored, keep_meta=keep_meta, write=write, fields=fields))


@contextmanager
def _unfit_noted(stored: StoredExample, number: int, unfit: list[SkippedRow] | None) -> Iterator[None]:
    """Say which row it is that a format cannot hold, or note it where rows may be left out."""
    try:
        yield
    except RowDoesNotFit as error:
        place = f"row {number:,} (record {stored.source_row:,} of {stored.source or 'its source'})"
        reason = f"{error} It is {place}."
        if unfit is None:
            raise RowDoesNotFit(reason, error.obstacle) from error
        unfit.append(SkippedRow(stored.example_id, stored.source, stored.source_row, error.obstacle, reason))


def _write_one(
    stored: StoredExample,
    *,
    keep_meta: bool,
    write: Callable[[Example, Options | None], Record],
    fields: Options | None,
) -> Record:
    example = _example(stored)
    meta = example.meta
    if not keep_meta:
        example.meta = {key: meta[key] for key in (SHAPE, "rejected") if key in meta}
    record = write(example, fields)
    if not keep_meta:
        rest = {key: value for key, value in meta.items() if key != SHAPE}
        record["meta"] = _dumps(rest).decode()
    return record


def _example(stored: StoredExample) -> Example:
    built = build_example(stored.messages)
    return Example(stored.messages, built.prompt, built.response, stored.source, dict(stored.meta))


def _by_record(examples: Iterable[StoredExample]) -> Iterator[list[StoredExample]]:
    """Gather neighbours that came from the same record."""
    group: list[StoredExample] = []
    for stored in examples:
        if group and _record_of(stored) != _record_of(group[0]):
            yield group
            group = []
        group.append(stored)
    if group:
        yield group


def _record_of(stored: StoredExample) -> tuple[int, int, str]:
    return stored.file, stored.source_row, stored.raw


def _source_rows(group: list[StoredExample], first: int, unfit: list[SkippedRow] | None) -> Iterator[bytes]:
    if _is_untouched(group):
        # A line end in valid JSON is always between values, so the record fits on one line with its values
        # untouched.
        yield group[0].raw.replace("\r", " ").replace("\n", " ").encode()
        return
    for number, stored in enumerate(group, first):
        form = load_format(stored.format_name)
        with _unfit_noted(stored, number, unfit):
            record, odd = rewritten_record(form, stored.fields, stored.raw, _example(stored), stored.repairs)
            yield dumps_exact(record, odd=odd)


def _is_untouched(group: list[StoredExample]) -> bool:
    """Tell whether reading the raw record again gives exactly these examples."""
    first = group[0]
    if not first.raw:
        return False
    form = load_format(first.format_name)
    try:
        _, _, again = read_raw(form, first.fields or form.fields(), first.raw)
    except (ValueError, InvalidRecord):
        return False
    return [example.messages for example in again] == [stored.messages for stored in group]


def _dumps(record: JSON) -> bytes:
    return orjson.dumps(record)


def _write_lines(rows: Iterator[bytes], file: IO[bytes]) -> int:
    n_rows = 0
    for row in rows:
        file.write(row + b"\n")
        n_rows += 1
    return n_rows


def _write_parquet(rows: Iterator[bytes], file: IO[bytes]) -> int:
    """Write the rows in two passes: only all of them tell which columns and keys of turns there are."""
    with tempfile.TemporaryFile() as lines_file:
        n_rows = _write_lines(rows, lines_file)
        if not n_rows:
            return 0
        try:
            schema = pa.unify_schemas(
                [_table(batch).schema for batch in _batches(lines_file)], promote_options="permissive"
            )
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for batch in _batches(lines_file):
                    writer.write_table(pa.Table.from_pylist(batch, schema=schema))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise CurationError(
                f"The rows do not fit one Parquet table: {error}. Export as JSON lines instead."
            ) from error
    return n_rows


def _batches(lines_file: IO[bytes]) -> Iterator[list[Record]]:
    lines_file.seek(0)
    while lines := list(itertools.islice(lines_file, _BATCH_ROWS)):
        yield [orjson.loads(line) for line in lines]


def _table(records: list[Record]) -> pa.Table:
    names = dict.fromkeys(name for record in records for name in record)
    return pa.table({name: pa.array([record.get(name) for record in records]) for name in names})


def _written_aside(path: Path, write: Callable[[IO[bytes]], int]) -> WrittenFile:
    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with aside.open("wb") as file:
            n_rows = write(file)
        with aside.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return WrittenFile(path, n_rows, sha256)
