"""A conversation that a person edits, held against the rules of the chat schema, with what to do about each problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson

from tamis.errors import InvalidRecord
from tamis.formats.conversation import check_content, check_order, type_name
from tamis.types import JSON, ROLES, Message

_ADVICE = (
    ("wrong role order", "Change its role, or add or remove a turn."),
    ("ends with", "Add the response as a last turn of the assistant."),
    ("empty conversation", "Add a user turn and a response."),
    ("empty response", "Write a response in the last turn, or drop the row."),
    ("empty", "Write its text, or remove the turn."),
)
_MEND = "Mend its content."


def check_messages(messages: Sequence[JSON]) -> tuple[str, ...]:
    """Every problem of a conversation in words, each naming the turn and the next step; none when it is fine.

    The rules are those of an import: a system turn only first, user and assistant alternate (tool turns answer an
    assistant), every turn says something, the last one is the assistant's.
    """
    shapes = [_shape_problem(turn, number) for number, turn in enumerate(messages, 1)]
    problems = [problem for problem in shapes if problem]
    if problems:
        return tuple(problems)
    turns: list[Message] = list(messages)
    problems += _caught(lambda: check_order(turns))
    for number, turn in enumerate(turns, 1):
        problems += _caught(
            lambda turn=turn, number=number: check_content(turn, number, is_last=number == len(turns))  # type: ignore[misc]
        )
    return tuple(problems)


def _shape_problem(turn: JSON, number: int) -> str:
    if not isinstance(turn, dict):
        return f"Turn {number} is {type_name(turn)}, not an object with role and content. Write it as one."
    role = turn.get("role")
    if role not in ROLES:
        return f"Turn {number} has the role {role!r}. Choose one of {', '.join(ROLES)}."
    try:
        packed = orjson.dumps(turn)
    except TypeError:
        return (
            f"Turn {number} ({role}) holds a character that is none (a lone surrogate) or a value that JSON has not. "
            "Remove it."
        )
    return f"Turn {number} ({role}) holds NUL (\\u0000). Remove it." if b"\\u0000" in packed else ""


def _caught(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except InvalidRecord as error:
        message = str(error)
        advice = next((advice for start, advice in _ADVICE if message.startswith(start)), _MEND)
        return [f"{message[0].upper()}{message[1:]}. {advice}"]
    return []
