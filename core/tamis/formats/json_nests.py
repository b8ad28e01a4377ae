"""Which objects are records, and records that stand inside of others, as SQuAD has questions inside paragraphs."""

from __future__ import annotations

from tamis.formats.json_text import Record
from tamis.formats.names import (
    CHOSEN_REJECTED,
    COMPLETION,
    INSTRUCTION,
    MESSAGE_LISTS,
    PAIRS,
    PROMPT,
    QUESTION,
    exchange_keys,
    first_item,
    turn_keys,
)
from tamis.formats.role_labels import role_of
from tamis.types import JSON

_ASKS = (*INSTRUCTION, *QUESTION, *PROMPT)
_REPLIES = (*COMPLETION, "instances")
# Lists under these names hold records of their own, also where each is a question with its answer.
_SEVERAL = {
    "data", "rows", "examples", "records", "items", "samples", "dataset", "qas", "qa", "qa_pairs", "qa_list", "questions",
    "faq", "faqs", "pairs", "train", "test", "validation",
}  # fmt: skip
_MAX_DEPTH = 8


def is_turns(value: JSON) -> bool:
    """Whether a value is a list of turns that name who speaks."""
    return isinstance(value, list) and _is_turn(first_item(value)) and _is_turn(value[-1])


def speaks(turn: JSON) -> bool:
    """Whether an object is a turn of somebody whose role is known."""
    keys = turn_keys(turn)
    return keys is not None and bool(role_of(str(turn[keys[0]])))


def is_record(value: Record) -> bool:
    """Whether an object by itself says what is asked and what is answered."""
    called = {name.lower(): item for name, item in value.items()}
    if any(_says(called.get(name)) for name in _ASKS) and any(name in called for name in _REPLIES):
        return True
    if any(_says(called.get(said)) and replied in called for said, replied in PAIRS):
        return True
    if any(chosen in called and rejected in called for chosen, rejected in CHOSEN_REJECTED):
        return True
    return _holds_turns(called)


def is_conversation_by_id(value: Record) -> bool:
    """Whether an object is nothing but a conversation under its id."""
    if len(value) != 1:
        return False
    ((name, turns),) = value.items()
    return name.lower() not in MESSAGE_LISTS and is_turns(turns) and all(map(speaks, turns))


def with_inner_rows(item: Record, depth: int = 0) -> list[JSON]:
    """Return the records that stand in lists inside an object, each with what stands beside and above; else the object."""
    if depth > _MAX_DEPTH or is_record(item) or any(is_turns(value) for value in item.values()):
        return [item]
    inner = {
        name: [row for one in value for row in with_inner_rows(one, depth + 1)]
        for name, value in item.items()
        if _may_be_records(name, value)
    }
    good = {name: rows for name, rows in inner.items() if any(is_record(row) for row in rows[:5])}
    if not good:
        return [item]
    around = {name: value for name, value in item.items() if name not in good}
    return [
        {**{f"outer_{name}" if name in row else name: value for name, value in around.items()}, **row}
        for rows in good.values()
        for row in rows
    ]


def _says(value: JSON) -> bool:
    return isinstance(value, str) or is_turns(value)


def _holds_turns(called: Record) -> bool:
    """Whether one column is the conversation: a list of turns under a usual name."""
    lists = [name for name, value in called.items() if is_turns(value)]
    if any(name in MESSAGE_LISTS or name in ("history", "prompt", "input", "data") for name in lists):
        return True
    usual = [called.get(name) for name in MESSAGE_LISTS if name not in _SEVERAL]
    return any(exchange_keys(first_item(value)) or isinstance(first_item(value), str) for value in usual)


def _is_turn(item: JSON) -> bool:
    if isinstance(item, dict) and any(isinstance(item.get(key), str) for key in ("role", "from", "speaker")):
        return True
    return speaks(item)  # the other keys that may say who speaks are names of columns, too


def _may_be_records(name: str, value: JSON) -> bool:
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        return False
    if is_turns(value) or name.lower() == "instances":
        return False
    return exchange_keys(value[0]) is None or name.lower() in _SEVERAL
