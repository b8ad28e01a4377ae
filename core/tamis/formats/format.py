"""What a conversation format is, and how its columns are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tamis.errors import CurationError, InvalidRecord
from tamis.formats.conversation import SHAPE, describe_turns, type_name
from tamis.registry import Options
from tamis.types import JSON, Example

Record = dict[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A way in which files hold conversations, as four functions and the type of its field mapping.

    ``parse(record, fields)`` gives the examples of one record or raises InvalidRecord with the reason.
    ``write(example, fields)`` gives a record of this format or raises CurationError when the format cannot
    hold the conversation; ``fields`` None means the default names. ``suggest(records)`` gives the mapping
    that the columns of some records call for, or None.
    """

    name: str
    fields: type[Options]
    parse: Callable[[Record, Any], list[Example]]
    write: Callable[[Example, Any], Record]
    suggest: Callable[[Sequence[Record]], Options | None]

    def matches(self, records: Sequence[Record]) -> float:
        """Return the fraction of the records in [0, 1] that parse with the mapping this format suggests."""
        fields = self.suggest(records)
        return self.readable_fraction(records, fields) if fields is not None else 0.0

    def readable_fraction(self, records: Sequence[Record], fields: Options) -> float:
        """Return the fraction of the records in [0, 1] that parse with a given mapping; 0 for no records."""
        if not records:
            return 0.0
        return sum(self._reads(record, fields) for record in records) / len(records)

    def _reads(self, record: Record, fields: Options) -> bool:
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


def match_column(columns: Record, *names: str) -> str | None:
    """Return the first column that has one of the names, whatever its case, in the order of the names."""
    lowered = {column.lower(): column for column in reversed(columns)}
    return next((lowered[name] for name in names if name in lowered), None)


def seen_columns(records: Sequence[Record]) -> dict[str, JSON]:
    """Return every column of the records with its first value that is neither null nor empty."""
    seen: dict[str, JSON] = {}
    for record in records:
        for key, value in record.items():
            if not seen.get(key):
                seen[key] = value
    return seen


def cannot_hold(name: str, example: Example, obstacle: str, instead: str) -> CurationError:
    """Return the error that says which shape a format cannot hold and which format can."""
    return CurationError(
        f"The format {name!r} cannot hold {obstacle}: this example has {describe_turns(example.messages)}. "
        f"Export it as {instead!r} instead."
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
