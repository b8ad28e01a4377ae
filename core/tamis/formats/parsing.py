"""From the raw records of one piece of a file to a batch of examples; pure, so any process can do it."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

import orjson
import pyarrow as pa

from tamis.errors import InvalidRecord
from tamis.formats import load_format
from tamis.formats.bare_rows import as_bare, note_bytes
from tamis.formats.format import Format, Record
from tamis.formats.json_text import (
    FUSED,
    ODD_NUMBERS,
    OddRecord,
    bare_record,
    dumps_exact,
    is_comment,
    may_hold_long_integers,
    read_object,
    repeated_keys,
    split_objects,
    without_odd_text,
)
from tamis.formats.kept_columns import KeptColumns
from tamis.formats.late_columns import LateColumns, refusing_late_calls
from tamis.formats.notes import Notes
from tamis.formats.repairs import TURN_REPAIRS, repaired_turns
from tamis.formats.schema import EXAMPLES_SCHEMA, Batch, Reject, show_raw
from tamis.formats.shape_notes import note_shape
from tamis.formats.stored_form import ColumnMapping
from tamis.types import JSON, Example

NESTING = "nested too deeply: more than 250 levels"
MAX_FIELDS = 10_000  # of a record, or columns of a table: what looks at each of them for each format takes for ever with more


@dataclass(frozen=True, slots=True)
class Chunk:
    """Raw records of a file. Picklable.

    ``kind`` "lines": ``content`` is bytes of whole lines ended by ``newline``, the first of them line
    ``first``. "slices": a list of the JSON texts of consecutive records, the first of them record ``first``.
    "rows": a list of (number, record as a dict, or its text and the reason why it is none).
    """

    kind: Literal["lines", "slices", "rows"]
    content: Any
    first: int
    bytes_read: int
    newline: bytes = b"\n"
    notes: Notes = field(default_factory=Notes)  # on the file, which no row of it says


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that its container could read no further than its text."""

    raw: str | bytes
    reason: str


@dataclass(frozen=True, slots=True)
class ExactRow:
    """A row of a table that holds more than JSON does: as it is kept, as it is read, and what differs by column."""

    exact: Record
    record: Record
    notes: Notes


TableRow: TypeAlias = tuple[int, Record | BadRow | ExactRow]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A batch, and the number and ``id`` of its imported records, to be counted over the whole file."""

    batch: Batch
    ids: list[tuple[int, str]]


def parse_chunk(
    chunk: Chunk,
    format_name: str,
    fields: ColumnMapping,
    stem: str,
    repairs: Collection[str] = (),
    split: str = "",
) -> Parsed:
    """Parse every record of a chunk; bad ones become rejects, so nothing is raised for bad input, but
    UnreadableFile for a column that nobody mapped and that would have played a part.

    ``stem`` is the source of records that name none; ``repairs`` are those that the person agreed to; ``split`` is that of
    records that name none.
    """
    form = load_format(format_name)
    builder = _Builder(stem, KeptColumns(fields))
    with without_collection():
        _parse_records(chunk, form, fields, builder, repairs, split)
        return builder.finish(chunk.bytes_read)


def _parse_records(
    chunk: Chunk, form: Format, fields: ColumnMapping, builder: _Builder, repairs: Collection[str], split: str
) -> None:
    late = LateColumns(fields)
    parse = refusing_late_calls(form.parse if fields.reshapes else form.read, fields)
    turn_repairs = [name for name in repairs if name in TURN_REPAIRS]
    for number, raw, record in read_records(chunk, builder.notes, repairs):
        if isinstance(record, InvalidRecord):
            builder.reject(number, str(record), raw)
            continue
        late.check(number, record)
        if split and "split" not in record:
            raw = with_split(raw, split)
            record["split"] = split
        try:
            read = repaired_turns(record, fields, turn_repairs, builder.notes) if turn_repairs else record
            builder.add(number, raw, record, parse(read, fields))
        except InvalidRecord as error:
            problem = record.problem if isinstance(record, OddRecord) else ""
            reason = str(error) if problem in str(error) else f"{error}; the record {problem}"
            builder.reject(number, reason, _as_given(raw, record))


@contextmanager
def without_collection() -> Iterator[None]:
    """Spare Python the search for cycles among many new objects that hold none: a seventh of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_records(
    chunk: Chunk, notes: Notes | None = None, repairs: Collection[str] = ()
) -> Iterator[tuple[int, bytes | str, Record | InvalidRecord]]:
    """Return number, raw text and record, or the reason why there is none, of each; blank lines are not records.

    What was read otherwise than it stands in the file is counted in ``notes``.
    """
    notes = Notes() if notes is None else notes
    notes.update(chunk.notes)
    return _read_rows(chunk.content, notes) if chunk.kind == "rows" else _read_texts(chunk, notes, repairs)


