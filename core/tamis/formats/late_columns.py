"""Checks while records are read: no column or label appears that would have played a part had it been seen before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from tamis.errors import InvalidRecord, UnreadableFile
from tamis.formats.call_turns import calls_in
from tamis.formats.conversation import SHAPE
from tamis.formats.format import Record, seen_columns
from tamis.formats.names import late_names, usual_spelling
from tamis.formats.role_labels import CALL_LABEL, is_call_label
from tamis.formats.stored_form import ColumnMapping
from tamis.types import JSON, Example

Parse: TypeAlias = Callable[[Record, Any], list[Example]]
_MAX_SHAPES = 10_000  # sets of columns that are remembered as harmless


class LateColumns:
    """Watches the records of a file for a system prompt, a context, a history or thoughts that nobody mapped."""

    def __init__(self, fields: ColumnMapping) -> None:
        self._parts = fields.parts
        self._names = late_names(self._parts, fields.join, fields.of_items)
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


def refusing_late_calls(parse: Parse, fields: Any) -> Parse:  # noqa: ANN401 - a mapping
    """The reader of a record; one that refuses turns labelled as calls of functions where no row that was looked at has any."""
    has_option = "function_calls" in type(fields).model_fields
    if not has_option or fields.function_calls or CALL_LABEL in fields.roles.values():
        return parse

    def parse_checked(record: Record, mapping: Any) -> list[Example]:  # noqa: ANN401
        examples = parse(record, mapping)
        _refuse_calls(examples)
        return examples

    return parse_checked


def _refuse_calls(examples: Sequence[Example]) -> None:
    """Raise InvalidRecord for a turn that is labelled as a call of functions and would be read as text."""
    for example in examples:
        noted = example.meta.get(SHAPE)
        labels = noted.get("labels") if isinstance(noted, dict) else None
        for number, (label, turn) in enumerate(zip(labels or (), example.messages, strict=False), 1):
            if (
                is_call_label(str(label))
                and isinstance(turn.get("content"), str)
                and calls_in(turn["content"])
            ):
                raise InvalidRecord(
                    f"turn {number} is labelled {label!r} and calls a function, as no row that was looked at does; import again "
                    "as 'messages' with the mapping function_calls=true to read such turns as calls"
                )


def suits_part(part: str, value: JSON) -> bool:
    """Whether a value can be the optional part of a conversation: a list of earlier turns, a text."""
    if part == "history":
        return isinstance(value, list) and bool(value)
    return isinstance(value, str) and bool(value.strip())


def with_alternatives(fields: ColumnMapping, records: Sequence[Record]) -> ColumnMapping:
    """Return the mapping with every column of an optional part, where no record has more than one of them."""
    known = late_names(fields.parts, fields.join, fields.of_items)
    joined: dict[str, str] = {}
    for column, value in seen_columns(records).items():
        part = known.get(usual_spelling(column), "")
        names = (joined.get(part) or fields.parts.get(part, "")).split("|")
        both = any(record.get(column) and any(record.get(name) for name in names) for record in records)
        if part and suits_part(part, value) and not both:
            joined[part] = "|".join((*names, column))
    return fields.model_copy(update=joined) if joined else fields
