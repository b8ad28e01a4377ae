"""Columns whose text a person had joined to the prompt, whatever format the rest of the record is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tamis.formats.conversation import labelled_turns, parts_text
from tamis.formats.names import turn_keys
from tamis.formats.role_labels import role_of
from tamis.types import JSON, Example, Message

JOINED = "beside"  # in what restores a record: the columns that were joined, their length, and values that are no text
GAP = "\n\n"  # between the first user turn and each text behind it


@dataclass(frozen=True, slots=True)
class Beside:
    """The text of a column, and its value where that is none."""

    column: str
    text: str
    value: JSON = None

    @property
    def noted(self) -> list[JSON]:
        """What restores the column."""
        return [self.column, len(self.text), self.value]


def taken_texts(record: dict[str, JSON], columns: Sequence[str]) -> list[Beside]:
    """Take the columns that say something out of a record; their texts."""
    found = [Beside(column, text) for column in columns if (text := record.get(column)) and type(text) is str]
    found += [
        Beside(column, text, value)
        for column in columns
        if (value := record.get(column)) and type(value) is not str and (text := _in_words(value))
    ]
    for one in found:
        del record[one.column]
    return sorted(found, key=lambda one: columns.index(one.column))


def with_texts(example: Example, beside: Sequence[Beside]) -> bool:
    """Join texts to the first user turn of an example; where that is no plain text they become its metadata."""
    at = _first_asked(example.messages)
    if at is None:
        example.meta |= {one.column: one.text if one.value is None else one.value for one in beside}
        return False
    turns = [dict(turn) for turn in example.messages]
    turns[at]["content"] = GAP.join([turns[at]["content"], *(one.text for one in beside)])
    example.messages, example.prompt = turns, labelled_turns(turns[:-1])
    return True


def without_texts(example: Example, noted: Sequence[Sequence[JSON]]) -> tuple[Example, dict[str, JSON]]:
    """The example without the texts that were joined to it, and their columns; what was edited since stays in the turn."""
    at = _first_asked(example.messages)
    turns = [dict(turn) for turn in example.messages]
    columns: dict[str, JSON] = {}
    for column, length, value in reversed(noted):
        content = turns[at]["content"] if at is not None else ""
        start = len(content) - length
        text = content[start:] if start > len(GAP) and content[:start].endswith(GAP) else ""
        if text and at is not None:
            turns[at]["content"] = content[: start - len(GAP)]
        columns[column] = value if value is not None and text == _in_words(value) else text
    return replace(example, messages=turns), dict(reversed(columns.items()))


def asked_alike(turns: JSON, asked: Sequence[Message]) -> JSON:
    """Turns whose first question has what was joined to the first of ``asked``: an answer that was refused had the same question."""
    at = _first_asked(asked)
    rest = list(turns) if isinstance(turns, list) else []
    for place, turn in enumerate(rest):
        keys = turn_keys(turn)
        if at is not None and keys and role_of(str(turn[keys[0]])) == "user":
            told, own = asked[at]["content"], turn[keys[1]]
            if isinstance(own, str) and told.startswith(own + GAP):
                return [*rest[:place], {**turn, keys[1]: told}, *rest[place + 1 :]]
            break
    return turns


def _first_asked(turns: Sequence[Message]) -> int | None:
    at = next((at for at, turn in enumerate(turns) if turn["role"] == "user"), None)
    return at if at is not None and type(turns[at].get("content")) is str else None


def _in_words(value: JSON) -> str:
    """A value in words; turns with who says them."""
    if isinstance(value, list) and all(turn_keys(item) for item in value):
        keys = [turn_keys(item) or ("", "") for item in value]
        said = [f"{item[role]}: {item[text]}" for item, (role, text) in zip(value, keys, strict=True)]
        return GAP.join(said)
    return parts_text(value)