def _read_texts(
    chunk: Chunk, notes: Notes, repairs: Collection[str]
) -> Iterator[tuple[int, bytes | str, Record | InvalidRecord]]:
    items: Iterable[bytes] = chunk.content
    may_be_long = True
    if chunk.kind == "lines":
        items = chunk.content.split(chunk.newline)
        may_be_long = may_hold_long_integers(chunk.content)
    loads, dumps = orjson.loads, orjson.dumps
    for number, item in enumerate(items, chunk.first):
        raw = item.strip()
        if not raw:
            continue
        try:
            record = None if may_be_long and may_hold_long_integers(raw) else loads(raw)
        except orjson.JSONDecodeError:
            record = None
        if type(record) is not dict:
            yield from _read_odd(number, raw, notes, repairs)
            continue
        try:  # a text that is written alike, or with as many quotes, lost nothing; all others are looked at more closely
            written = dumps(record)
            is_same = len(written) == len(raw) or raw.count(b'"') <= written.count(b'"')
        except TypeError:
            is_same = False
        if not is_same and (lost := repeated_keys(raw, record)):
            notes.update({(name, "duplicate-key"): 1 for name in lost})
        yield number, raw, record if len(record) <= MAX_FIELDS else _bounded(record)


def _read_odd(
    number: int, raw: bytes, notes: Notes, repairs: Collection[str]
) -> Iterator[tuple[int, bytes, Record | InvalidRecord]]:
    """The records of a text that strict JSON refuses or would change: none of a comment, several of fused objects."""
    if is_comment(raw) and b"\n" not in raw:  # else it may stand before a record
        notes["", "comment-line"] += 1
        return
    fused = split_objects(bare_record(raw)) if FUSED in repairs else []
    if len(fused) > 1:
        notes["", FUSED] += 1
    for piece in fused if len(fused) > 1 else [raw]:
        kept, read = read_object(piece, notes, repairs)
        yield number, kept, _bounded(read)


def too_many(n_fields: int) -> str:
    """Why a record, or a table, of so many fields is not read."""
    return f"has {n_fields:,} fields; at most {MAX_FIELDS:,} are read"


def _bounded(record: Record | InvalidRecord) -> Record | InvalidRecord:
    if isinstance(record, dict) and len(record) > MAX_FIELDS:
        return InvalidRecord(too_many(len(record)))
    return record


def _read_rows(
    rows: list[TableRow], notes: Notes
) -> Iterator[tuple[int, bytes | str, Record | InvalidRecord]]:
    for number, row in rows:
        if isinstance(row, BadRow):
            yield number, row.raw, InvalidRecord(row.reason)
            continue
        if isinstance(row, ExactRow):
            exact, record = row.exact, as_bare(row.record, row.notes)
            is_odd = any(kind in ODD_NUMBERS for _, kind in row.notes)
            notes.update(row.notes)
        else:
            exact, record, is_odd = row, row, False
        try:
            yield number, dumps_exact(exact, odd=True) if is_odd else orjson.dumps(exact), record
        except TypeError as error:
            # What is no character travels on, for it may stand outside the conversation.
            if "surrogate" in str(error):
                yield number, dumps_exact(exact, odd=True), record
            else:
                yield number, _escaped_row(exact), InvalidRecord(_why_not_json(error, exact))


