"""Objects that are one exchange, what the user says and what the assistant says, as two turns with what training heeds of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from tamis.formats.names import exchange_keys
from tamis.models.opened_turns import REASONING
from tamis.models.row_fields import IMAGES
from tamis.models.row_marks import is_about_learning
from tamis.types import JSON, Message

SYSTEM_KEY = "system"  # of the first exchange, as XTuner has it
_OF_ANSWER = frozenset(("tool_calls", "function_call", *REASONING))
_OF_QUESTION = frozenset(IMAGES)
_PLAIN = ("role", "content")
_NOTHING: tuple[JSON, ...] = (None, "", [], {})


class KeysBeside(NamedTuple):
    """The keys of an exchange beside its two texts: those that its question has, those that its answer has, and all others."""

    of_question: Message
    of_answer: Message
    left: Message


def keys_beside(item: Mapping[str, JSON], texts: Sequence[str]) -> KeysBeside:
    """Return the keys of an exchange beside its ``texts``, as a turn with a role would have them.

    Pictures belong to the question; marks of how much is learned, and what sounds like one, thoughts and calls belong to the
    answer. Empty ones, which tables have in every row, are left.
    """
    found = KeysBeside({}, {}, {})
    for key, value in item.items():
        if key in texts:
            continue
        if value in _NOTHING:
            found.left[key] = value
        elif key in _OF_QUESTION:
            found.of_question[key] = value
        elif key in _OF_ANSWER or is_about_learning(key, value):
            found.of_answer[key] = value
        else:
            found.left[key] = value
    return found


def exchange_turns(item: Mapping[str, JSON], texts: tuple[str, str]) -> tuple[list[Message], Message]:
    """Return the two turns of an exchange and the keys that are left beside them."""
    asked, answered = texts
    beside = keys_beside(item, texts)
    return [
        {"role": "user", "content": item.get(asked), **beside.of_question},
        {"role": "assistant", "content": item.get(answered), **beside.of_answer},
    ], beside.left


def write_exchanges(
    turns: Sequence[Message], texts: Sequence[str], left: Sequence[Message] = ()
) -> list[JSON]:
    """Return turns as exchanges with the keys that they had; a system turn stands in the first of them."""
    opening: Message = {}
    if turns and turns[0]["role"] == "system":
        opening, turns = {SYSTEM_KEY: turns[0]["content"]}, turns[1:]
    pairs = zip(turns[::2], turns[1::2], strict=True)
    kept = left if len(left) == len(turns) // 2 else ()
    return [
        (opening if at == 0 else {})
        | {text: turn["content"] for text, turn in zip(texts, pair, strict=True)}
        | (own or {})
        | {key: value for turn in pair for key, value in turn.items() if key not in _PLAIN}
        for at, (pair, own) in enumerate(zip_longest(pairs, kept))
    ]


def bare_turns(turns: Sequence[Message]) -> list[Message]:
    """Return turns without the keys that an exchange holds beside its texts; a call may stand without a text."""
    return [
        {"role": turn["role"], "content": "" if _only_calls(turn) else turn.get("content")} for turn in turns
    ]


def says_both(turns: Sequence[Message]) -> bool:
    """Whether both turns of an exchange are text, or its answer a call."""
    return all(isinstance(turn["content"], str) or _only_calls(turn) for turn in turns)


def left_in_exchanges(shape: Mapping[str, JSON]) -> Iterator[tuple[str, Message]]:
    """The keys that were left beside the exchanges of a record, with the part of the mapping that holds them.

    Those of earlier turns that are not said twice are among them.
    """
    for left in shape.get("extras") or ():
        yield "conversations", left
    if left := shape.get("instance"):
        yield "instances", left
    if unread := shape.get("again_keys"):
        yield "history", unread
    earlier = shape.get("history_value")
    for item in earlier if isinstance(earlier, list) else ():
        if texts := exchange_keys(item):
            yield "history", keys_beside(item, (*texts, SYSTEM_KEY)).left


def _only_calls(turn: Message) -> bool:
    return turn["content"] is None and bool(turn.get("tool_calls") or turn.get("function_call"))
