"""A check while records are read: no column appears that would have played a part had it been seen before."""

from __future__ import annotations

from tamis.errors import UnreadableFile
from tamis.formats.format import Record
from tamis.formats.names import late_names, usual_spelling
from tamis.formats.stored_form import ColumnMapping
from tamis.types import JSON

_MAX_SHAPES = 10_000  # sets of columns that are remembered as harmless


class LateColumns:
    """Watches the records of a file for a system prompt, a context, a history or thoughts that nobody mapped."""

    def __init__(self, fields: ColumnMapping) -> None:
        self._parts = fields.parts
        self._names = late_names(self._parts)
        self.harmless: set[tuple[str, ...]] = set()  # columns of records that need no second look

    def check(self, number: int, record: Record) -> None:
        """Raise UnreadableFile naming the column, the row and the mapping that takes it."""
        columns = tuple(record)
        if columns in self.harmless:
            return
        named = [column for column in columns if usual_spelling(column) in self._names]
        for column in named:
            part = self._names[usual_spelling(column)]
            if not any(name in record for name in self._parts[part].split("|")) and suits_part(
                part, record[column]
            ):
                raise UnreadableFile(
                    f"Column {column!r} first appears in row {number:,}, behind what was looked at. Import again with "
                    f"the mapping {part}={column} to make it the {part} of its rows, or with {part}= to keep it as metadata."
                )
        if not named and len(self.harmless) < _MAX_SHAPES:
            self.harmless.add(columns)


def suits_part(part: str, value: JSON) -> bool:
    """Whether a value can be the optional part of a conversation: a list of earlier turns, a text."""
    if part == "history":
        return isinstance(value, list) and bool(value)
    return isinstance(value, str) and bool(value.strip())
