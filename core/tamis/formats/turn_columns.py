"""Columns that hold turns of a conversation, whatever they are called, and what these turns say."""

from __future__ import annotations

from collections.abc import Iterator

from tamis.compute.text.turn_text import turn_text
from tamis.formats.cell_text import data_in
from tamis.formats.format import Record
from tamis.formats.names import exchange_keys, telling_turn, turn_keys
from tamis.formats.role_labels import role_of
from tamis.formats.stored_form import is_side_by_side, listed_objects
from tamis.types import JSON, Example

TELLING = 16  # characters of a text that does not stand somewhere by chance
_SPOKEN = (("human", "assistant"), ("user", "assistant"), ("human", "gpt"), ("human", "bot"), ("user", "bot"))


def turn_columns(record: Record, *, any_exchange: bool = False) -> Iterator[tuple[str, list[JSON]]]:
    """The columns of a record with turns of which one is the assistant's, and these turns.

    Exchanges are turns where their keys name who speaks, or whatever they are called (``any_exchange``).
    """
    for column, value in record.items():
        if isinstance(value, str) and value[:1] in "[{":
            value = data_in(value)
        if is_side_by_side(value):
            value = listed_objects(value)
        if isinstance(value, list) and value and "assistant" in _roles(value, any_exchange):
            yield column, value


def _roles(turns: list[JSON], any_exchange: bool = False) -> list[str]:
    keys = turn_keys(telling_turn(turns))
    if keys is None:
        return ["user", "assistant"] * len(turns) if _exchanges(turns, any_exchange) else []
    return [role_of(str(turn.get(keys[0]))) for turn in turns if isinstance(turn, dict)]


def _exchanges(turns: list[JSON], any_exchange: bool) -> bool:
    keys = exchange_keys(turns[0])
    return keys is not None and (any_exchange or tuple(key.lower() for key in keys) in _SPOKEN)


def ends_with_answer(turns: list[JSON]) -> bool:
    """Whether the assistant has the last word."""
    return _roles(turns)[-1:] == ["assistant"]


def _texts(turns: list[JSON]) -> set[str]:
    keys = turn_keys(telling_turn(turns))
    if keys is None:
        return {str(text).strip() for turn in turns if isinstance(turn, dict) for text in turn.values()}
    said = (
        turn_text({"role": "user", "content": turn.get(keys[1])}) for turn in turns if isinstance(turn, dict)
    )
    return {text.strip() for text in said if text.strip()}


def says_all(turns: list[JSON], other: list[JSON]) -> bool:
    """Whether turns say all that others say."""
    return _texts(other) <= _texts(turns)


def is_held(turns: list[JSON], example: Example) -> bool:
    """Whether a conversation says all that turns say."""
    return all(is_said(text, example) for text in _texts(turns))


def is_said(text: str, example: Example) -> bool:
    """Whether a conversation holds a text: a short one as a turn or a line of its own, a long one wherever it stands."""
    said = [turn_text(turn).strip() for turn in example.messages]
    if len(text) >= TELLING:
        return any(text in one for one in said)
    return text in said or any(text == line.strip() for one in said for line in one.splitlines())


def format_of_turns(turns: list[JSON]) -> str:
    """The format that reads such turns."""
    keys = turn_keys(telling_turn(turns))
    return "turns" if keys is None else "sharegpt" if keys == ("from", "value") else "messages"
