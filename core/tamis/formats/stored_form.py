"""How a record holds its values, undone for reading and restored for writing: JSON text in cells, objects in
columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from tamis.formats.cell_text import data_in, is_nothing, style_of, text_of_data
from tamis.formats.marked_texts import columns_with_marks, read_marked, written_marked
from tamis.registry import Options
from tamis.types import JSON, ROLES

_MEANINGS = (*ROLES, "function_call")


class ColumnMapping(Options):
    """Which column plays which part of a format. A name with dots leads into objects: ``fields.prompt``.

    Names with bars between them, ``system|system_prompt``, are columns of which a record has one.
    """

    unwritten: ClassVar[frozenset[str]] = frozenset(
        ("roles", "side_by_side", "join", "marked")
    )  # fields not written where empty

    of_items: ClassVar[frozenset[str]] = frozenset()  # parts that are keys of a list's items, not columns

    json_columns: tuple[str, ...] = Field(
        (), description="Columns whose text is JSON, a list or an object: read as data, written back as text"
    )

    roles: dict[str, str] = Field(
        default_factory=dict,
        description="What labels of turns mean that no format knows: a role by its label",
    )

    @field_validator("roles")
    @classmethod
    def _roles_there_are(cls, value: dict[str, str]) -> dict[str, str]:
        for label, role in value.items():
            if role not in _MEANINGS:
                raise ValueError(
                    f"the label {label!r} cannot mean {role!r}: give one of {', '.join(_MEANINGS)}"
                )
        return value

    @model_serializer(mode="wrap")
    def _without_what_is_new(self, serialize: SerializerFunctionWrapHandler) -> dict[str, JSON]:
        # A mapping says the same, and names the same dataset, as before there were these fields in it.
        written: dict[str, JSON] = serialize(self)
        return {key: value for key, value in written.items() if value or key not in self.unwritten}

    side_by_side: tuple[str, ...] = Field(
        (),
        description="Columns with an object of lists instead of a list of objects: role, content side by side",
    )

    join: tuple[str, ...] = Field(
        (), description="Columns whose text is joined to the first user turn, each behind a blank line"
    )

    marked: tuple[str, ...] = Field(
        (),
        description="Columns of a prompt and its answers whose text has marks of who speaks: read as turns",
    )

    @field_validator("json_columns", "side_by_side", "join", "marked", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(name for name in value.split(",") if name) if isinstance(value, str) else value

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed; what was worked out from the old ones is not taken along."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def settled(self, records: Sequence[dict[str, JSON]], suggested: ColumnMapping | None = None) -> Self:
        """Return the mapping with what only the values of many records tell; ``suggested`` is what the columns call for."""
        return self

    @cached_property
    def parts(self) -> dict[str, str]:
        """The column of every part, by the part's name; parts without a column are left out."""
        return {
            name: value
            for name in type(self).model_fields
            if isinstance(value := getattr(self, name), str) and value
        }

    @property
    def spoken(self) -> tuple[str, ...]:
        """Every column that is part of the conversation."""
        return (*self.parts.values(), *self.join)

    @cached_property
    def opened(self) -> tuple[str, ...]:
        """The columns whose objects are opened to reach the mapped ones, outer ones first."""
        dotted = [name.split(".") for name in self.spoken if "." in name]
        heads = {".".join(steps[:n]) for steps in dotted for n in range(1, len(steps))}
        return tuple(sorted(heads, key=lambda head: (head.count("."), head)))

    @cached_property
    def joined(self) -> dict[str, tuple[str, ...]]:
        """The columns that each mapping to several of them stands for."""
        return {name: tuple(name.split("|")) for name in self.parts.values() if "|" in name}

    @cached_property
    def reshapes(self) -> bool:
        """Whether records must be changed before they are read."""
        before_read = (self.joined, self.side_by_side, self.json_columns, self.opened, self.roles, self.join)
        return any(before_read) or bool(self.marked)

    @property
    def further_answers(self) -> tuple[str, ...]:
        """Columns of answers beside those of the parts."""
        return ()


