"""Lines that are no record by themselves, one under its id or a bare list: the row that each is read as, and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tamis.formats.cell_text import style_of, text_of_data
from tamis.formats.json_nests import is_conversation_by_id, is_record, is_turns, speaks
from tamis.formats.json_rows import find_rows, turns_column
from tamis.formats.json_text import Record, bare_record, dumps_exact, loads_exact
from tamis.formats.names import KNOWN_COLUMNS
from tamis.types import JSON

_TEXT = rb'"(?:[^"\\]|\\.)*"'
_UNDER = re.compile(rb"\s*\{\s*(" + _TEXT + rb")\s*:(\s*)")
_FIRST = re.compile(rb'\{"(\w+)":( ?)(' + _TEXT + rb"), ?")
_NAMED = re.compile(rb'"(\w+)": ?')
_ID_COLUMNS = ("id", "key", "index_key", "_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineForm:
    """What the lines of a file are: a record or conversation under its ``id``, a list of ``turns`` or of ``texts``, or ``cells``.

    ``column`` is that of the id, empty where the records say it themselves, or of the list; ``turns`` is that of a
    conversation under its id. ``names`` are those of cells, which the first line says where there is a ``header``.
    """

    kind: Literal["id", "turns", "texts", "cells"]
    column: str = ""
    turns: str = ""
    names: Sequence[str] = ()
    header: bool = False
    style: str = "compact"

    def line_of(self, row: bytes) -> bytes:
        """The line that a row came from; the row itself where it holds more than such a line can."""
        record, _ = loads_exact(row)
        if self.kind == "id":
            return self._under_id(row, record)
        if self.kind == "cells":
            return self._written(list(record.values())) if list(record) == list(self.names) else row
        if list(record) != [self.column]:
            return row
        if self.kind == "texts":
            return self._written(record[self.column])
        return row[row.index(b":") + 1 : -1].strip()

    @property
    def first_line(self) -> bytes:
        """The line before the rows, if there is one."""
        return self._written(list(self.names)) if self.header else b""

    def _under_id(self, row: bytes, record: Record) -> bytes:
        if not self.column:
            gap = b" " if self.style in ("spaced", "ascii") else b""
            return (
                b"{" + dumps_exact(str(record["id"]), odd=True) + b":" + gap + row + b"}"
                if "id" in record
                else row
            )
        found = _FIRST.match(row)
        if found is None or found[1].decode() != self.column:
            return row
        start, rest = b"{" + found[3] + b":" + found[2], row[found.end() :]
        if not self.turns:
            return start + b"{" + rest + b"}"
        named = _NAMED.match(rest)
        alone = named is not None and named[1].decode() == self.turns and len(record) == 2
        return start + rest[named.end() :] if named and alone else row

    def _written(self, value: JSON) -> bytes:
        try:
            return text_of_data(value, self.style).encode()
        except (TypeError, UnicodeEncodeError):
            return dumps_exact(value, odd=True)


def row_of_line(value: JSON, raw: bytes) -> bytes | None:
    """The text of the row that a record or conversation under its id, or a bare conversation, is read as; None for others.

    It is the line's own text, so that every blank in it is kept.
    """
    if _is_under_id(value):
        row, text = _row_under_id(value, raw)
    elif _is_conversation(value):
        row = {turns_column(value): value}
        text = b'{"' + turns_column(value).encode() + b'":' + raw + b"}"
    else:
        return None
    try:
        return text if loads_exact(text)[0] == row else dumps_exact(row, odd=True)
    except ValueError:  # the line was repaired
        return dumps_exact(row, odd=True)


def form_of_lines(lines: Sequence[bytes]) -> dict[str, JSON]:
    """The fields of the form that all lines have; empty where they are none of these."""
    try:
        values = [loads_exact(bare_record(line))[0] for line in lines]
    except ValueError:
        return {}
    if not values:
        return {}
    style = style_of(bare_record(lines[0]).decode("utf-8", "replace"), values[0])
    written = {"style": style if isinstance(style, str) else "compact"}
    if all(map(_is_under_id, values)):
        items = [next(iter(value.items())) for value in values]
        ids = {_id_column(key, item) for key, item in items}
        turns = {turns_column(item) if isinstance(item, list) else "" for _, item in items}
        alike = len(ids) == len(turns) == 1
        return {"kind": "id", "column": ids.pop(), "turns": turns.pop(), **written} if alike else {}
    if all(map(_is_conversation, values)):
        columns = {turns_column(value) for value in values}
        return {"kind": "turns", "column": columns.pop(), **written} if len(columns) == 1 else {}
    return _form_of_lists(values, written)


def _form_of_lists(values: list[JSON], written: dict[str, JSON]) -> dict[str, JSON]:
    if not all(
        isinstance(value, list) and not any(isinstance(one, dict) for one in value) for value in values
    ):
        return {}
    found = find_rows(values)
    rows = found.rows if found else []
    names = list(rows[0]) if rows and isinstance(rows[0], dict) else []
    if not names or not all(isinstance(row, dict) and list(row) == names for row in rows):
        return {}
    if [list(row.values()) for row in rows] == values[-len(rows) :]:
        header = len(rows) < len(values)
        return {"kind": "cells", "names": names, "header": header, **written}
    return {"kind": "texts", "column": names[0], **written} if len(names) == 1 else {}


def _is_conversation(value: JSON) -> bool:
    return is_turns(value) and all(map(speaks, value))


def _is_under_id(value: JSON) -> bool:
    """Whether a value is nothing but a record or a conversation under its id."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((name, item),) = value.items()
    if isinstance(item, dict):
        return name.lower() not in KNOWN_COLUMNS and is_record(item) and not is_record(value)
    return is_conversation_by_id(value)


def _id_column(key: str, item: JSON) -> str:
    """The column that an id goes to; none where the record says it itself."""
    inner = item if isinstance(item, dict) else {}
    return (
        ""
        if str(inner.get("id")) == key
        else next((name for name in _ID_COLUMNS if name not in inner), "_key")
    )


def _row_under_id(value: Record, raw: bytes) -> tuple[Record, bytes]:
    ((key, item),) = value.items()
    column, said = _id_column(key, item), _UNDER.match(raw)
    inner = item if isinstance(item, dict) else {turns_column(item): item}
    row = {column: key, **inner} if column else inner
    if said is None:
        return row, b""
    gap = b" " if said[2] else b""
    text = raw[said.end() :].rstrip().removesuffix(b"}").rstrip()
    if not isinstance(item, dict):
        text = b'{"' + turns_column(item).encode() + b'":' + gap + text + b"}"
    start = b'{"' + column.encode() + b'":' + gap + said[1] + b"," + gap
    return row, start + text[1:].lstrip() if column else text
