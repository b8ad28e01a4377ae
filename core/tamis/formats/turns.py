"""Conversations as plain lists of strings, user first, as in LIMA."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from tamis.errors import InvalidRecord
from tamis.formats.chat import LIST_COLUMNS
from tamis.formats.conversation import add_meta, build_example, plain_obstacle, type_name
from tamis.formats.format import (
    Format,
    Record,
    cannot_hold,
    left_over,
    listed_turns,
    match_column,
    seen_columns,
)
from tamis.registry import Options
from tamis.types import Example


class TurnsFields(Options):
    """Which column holds the turns."""

    conversations: str = Field("conversations", description="Column with the list of texts, user first")


def turns() -> Format:
    """Return the format of plain string lists."""
    return Format(name="turns", fields=TurnsFields, parse=_parse, write=_write, suggest=_suggest)


def _parse(record: Record, fields: TurnsFields) -> list[Example]:
    texts = listed_turns(record, fields.conversations)
    for number, text in enumerate(texts, 1):
        if type(text) is not str:
            raise InvalidRecord(f"turn {number} is {type_name(text)}, not text")
    roles = ("user", "assistant")
    example = build_example(
        [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]
    )
    example.meta = left_over(record, (fields.conversations,))
    return [example]


def _write(example: Example, fields: TurnsFields | None = None) -> Record:
    names = fields or TurnsFields()
    if obstacle := plain_obstacle(example.messages, multi_turn=True, system=False):
        raise cannot_hold("turns", example, obstacle, "messages")
    return add_meta({names.conversations: [message["content"] for message in example.messages]}, example)


def _suggest(records: Sequence[Record]) -> TurnsFields | None:
    columns = seen_columns(records)
    first = match_column(columns, *LIST_COLUMNS)
    if first is not None and _is_text_list(columns[first]):
        return TurnsFields(conversations=first)
    # A list of texts under an unknown name may be tags or answers, so it has to look like an exchange.
    for column, value in columns.items():
        if _is_text_list(value) and len(value) >= 2 and len(columns) == 1:
            return TurnsFields(conversations=column)
    return None


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)
