"""Examples as a file in one of the formats, or in the shape of their source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import orjson

from tamis.errors import CurationError, InvalidRecord, RowDoesNotFit
from tamis.formats import load_format
from tamis.formats.conversation import build_example
from tamis.formats.format import Format
from tamis.formats.json_text import dumps_exact, loads_exact, settled
from tamis.formats.notes import Notes
from tamis.formats.own_columns import OwnColumns
from tamis.formats.parquet_before import record_before
from tamis.formats.patch import read_raw, rewritten_record
from tamis.formats.source_shape import SourceShape
from tamis.formats.stored_form import ColumnMapping
from tamis.formats.targets import JSON_LINES, Target
from tamis.formats.written_files import Likeness, SkippedRow, WrittenFile, write_file
from tamis.types import JSON, Example, Message

SOURCE_SHAPE = "source"
EXPORT_FORMATS = (
    "alpaca", "messages", "sharegpt", "prompt_completion", "instruction_response", "question_answer", "turns",
    "self_instruct", "preference", "transcript", SOURCE_SHAPE,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExample:
    """An example as the dataset holds it, with what is needed to give its record back untouched.

    ``raw`` is the record's JSON text or empty; ``format_name`` and ``fields`` say how it was read, ``file`` is its file's
    number.
    """

    messages: list[Message]
    raw: str = ""
    source: str = ""
    source_row: int = 0
    file: int = 0
    meta: dict[str, JSON] = field(default_factory=dict)
    format_name: str = "messages"
    fields: ColumnMapping | None = None
    repairs: tuple[str, ...] = ()
    example_id: int = -1


def export_file(
    examples: Iterable[StoredExample],
    path: Path,
    *,
    format_name: str,
    fields: ColumnMapping | None = None,
    target: Target = JSON_LINES,
    shapes: Sequence[SourceShape] = (),
    spoken: Collection[str] = (),
    skip_unfit: bool = False,
) -> WrittenFile:
    """Write examples to ``path``, which appears only when it is complete.

    ``shapes`` are those of the source files by their number, and ``spoken`` the columns of these that hold the conversation:
    what the shape "source" is written like. Raises UnknownName for an unknown format; CurationError, with how many of which
    kind, when the format cannot hold some examples, unless these are to be skipped and others are left, and where the
    container cannot hold one.
    """
    unfit: list[SkippedRow] = []
    if format_name == SOURCE_SHAPE:
        own, like = None, Likeness(shapes, spoken)
        lines = _source_lines(examples, unfit, shapes, as_json=target.container != "parquet")
        lines = _as_they_stood(lines, shapes) if target.container == "jsonl" else lines
    else:
        form = load_format(format_name)
        own, like = (
            OwnColumns(form, fields, target),
            Likeness(spoken=(fields or form.fields()).spoken),
        )
        write = partial(record_before, form, fields=fields) if target.is_first_layout else own.write
        lines = _format_lines(examples, write, unfit)

    def fitting() -> Iterator[bytes]:
        n_rows = 0
        for line in lines:
            yield line
            n_rows += 1
        if unfit and not (skip_unfit and n_rows):
            raise unfit_rows(unfit, n_rows, format_name)

    written = write_file(path, fitting(), target, like)
    return replace(written, skipped=tuple(unfit), renamed=own.renamed if own else {})


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
    fields: ColumnMapping | None = None,
    unfit: list[SkippedRow] | None = None,
    target: Target = JSON_LINES,
) -> Iterator[bytes]:
    """Yield the JSON text of each row, without line end; rows that do not fit go to ``unfit``, or raise RowDoesNotFit.

    The shape "source" gives the record's own text for every record whose examples are all there, one after
    another and unchanged; otherwise the examples in the format of their source, one row each, the other fields
    of a record with one example as they were.
    """
    if format_name == SOURCE_SHAPE:
        yield from _source_lines(examples, unfit, (), as_json=False)
    else:
        own = OwnColumns(load_format(format_name), fields, target)
        yield from _format_lines(examples, own.write, unfit)


def _format_lines(
    examples: Iterable[StoredExample],
    write: Callable[[Example], dict[str, JSON]],
    unfit: list[SkippedRow] | None,
) -> Iterator[bytes]:
    for number, stored in enumerate(examples, 1):
        with _unfit_noted(stored, number, unfit):
            yield orjson.dumps(write(_example(stored)))


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


def _source_lines(
    examples: Iterable[StoredExample],
    unfit: list[SkippedRow] | None,
    shapes: Sequence[SourceShape],
    *,
    as_json: bool,
) -> Iterator[bytes]:
    first = 1
    for group in _by_record(examples):
        number = group[0].file
        # The numbers of a table may be none of JSON's; those of a JSON file are written as they stand there.
        is_table = number < len(shapes) and shapes[number].schema is not None
        for line in _source_rows(group, first, unfit):
            yield _strict(line) if as_json and is_table else line
        first += len(group)


def _as_they_stood(lines: Iterator[bytes], shapes: Sequence[SourceShape]) -> Iterator[bytes]:
    """The lines in the form of their files, where all of these have the same."""
    form = shapes[0].lines if shapes else None
    if form is None or any(shape.lines != form for shape in shapes):
        yield from lines
        return
    first = form.first_line
    for line in lines:
        # The line before the rows is none of them.
        yield first + b"\n" + form.line_of(line) if first else form.line_of(line)
        first = b""


def _strict(line: bytes) -> bytes:
    record, odd = loads_exact(line)
    return orjson.dumps(settled(record, Notes())) if odd else line


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
            yield _rewritten_line(form, stored)


def _rewritten_line(form: Format, stored: StoredExample) -> bytes:
    """The text of an edited row in its source's shape; raises RowDoesNotFit where that cannot be written."""
    try:
        record, odd = rewritten_record(form, stored.fields, stored.raw, _example(stored), stored.repairs)
        return dumps_exact(record, odd=odd)
    except (RecursionError, TypeError) as error:
        if "ecursion" not in str(error):
            raise
        why = "a field that is nested too deeply to be written beside an edit"
        raise RowDoesNotFit(f"The row has {why}. Export it as 'messages' instead.", why) from error


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
