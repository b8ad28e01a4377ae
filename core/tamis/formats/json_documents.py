"""JSON files that are more than a list of records: what their start shows, and their rows when read as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from tamis.errors import UnreadableFile
from tamis.formats.json_rows import RowsFound, find_rows
from tamis.formats.json_text import dumps_exact, loads_exact, repeated_keys, why_not_json, without_loose_parts
from tamis.formats.line_forms import row_of_line
from tamis.formats.names import first_item
from tamis.formats.notes import Notes
from tamis.formats.parsing import BadRow, Chunk
from tamis.formats.streams import TextStream
from tamis.types import JSON

Form = Literal["list", "wrapped", "document", "values", "record", "lines", ""]
MAX_BYTES = 1 << 30  # such a file is read as a whole
_START_BYTES = 1 << 18  # of a file that show how it is built
_SHOWN_ITEMS = 50
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},"]', re.DOTALL)
_CLOSING = {ord("["): b"]", ord("{"): b"}"}
_BETWEEN = re.compile(r"[\s,\x1e\ufeff]*")
_NEXT = re.compile(r"\n(?=[\[{])")


@dataclass(frozen=True, slots=True)
class _Start:
    """The first value of a text, as far as it is there; ``text`` is its own where it is all there, ``rest`` what follows."""

    value: JSON
    text: bytes | None
    rest: bytes


def form_of(sample: bytes) -> Form:
    """How a file of JSON is built, from its start: values by line, a list of records, such a list inside an object, one record,
    values one after another, or a document that must be read as a whole; empty where its start is no JSON.
    """
    start = _start_of(sample)
    if start is None:
        return ""
    if start.text is None or not start.rest.strip(b" \t\r\n,"):
        return _form_of_value(start.value, start.text)
    if start.rest.lstrip(b" \t\r,")[:1] == b"\n" and b"\n" not in start.text:
        holds_rows = isinstance(first_item(start.value), str | list | dict)
        if isinstance(start.value, list):
            return "values" if holds_rows and _are_lists(sample) else ""
        return "lines"
    return "values" if start.rest.lstrip(b" \t\r\n,\xef\xbb\xbf")[:1] in (b"{", b"[") else ""


def document_chunks(
    stream: TextStream, form: Form, batch_rows: int, repairs: Collection[str] = ()
) -> Iterator[Chunk]:
    """The records of a file that is read as a whole; raises UnreadableFile for one that is too large."""
    waiting: list[bytes] = []
    first, notes = 1, Notes()

    def gathered() -> Chunk:
        return Chunk("slices", waiting, first, stream.bytes_read, notes=notes)

    for found, odd, bad in _values(_whole(stream), form, repairs):
        notes.update(found.notes)
        for row in found.rows:
            waiting.append(row if isinstance(row, bytes) else dumps_exact(row, odd=odd))
            if len(waiting) >= batch_rows:
                yield gathered()
                first, waiting, notes = first + len(waiting), [], Notes()
        if bad is not None:
            if waiting:
                yield gathered()
            first, waiting, notes = first + len(waiting), [], Notes() if waiting else notes
            reason = f"{stream.damage}; {bad.reason}" if stream.damage else bad.reason
            yield Chunk("rows", [(first, BadRow(bad.raw, reason))], first, stream.bytes_read)
            first += 1
    if waiting or notes:
        yield gathered()


def _whole(stream: TextStream) -> bytes:
    parts: list[bytes] = []
    n_bytes = 0
    for block in stream.blocks():
        parts.append(block)
        n_bytes += len(block)
        if n_bytes > MAX_BYTES:
            raise UnreadableFile(
                f"The file is JSON of a kind that can only be read whole, and larger than {MAX_BYTES >> 20:,} MB. Write it as "
                "JSON lines, one record a line."
            )
    return b"".join(parts)


def _values(
    text: bytes, form: Form, repairs: Collection[str]
) -> Iterator[tuple[RowsFound, bool, BadRow | None]]:
    """The rows of a document, or of each of several values; whether strict JSON cannot hold them; or what is broken."""
    if form == "values":
        yield from _of_several(text, repairs)
        return
    try:
        value, odd = loads_exact(text, repairs)
    except ValueError as error:
        yield from _before_the_end(text, error)
        return
    found = find_rows(value) or RowsFound([value])
    if repeated := sum(repeated_keys(text, value).values()):
        found.notes["", "duplicate-key"] += repeated
    yield found, odd, None


def _of_several(text: bytes, repairs: Collection[str]) -> Iterator[tuple[RowsFound, bool, BadRow | None]]:
    """The rows of each of several values, or their texts; lists are taken together."""
    lists: list[JSON] = []
    for value, raw, bad in _one_after_another(text, repairs):
        if bad is not None:
            yield RowsFound(), True, bad
        elif isinstance(value, list) and not any(isinstance(item, dict) for item in value):
            lists.append(value)
        elif (row := row_of_line(value, raw)) is not None:
            notes = Notes({(name, "duplicate-key"): 1 for name in repeated_keys(raw, value)})
            yield RowsFound([row], notes), True, None
        else:
            found = find_rows(value) or RowsFound([value])
            found.notes.update({(name, "duplicate-key"): 1 for name in repeated_keys(raw, value)})
            yield found, True, None
    if lists:
        yield find_rows(lists) or RowsFound(lists), True, None


def _before_the_end(text: bytes, error: ValueError) -> Iterator[tuple[RowsFound, bool, BadRow | None]]:
    """The rows of a document that is cut off, and its last piece; nothing but the latter of one that is broken inside."""
    cut, closing = _closed(text)
    found = None
    if closing:
        with suppress(ValueError):
            found = find_rows(loads_exact(text[:cut] + closing)[0])
    if found:
        yield found, True, None
        yield RowsFound(), False, BadRow(text[cut:][: 1 << 20], "the file ends in the middle of its JSON")
    else:
        yield RowsFound(), False, BadRow(text[: 1 << 20], why_not_json(text, error))


def _one_after_another(
    content: bytes, repairs: Collection[str]
) -> Iterator[tuple[JSON, bytes, BadRow | None]]:
    """Every value of a text with its own text, or what is broken; a broken one ends where a line begins the next."""
    decoder, text = json.JSONDecoder(), content.decode("utf-8", "surrogateescape")
    at = _skip(text, 0)
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
            yield value, text[at:end].encode("utf-8", "surrogateescape"), None
        except (ValueError, RecursionError) as error:
            following = _NEXT.search(text, at + 1)
            end = following.end() if following else len(text)
            piece = text[at:end].strip().encode("utf-8", "surrogateescape")
            try:
                yield loads_exact(piece, repairs)[0], piece, None
            except ValueError:
                line = text.count("\n", 0, at) + 1
                why = why_not_json(piece, error if isinstance(error, ValueError) else ValueError(error))
                yield None, piece, BadRow(piece[: 1 << 20], f"{why}; it begins in line {line:,}")
        at = _skip(text, end)


def _skip(text: str, at: int) -> int:
    between = _BETWEEN.match(text, at)
    return between.end() if between else at


def _start_of(sample: bytes) -> _Start | None:
    """The first value of a text: whole, or cut behind the last item that is whole and closed there."""
    head = sample[:_START_BYTES]
    for text in (head, without_loose_parts(head)):
        cut, closing = _closed(text)
        try:
            value = json.loads((text[:cut] + closing).decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            continue
        return _Start(value, None if closing else text[:cut].strip(), sample[cut:])
    return None


def _closed(text: bytes) -> tuple[int, bytes]:
    """Where the first value ends or its last whole item does, and what closes it there."""
    open_now: list[int] = []
    cut = 0
    for match in _TOKEN.finditer(text):
        char = text[match.start()]
        if char == ord('"'):
            if len(match[0]) == 1:
                break
            continue
        if char in _CLOSING:
            open_now.append(char)
        elif char != ord(",") and open_now:
            open_now.pop()
            if not open_now:
                return match.end(), b""
        cut = match.start() if char == ord(",") else match.end()
    return cut, b"".join(_CLOSING[one] for one in reversed(open_now))


def _form_of_value(value: JSON, text: bytes | None) -> Form:
    if isinstance(value, list):
        return "list" if not value or _is_plain_list(value) else "document"
    if not isinstance(value, dict):
        return ""
    try:
        found = find_rows(value)
    except UnreadableFile:
        return "document"
    if found is None:
        return "values" if text is not None and b"\n" in text else "record"
    tables = {name: item for name, item in value.items() if first_item(item) and _is_plain_list(item)}
    is_all = sum(map(len, tables.values())) == len(found.rows)
    told = {name for name, _ in found.notes} | {name for name, item in value.items() if item in ([], {})}
    return "wrapped" if is_all and told >= value.keys() - tables.keys() else "document"


def _is_plain_list(value: JSON) -> bool:
    """Whether a value is a list of records, as far as it is looked at, none of them opened."""
    if not isinstance(value, list) or not value:
        return False
    shown = list(islice(value, _SHOWN_ITEMS))
    found = find_rows(shown)
    return found.rows == shown if found else not any(isinstance(item, list | str) for item in shown)


def _are_lists(sample: bytes) -> bool:
    lines = [line.strip() for line in sample.splitlines() if line.strip()]
    return 2 * sum(line.startswith(b"[") for line in lines) > len(lines)