def open_record(record: dict[str, JSON], fields: ColumnMapping) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """Return the record with text turned to data and objects opened, and what restores its form."""
    record = dict(record)
    styles: dict[str, JSON] = {}
    opened: list[str] = []
    for head in fields.opened:
        if head in fields.json_columns:
            _decode(record, head, styles)
        inner = lifted(record, head)
        if inner is not None:
            record = inner
            opened.append(head)
    for column in fields.json_columns:
        if column not in fields.opened:
            _decode(record, column, styles)
    turned = [column for column in fields.side_by_side if is_side_by_side(record.get(column))]
    for column in turned:
        record[column] = listed_objects(record[column])
    called = {column: f"={part}" for part, column in fields.parts.items()}
    found = {name: _present(record, columns) for name, columns in fields.joined.items()}
    record = _renamed(record, {column: name for name, column in found.items() if column})
    marks = read_marked(record, fields.parts, fields.further_answers, fields.marked) if fields.marked else {}
    noted: dict[str, JSON] = {
        "marks": {called.get(column, column): style for column, style in marks.items()},
        "joined": {called[name]: column for name, column in found.items() if column},
        "json": {called.get(column, column): style for column, style in styles.items()},
        "opened": opened,
        "side_by_side": [called.get(column, column) for column in turned],
    }
    return record, {key: value for key, value in noted.items() if value}


def close_record(record: dict[str, JSON], noted: dict[str, JSON], names: ColumnMapping) -> dict[str, JSON]:
    """Return a written record in the form that its source had; ``names`` are those it was written with."""
    columns = {f"={part}": column for part, column in names.parts.items()}
    styles = {columns.get(key, key): style for key, style in (noted.get("json") or {}).items()}
    opened = noted.get("opened") or []
    if marks := {columns.get(key, key): style for key, style in (noted.get("marks") or {}).items()}:
        record = written_marked(record, marks, names.parts)
    found = {columns[key]: column for key, column in (noted.get("joined") or {}).items() if key in columns}
    record = _renamed(record, {name: found.get(name, first) for name, (first, *_) in names.joined.items()})
    for key in noted.get("side_by_side") or ():
        column = columns.get(key, key)
        if isinstance(record.get(column), list):
            record[column] = _lists_of(record[column])
    for column, style in styles.items():
        if column not in opened:
            _encode(record, column, style)
    for head in reversed(opened):
        record = gathered(record, head)
        if head in styles:
            _encode(record, head, styles[head])
    return record


def marked_columns(fields: ColumnMapping, records: Sequence[dict[str, JSON]]) -> tuple[str, ...]:
    """The columns of a prompt and its answers that are texts with marks of who speaks in all records."""
    opened = [open_record(record, fields)[0] if fields.reshapes else record for record in records]
    return columns_with_marks(fields.parts, fields.further_answers, opened)


def spoken_as_data(noted: dict[str, JSON]) -> dict[str, JSON]:
    """Return what restores the form of all but the parts of the conversation, which stay lists and objects."""
    kept = {key: style for key, style in (noted.get("json") or {}).items() if not key.startswith("=")}
    beside = [key for key in noted.get("side_by_side") or () if not key.startswith("=")]
    return noted | {"json": kept, "side_by_side": beside, "marks": {}}


def _present(record: dict[str, JSON], columns: Sequence[str]) -> str | None:
    """Return the one of several columns that a record has, first of all one with something in it."""
    there = [column for column in columns if column in record]
    return next((column for column in there if record[column]), there[0] if there else None)


def _renamed(record: dict[str, JSON], names: Mapping[str, str]) -> dict[str, JSON]:
    return {names.get(key, key): value for key, value in record.items()} if names else record