def holds_nul(value: JSON) -> bool:
    """Tell whether any text inside a JSON value holds the character NUL."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return False


def content_hash(messages: JSON) -> str:
    """Return the BLAKE2b hash, 32 hex digits, of the messages as JSON with sorted keys."""
    return blake2b(orjson.dumps(messages, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _why_not_json(error: TypeError, row: Record | None = None) -> str:
    message = str(error)
    if re.search("recursion", message, re.IGNORECASE):
        return NESTING
    if "surrogate" not in message:
        return f"cannot be written as JSON: {error}"
    # Bytes that were no UTF-8 travel as surrogates through the reader of a table.
    fields = [key for key, value in (row or {}).items() if not _encodes(key) or not _encodes(str(value))]
    return (
        f"invalid UTF-8 in field {fields[0]!r}{_place((row or {}).get(fields[0]))}"
        if fields
        else "contains a lone surrogate, which is no character"
    )


def _place(value: JSON) -> str:
    encoded = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else b""
    try:
        encoded.decode()
    except UnicodeDecodeError as error:
        return f" at byte {error.start + 1}"
    return ""


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def with_split(raw: bytes | str, split: str) -> bytes:
    """The text of an object with the split that it belongs to as its last field."""
    text = raw.encode() if isinstance(raw, str) else raw
    body = text.rstrip()
    spaced = b'": ' in body[:200]
    return body[:-1].rstrip() + (b', "split": ' if spaced else b',"split":') + orjson.dumps(split) + b"}"


def _as_given(raw: bytes | str, record: Record) -> bytes | str:
    """The text of a record as its file has it, for the report of why it was refused."""
    if isinstance(record, OddRecord):
        return record.text
    return _escaped_row(record) if isinstance(raw, bytes) and b"\\ud" in raw else raw


def _escaped_row(row: Record) -> str | bytes:
    try:
        return json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "surrogateescape")
    except (ValueError, RecursionError):
        return repr(row)


class _Builder:
    """The columns of a batch while it grows."""

    def __init__(self, stem: str, kept: KeptColumns) -> None:
        self._stem = stem
        self._kept = kept
        self._rows: list[tuple[Any, ...]] = []
        self._rejects: list[Reject] = []
        self._ids: list[tuple[int, str]] = []
        self._n_imported = 0
        self.notes = Notes()

    def add(self, number: int, raw: bytes | str, record: Record, examples: list[Example]) -> None:
        note_bytes(record, examples)
        self._rows += [self._row(number, raw, record, example) for example in examples]
        note_shape(record, examples, self.notes)
        for example in examples:
            if example.meta:
                self._kept.look(example)
            self._kept.look_inside(example.messages, record)
        self._n_imported += 1
        record_id = record.get("id")
        if type(record_id) is str or type(record_id) is int:
            self._ids.append((number, str(record_id)))

    def _row(self, number: int, raw: bytes | str, record: Record, example: Example) -> tuple[Any, ...]:
        messages = example.messages
        try:
            text = orjson.dumps(messages)
        except TypeError as error:
            problem = record.problem if isinstance(record, OddRecord) else ""
            raise InvalidRecord(problem or _why_not_json(error, record)) from error
        if b"\\u0000" in text and holds_nul(messages):
            raise InvalidRecord("contains NUL (\\u0000)")
        meta, meta_text = example.meta, b"{}"
        try:
            meta_text = orjson.dumps(meta) if meta else meta_text
            is_odd = b"\\u0000" in meta_text and holds_nul(meta)
        except TypeError:
            is_odd = True
        if is_odd:  # what is odd in the metadata does not cost the row
            meta = without_odd_text(meta, self.notes)
            meta_text = orjson.dumps(meta)
        source = meta.get("source")
        # Decoding copies the text into a block of its own size: orjson's own blocks are several times larger,
        # and keeping those made a batch ten times as big.
        return (
            text.decode(),
            example.prompt,
            example.response,
            source if type(source) is str and source else self._stem,
            number,
            len(messages),
            content_hash(messages),
            meta_text.decode(),
            raw,
        )

    def reject(self, number: int, reason: str, raw: bytes | str) -> None:
        self._rejects.append(Reject(number, show_raw(reason), show_raw(raw)))

    def finish(self, bytes_read: int) -> Parsed:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(EXAMPLES_SCHEMA)
        arrays = [
            pa.array(column, type=kind) for column, kind in zip(columns, EXAMPLES_SCHEMA.types, strict=True)
        ]
        batch = Batch(
            table=pa.RecordBatch.from_arrays(arrays, schema=EXAMPLES_SCHEMA),
            n_records=self._n_imported + len(self._rejects),
            n_imported=self._n_imported,
            rejects=self._rejects,
            bytes_read=bytes_read,
            notes=self.notes,
            kept=self._kept.found,
        )
        return Parsed(batch, self._ids)
