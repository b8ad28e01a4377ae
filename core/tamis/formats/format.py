"""What a conversation format is, and how its columns are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tamis.errors import InvalidRecord, RowDoesNotFit
from tamis.formats.conversation import SHAPE, describe_turns, shape_of, type_name
from tamis.formats.joined_texts import JOINED, taken_texts, with_texts, without_texts
from tamis.formats.role_labels import relabelled, with_own_labels
from tamis.formats.stored_form import ColumnMapping, close_record, open_record, spoken_as_data
from tamis.types import JSON, Example

Record = dict[str, JSON]
_STORED = "stored"  # in the shape note: what restores text and nesting, see stored_form


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A way in which files hold conversations, as three functions and the type of its field mapping.

    ``read(record, fields)`` gives the examples of one record whose cells are data, ``render(example, fields)``
    such a record, and ``suggest(records)`` the mapping that the columns of some records call for, or None.
    """

    name: str
    fields: type[ColumnMapping]
    read: Callable[[Record, Any], list[Example]]
    render: Callable[[Example, Any], Record]
    suggest: Callable[[Sequence[Record]], ColumnMapping | None]

    def parse(self, record: Record, fields: Any) -> list[Example]:  # noqa: ANN401 - the format's own mapping
        """Return the examples of one record as its file holds it; raises InvalidRecord with the reason."""
        if not fields.reshapes:
            return self.read(record, fields)
        opened, noted = open_record(record, fields)
        if fields.roles:
            opened, labels = relabelled(opened, fields)
            noted |= {"labels": labels} if labels else {}
        beside = taken_texts(opened, fields.join)
        examples = self.read(opened, fields)
        if beside and all([with_texts(example, beside) for example in examples]):
            noted |= {JOINED: [text.noted for text in beside]}
        for example in examples if noted else ():
            example.meta[SHAPE] = {"format": self.name, **shape_of(example, self.name), _STORED: noted}
        return examples

    def write(self, example: Example, fields: Any = None, *, as_data: bool = False) -> Record:  # noqa: ANN401
        """Return a record of this format in the form that its source had; ``as_data``: its conversation as lists and objects.

        ``fields`` None means the default names. Raises CurationError when the format cannot hold the conversation.
        """
        noted = shape_of(example, self.name).get(_STORED)
        joined = noted.get(JOINED) if noted and fields is not None and fields.join else None
        if not joined:
            record = self.render(example, fields)
        else:
            bare, columns = without_texts(example, joined)
            record = self.render(bare, fields) | columns
        if not noted:
            return record
        names = fields or self.fields()
        record = with_own_labels(record, noted.get("labels") or {}, names)
        return close_record(record, spoken_as_data(noted) if as_data else noted, names)

    def matches(self, records: Sequence[Record]) -> float:
        """Return the fraction of the records in [0, 1] that parse with the mapping this format suggests."""
        fields = self.suggest(records)
        return self.readable_fraction(records, fields) if fields is not None else 0.0

    def readable_fraction(self, records: Sequence[Record], fields: ColumnMapping) -> float:
        """Return the fraction of the records in [0, 1] that parse with a given mapping; 0 for no records."""
        if not records:
            return 0.0
        return sum(self._reads(record, fields) for record in records) / len(records)

    def _reads(self, record: Record, fields: ColumnMapping) -> bool:
        try:
            return bool(self.parse(record, fields))
        except InvalidRecord:
            return False


def text_of(record: Record, column: str) -> str:
    """Return the text of a column that must be there; numbers become text; raises InvalidRecord otherwise."""
    value = record.get(column)
    if type(value) is str:
        return value
    if column not in record:
        raise InvalidRecord(f"no field {column!r}; the record has {_listed(record)}")
    return _scalar(value, column)


def optional_text(record: Record, column: str) -> str:
    """Return the text of a column that may be missing or null, then as an empty string."""
    value = record.get(column)
    return value if type(value) is str else _scalar(value, column)


def listed_turns(record: Record, column: str) -> list[JSON]:
    """Return the list in a column, also when a CSV or Parquet cell holds it as JSON text."""
    value = record.get(column)
    if type(value) is list:
        return value
    if column not in record:
        raise InvalidRecord(f"no field {column!r}; the record has {_listed(record)}")
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        value = _parsed_list(value, column)
    if not isinstance(value, list):
        raise InvalidRecord(f"field {column!r} holds {type_name(value)}, not a list of turns")
    return value


def left_over(record: Record, used: Sequence[str]) -> dict[str, JSON]:
    """Return the fields that the mapping does not use."""
    return {key: value for key, value in record.items() if key not in used and key != SHAPE}


def seen_columns(records: Sequence[Record]) -> dict[str, JSON]:
    """Return every column of the records with its first value that is neither null nor empty."""
    seen: dict[str, JSON] = {}
    for record in records:
        for key, value in record.items():
            if not seen.get(key):
                seen[key] = value
    return seen


def cannot_hold(name: str, example: Example, obstacle: str, instead: str) -> RowDoesNotFit:
    """Return the error that says which shape a format cannot hold and which format can."""
    return RowDoesNotFit(
        f"The format {name!r} cannot hold {obstacle}: this example has {describe_turns(example.messages)}. "
        f"Export it as {instead!r} instead.",
        obstacle,
    )


def _scalar(value: JSON, column: str) -> str:
    if value is None:
        return ""
    # Numeric answers are common in tables; true/false, lists and objects are a wrong mapping.
    if type(value) is int or type(value) is float:
        return str(value)
    raise InvalidRecord(f"field {column!r} holds {type_name(value)}, not text")


def _parsed_list(text: str, column: str) -> JSON:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRecord(f"field {column!r} starts like a list but is not JSON: {error}") from error


def _listed(record: Record) -> str:
    keys = list(record)
    return (
        ", ".join(repr(key) for key in keys[:12]) + (", …" if len(keys) > 12 else "") if keys else "no fields"
    )
