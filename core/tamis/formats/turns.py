"""Conversations without roles: lists of texts, user first, as in LIMA, or lists of exchanges of two texts."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from tamis.errors import InvalidRecord
from tamis.formats.chat import OPENAI_LABELS, labels_for
from tamis.formats.conversation import (
    SHAPE,
    add_meta,
    build_example,
    plain_obstacle,
    said_turns,
    shape_of,
    type_name,
)
from tamis.formats.exchanges import SYSTEM_KEY, bare_turns, exchange_turns, says_both, write_exchanges
from tamis.formats.format import Format, Record, cannot_hold, left_over, listed_turns, seen_columns
from tamis.formats.names import (
    COMPLETION,
    INSTRUCTION,
    MESSAGE_LISTS,
    PROMPT,
    QUESTION,
    SYSTEM,
    TEXTS_IN_TURN,
    conversation_columns,
    exchange_keys,
    first_item,
    is_named_turn,
    match_column,
    match_text,
    optional_column,
    usual_spelling,
)
from tamis.formats.role_labels import role_of
from tamis.formats.stored_form import ColumnMapping
from tamis.formats.text_parts import as_it_was, text_part
from tamis.types import JSON, Example, Message

# Lists of exchanges that stand each for itself.
_APART = frozenset((
    "instances", "examples", "positive_examples", "negative_examples", "demonstrations", "few_shot", "few_shots", "shots", "test_cases", "train", "test",
))  # fmt: skip
_NAMED = "names"  # how turns stand that are each under the name of who says it


class TurnsFields(ColumnMapping):
    """Which column holds the turns."""

    conversations: str = Field(
        "conversations", description="Column with the list of texts, user first, or of exchanges"
    )
    system: str = Field("", description="Column with a system prompt beside the turns; may be missing")


def turns() -> Format:
    """Return the format of plain string lists and of exchanges."""
    return Format(name="turns", fields=TurnsFields, read=_read, render=_render, suggest=_suggest)


def _read(record: Record, fields: TurnsFields) -> list[Example]:
    listed = listed_turns(record, fields.conversations)
    noted: dict[str, JSON] = {}
    first = first_item(listed)
    if is_named_turn(first):
        messages = _named(listed, noted)
    else:
        messages = _exchanges(listed, noted) if isinstance(first, dict | list) else _alternating(listed)
    system = text_part(record, fields.system, noted, "system")
    if system and messages and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
        noted["system_column"] = True
    example = build_example(messages)
    used = (fields.conversations, fields.system) if "system_column" in noted else (fields.conversations,)
    example.meta = left_over(record, used)
    if noted:
        example.meta[SHAPE] = {"format": "turns", **noted}
    return [example]


def _alternating(texts: Sequence[JSON]) -> list[Message]:
    for number, text in enumerate(texts, 1):
        if type(text) is not str:
            raise InvalidRecord(f"turn {number} is {type_name(text)}, not text")
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]


def _named(listed: Sequence[JSON], noted: dict[str, JSON]) -> list[Message]:
    """Turns that are one text each under the name of who says it."""
    noted["exchange"], noted["names"] = _NAMED, []
    messages: list[Message] = []
    for number, item in enumerate(listed, 1):
        if not is_named_turn(item):
            raise InvalidRecord(f"turn {number} is no object with one text under the name of who says it")
        ((name, text),) = item.items()
        noted["names"].append(name)
        messages.append({"role": role_of(name), "content": text})
    return messages


def _exchanges(listed: Sequence[JSON], noted: dict[str, JSON]) -> list[Message]:
    keys = exchange_keys(listed[0])
    noted["exchange"] = list(keys) if keys else "pair"
    messages: list[Message] = []
    extras: list[JSON] = []
    for number, item in enumerate(listed, 1):
        if keys and isinstance(item, dict):
            said, extra = exchange_turns(item, keys)
            system = extra.get(SYSTEM_KEY)
            if number == 1 and isinstance(system, str) and system:
                messages.append({"role": "system", "content": extra.pop(SYSTEM_KEY)})
        elif not keys and isinstance(item, list) and len(item) == 2:
            said, extra = _paired(item), {}
        else:
            raise InvalidRecord(f"exchange {number} is no {_described(keys)}")
        if not says_both(said):
            raise InvalidRecord(f"exchange {number} is no {_described(keys)}")
        messages += said
        extras.append(extra)
    if any(extras):
        noted["extras"] = extras
    return messages


def _paired(texts: Sequence[JSON]) -> list[Message]:
    return [{"role": role, "content": text} for role, text in zip(("user", "assistant"), texts, strict=True)]


def _described(keys: tuple[str, str] | None) -> str:
    return f"object with the texts {keys[0]!r} and {keys[1]!r}" if keys else "pair of texts"


def _render(example: Example, fields: TurnsFields | None = None) -> Record:
    names = fields or TurnsFields()
    noted = shape_of(example, "turns")
    exchange = noted.get("exchange")
    if exchange == _NAMED:
        return _with_names(example, names, noted)
    holds_system = bool(noted.get("system_column") or isinstance(exchange, list))
    holds_keys = isinstance(exchange, list)
    shown = bare_turns(example.messages) if holds_keys else example.messages
    if obstacle := plain_obstacle(shown, multi_turn=True, system=holds_system):
        raise cannot_hold("turns", example, obstacle, "messages")
    messages = list(said_turns(example.messages))
    opens = messages[0]["role"] == "system" and not (holds_keys and not noted.get("system_column"))
    system = messages.pop(0)["content"] if opens else ""
    record: Record = {names.conversations: _written(messages, exchange, noted.get("extras") or [])}
    if noted.get("system_column") and system:
        record[names.system or SYSTEM_KEY] = as_it_was(system, noted, "system")
    return add_meta(record, example)


def _with_names(example: Example, names: TurnsFields, noted: dict[str, JSON]) -> Record:
    messages = list(example.messages)
    record: Record = {}
    if noted.get("system_column") and messages[0]["role"] == "system":
        record[names.system or SYSTEM_KEY] = as_it_was(messages.pop(0)["content"], noted, "system")
    spoken = [message for message in messages if message["role"] != "tool"]
    if obstacle := plain_obstacle(spoken, multi_turn=True, system=True):
        raise cannot_hold("turns", example, obstacle, "messages")
    labels = labels_for(messages, noted.get("names"), OPENAI_LABELS)
    said = [{label: message["content"]} for label, message in zip(labels, messages, strict=True)]
    return add_meta({names.conversations: said} | record, example)


def _written(messages: Sequence[Message], exchange: JSON, extras: Sequence[Message]) -> list[JSON]:
    if isinstance(exchange, list):
        return write_exchanges(messages, exchange, extras)
    texts = [message["content"] for message in messages]
    return [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)] if exchange else texts


def _suggest(records: Sequence[Record]) -> TurnsFields | None:
    seen = seen_columns(records)
    columns = conversation_columns(seen)
    for name in (*MESSAGE_LISTS, "data"):
        column = match_column(columns, name)
        is_text = column is not None and isinstance(first_item(columns[column]), str)
        if is_text and name not in (*TEXTS_IN_TURN, "data"):
            continue  # two questions, paragraphs, things: MT-Bench's turns are all the user's
        if column is not None and _is_conversation(columns[column]):
            return _fields(columns, column)
    # A list of texts under another name may be tags or answers, so it has to look like an exchange.
    asked = match_text(seen, *INSTRUCTION, *QUESTION, *PROMPT)
    has_pair = asked is not None and match_text(seen, *COMPLETION) is not None
    for column, value in columns.items():
        if usual_spelling(column) in _APART:
            continue
        if (
            exchange_keys(first_item(value)) or is_named_turn(first_item(value))
        ) and not has_pair:  # beside a pair they are examples for it
            return _fields(columns, column)
        if isinstance(first_item(value), list) and _is_conversation(value) and len(columns) == 1:
            return _fields(columns, column)
    return None


def _fields(columns: Record, column: str) -> TurnsFields:
    # Beside exchanges an instruction is what the whole conversation follows, as in COIG.
    names = (*SYSTEM, "instruction") if exchange_keys(first_item(columns[column])) else SYSTEM
    return TurnsFields(conversations=column, system=optional_column(columns, match_text, names, (column,)))


def _is_conversation(value: JSON) -> bool:
    first = first_item(value)
    if isinstance(first, list):
        return len(first) == 2 and all(isinstance(text, str) for text in first)
    return isinstance(first, str) or exchange_keys(first) is not None or is_named_turn(first)