def lifted(record: dict[str, JSON], head: str) -> dict[str, JSON] | None:
    """Return the record with the keys of the object in a column as columns ``head.key``; None if there is none."""
    value = record.get(head)
    if not isinstance(value, dict) or not value or any(f"{head}.{key}" in record for key in value):
        return None
    result: dict[str, JSON] = {}
    for key, item in record.items():
        if key == head:
            result.update({f"{head}.{inner}": found for inner, found in value.items()})
        else:
            result[key] = item
    return result


def value_at(record: dict[str, JSON], column: str) -> JSON:
    """Return the value of a column, which may stand inside an object (``data.answers``)."""
    head, _, rest = column.partition(".")
    if column in record or not rest:
        return record.get(column)
    inner = lifted(record, head) or {}
    return value_at(inner, column) if column in inner else None


def gathered(record: dict[str, JSON], head: str) -> dict[str, JSON]:
    """Return the record with the columns ``head.key`` as one object again, where the first of them stood."""
    start = f"{head}."
    inner = {key[len(start) :]: value for key, value in record.items() if key.startswith(start)}
    result: dict[str, JSON] = {}
    for key, value in record.items():
        if not key.startswith(start):
            result[key] = value
        elif head not in result:
            result[head] = inner
    return result


def decoded(record: dict[str, JSON], columns: Sequence[str]) -> dict[str, JSON]:
    """Return the record with the text of these columns as data, where it is some."""
    record = dict(record)
    for column in columns:
        _decode(record, column, {})
    return record


def is_side_by_side(value: JSON) -> bool:
    """Whether an object holds turns as lists side by side, as ``datasets`` gives a sequence of objects."""
    if not isinstance(value, dict) or len(value) < 2:
        return False
    lists = list(value.values())
    if not all(isinstance(item, list) for item in lists) or not lists[0]:
        return False
    return len({len(item) for item in lists}) == 1


def listed_objects(value: dict[str, list[JSON]]) -> list[JSON]:
    """Return lists side by side as a list of objects."""
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _lists_of(rows: list[JSON]) -> dict[str, list[JSON]]:
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: [row.get(key) for row in rows] for key in keys}


def is_data(value: JSON) -> bool | None:
    """Whether a cell is the text of a list or object, or a list of texts of objects; None for an empty cell."""
    if value is None or value == "" or value == []:
        return None
    if isinstance(value, str):
        return None if is_nothing(value) else data_in(value) is not None
    if isinstance(value, list) and isinstance(value[0], str):
        return all(isinstance(item, str) and isinstance(data_in(item), dict) for item in value)
    return None if isinstance(value, list | dict) else False


def _decode(record: dict[str, JSON], column: str, styles: dict[str, Any]) -> None:
    value = record.get(column)
    if isinstance(value, str):
        found = data_in(value)
        if found is not None:
            record[column], styles[column] = found, style_of(value, found)
        elif value and is_nothing(value):
            record[column], styles[column] = None, {"text": value}
    elif isinstance(value, list) and value and is_data(value):
        items = [data_in(item) if isinstance(item, str) else item for item in value]
        record[column] = items
        each = [style_of(text, item) for text, item in zip(value, items, strict=True)]
        styles[column] = {"each": each[:1] if each.count(each[0]) == len(each) else each}


def _encode(record: dict[str, JSON], column: str, style: JSON) -> None:
    value = record.get(column)
    if value is None and column in record and isinstance(style, dict) and "text" in style:
        record[column] = style["text"]
    if not isinstance(value, list | dict):
        return
    if not (isinstance(style, dict) and "each" in style):
        record[column] = text_of_data(value, style)
        return
    each = style["each"]
    known = each if len(each) == len(value) else [_named(each)] * len(value)
    record[column] = [text_of_data(item, one) for item, one in zip(value, known, strict=True)]


def _named(styles: list[JSON]) -> JSON:
    return next((style for style in styles if isinstance(style, str)), "compact")
