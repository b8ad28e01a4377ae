"""Lists of turns that name their role: OpenAI messages (role, content) and ShareGPT conversations (from,
value).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, TypeAlias

from pydantic import Field

from tamis.errors import InvalidRecord
from tamis.formats.call_turns import calls_obstacle, with_call_texts, with_calls
from tamis.formats.cell_text import data_in
from tamis.formats.channels import are_plain_turns, with_thoughts, without_thoughts
from tamis.formats.conversation import SHAPE, add_meta, build_example, shape_of, type_name
from tamis.formats.format import Format, Record, cannot_hold, left_over, listed_turns, seen_columns
from tamis.formats.names import (
    MESSAGE_LISTS,
    SYSTEM,
    conversation_columns,
    match_column,
    optional_column,
    telling_turn,
    turn_keys,
)
from tamis.formats.own_text import with_usual_key, without_usual_key
from tamis.formats.role_labels import CALL_LABEL, is_call_label, label_text, role_of, role_option
from tamis.formats.stored_form import ColumnMapping
from tamis.formats.text_parts import as_it_was, text_part
from tamis.formats.turn_items import with_items, without_items
from tamis.types import JSON, ROLES, Example, Message

CALLING_LABELS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
OPENAI_LABELS = {role: role for role in ROLES}
SHAREGPT_LABELS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}
# What readers of a format know beside its own labels: a developer's turn is no system turn to gpt-oss and OpenAI.
_KNOWN_LABELS = {
    "messages": {*OPENAI_LABELS.values(), "developer"},
    "sharegpt": {*SHAREGPT_LABELS.values(), *CALLING_LABELS.values(), CALL_LABEL},
}
LIST_COLUMNS = MESSAGE_LISTS


class MessagesFields(ColumnMapping):
    """Which column and keys hold the turns in a file of OpenAI messages."""

    unwritten: ClassVar[frozenset[str]] = ColumnMapping.unwritten | {"function_calls"}

    messages: str = Field("messages", description="Column with the list of turns")
    role: str = Field("role", description="Key of a turn that names the role")
    content: str = Field("content", description="Key of a turn that holds the text")
    system: str = Field("system", description="Column with a system prompt beside the turns; may be missing")
    function_calls: bool = Field(False, description="Whether a tool_call turn is a tool call, not its text")


class ShareGPTFields(ColumnMapping):
    """Which column and keys hold the turns in a ShareGPT file."""

    conversations: str = Field("conversations", description="Column with the list of turns")
    role: str = Field("from", description="Key of a turn that names the role")
    content: str = Field("value", description="Key of a turn that holds the text")
    system: str = Field("system", description="Column with a system prompt beside the turns; may be missing")
    function_calls: bool = Field(
        False, description="Whether a function_call turn is a tool call, not its text"
    )


ChatFields: TypeAlias = MessagesFields | ShareGPTFields


def messages() -> Format:
    """Return the OpenAI messages format."""
    return Format(
        name="messages", fields=MessagesFields, read=_parse_messages, render=_write_messages,
        suggest=partial(_suggest, _messages_fields),
    )  # fmt: skip


def sharegpt() -> Format:
    """Return the ShareGPT format."""
    return Format(
        name="sharegpt", fields=ShareGPTFields, read=_parse_sharegpt, render=_write_sharegpt,
        suggest=partial(_suggest, _sharegpt_fields),
    )  # fmt: skip


def read_turns(turns: list[JSON], role_key: str, content_key: str) -> tuple[list[Message], list[str]]:
    """Return turns with canonical keys and roles, every other key kept, and the labels the file gave the
    roles.

    Raises InvalidRecord for a turn that is no object, lacks a key or has an unknown role, naming the turn.
    """
    canonical: list[Message] = []
    labels: list[str] = []
    for number, turn in enumerate(turns, 1):
        if type(turn) is not dict:
            raise InvalidRecord(f"turn {number} is {type_name(turn)}, not an object with {role_key!r}")
        label = turn.get(role_key)
        role = role_of(label) if isinstance(label, str) else ""
        if not role or not isinstance(label, str):
            raise InvalidRecord(_role_problem(turn, number, role_key))
        if content_key not in turn and not turn.get("tool_calls") and not turn.get("function_call"):
            raise InvalidRecord(
                f"turn {number} ({role}) has no {content_key!r}; its keys are {', '.join(turn)}"
            )
        labels.append(label)
        canonical.append(_canonical(turn, role, role_key, content_key))
    return canonical, labels


def _canonical(turn: Message, role: str, role_key: str, content_key: str) -> Message:
    message: Message = {"role": role}
    for key, value in turn.items():
        if key == content_key:
            message["content"] = value
        elif key in ("role", "content") and key != role_key:
            raise InvalidRecord(
                f"a turn has {key!r} beside {role_key!r} and {content_key!r}: change the mapping of its keys"
            )
        elif key != role_key:
            message[key] = value
    return message


def _role_problem(turn: Message, number: int, role_key: str) -> str:
    if role_key not in turn:
        return f"turn {number} has no {role_key!r}; its keys are {', '.join(turn) or 'none'}"
    label = turn[role_key]
    if isinstance(label, list | dict):
        return f"unknown role {label!r} in turn {number}; a role is a text"
    label = label_text(label)
    return (
        f"unknown role {label!r} in turn {number}; known: {', '.join(ROLES)} and their common names. "
        f"Say what it means: {role_option(label)}"
    )


def _parse_messages(record: Record, fields: MessagesFields) -> list[Example]:
    return [_parse_chat(record, fields, column=fields.messages, name="messages", default=OPENAI_LABELS)]


def _parse_sharegpt(record: Record, fields: ShareGPTFields) -> list[Example]:
    return [
        _parse_chat(record, fields, column=fields.conversations, name="sharegpt", default=SHAREGPT_LABELS)
    ]


def _parse_chat(
    record: Record, fields: ChatFields, *, column: str, name: str, default: dict[str, str]
) -> Example:
    noted: dict[str, JSON] = {}
    listed = listed_turns(record, column)
    if not are_plain_turns(listed, fields.role, fields.content):
        listed = with_usual_key(listed, fields.role, fields.content, noted)
        spoken = with_thoughts(listed, fields.role, fields.content, noted)
        listed = with_items(spoken, fields.role, fields.content, noted)
    turns, labels = read_turns(listed, fields.role, fields.content)
    if labels != [default[turn["role"]] for turn in turns]:
        noted["labels"] = labels
    if fields.function_calls:
        turns = with_calls(turns, labels, noted)
    used: tuple[str, ...] = (column,)
    # A system prompt beside the turns counts only where the turns have none of their own.
    if record.get(fields.system) and turns and turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": text_part(record, fields.system, noted, "system")})
        noted["system_column"] = True
        used = (column, fields.system)
    example = build_example(turns)
    example.meta = left_over(record, used)
    if noted:
        example.meta[SHAPE] = {"format": name, **noted}
    return example


def _write_messages(example: Example, fields: MessagesFields | None = None) -> Record:
    names = fields or MessagesFields()
    return _write_chat(example, "messages", names.messages, names, OPENAI_LABELS)


def _write_sharegpt(example: Example, fields: ShareGPTFields | None = None) -> Record:
    names = fields or ShareGPTFields()
    for message in example.messages:
        if obstacle := calls_obstacle(message):
            raise cannot_hold("sharegpt", example, obstacle, "messages")
        if not message.get("tool_calls") and not isinstance(message.get("content"), str):
            raise cannot_hold("sharegpt", example, "a turn whose content is not a plain string", "messages")
        if clash := {names.role, names.content} & message.keys():
            raise cannot_hold("sharegpt", example, f"a turn with a key of its own {min(clash)!r}", "messages")
    return _write_chat(example, "sharegpt", names.conversations, names, SHAREGPT_LABELS)


def _write_chat(
    example: Example, name: str, column: str, fields: ChatFields, default: dict[str, str]
) -> Record:
    noted = shape_of(example, name)
    turns, record = example.messages, {}
    if noted.get("system_column") and turns[0]["role"] == "system" and turns[0].keys() == {"role", "content"}:
        record[fields.system or "system"] = as_it_was(turns[0]["content"], noted, "system")
        turns = turns[1:]
    if any(turn.get("tool_calls") for turn in turns) and default is SHAREGPT_LABELS:
        default = CALLING_LABELS
    labels = labels_for(turns, noted.get("labels"), default)
    if default is CALLING_LABELS or noted.get("call_texts"):
        turns, labels = with_call_texts(turns, labels, noted, only_labelled=default is OPENAI_LABELS)
    written = [
        {fields.role: label, **_renamed(turn, fields.content)}
        for turn, label in zip(turns, labels, strict=True)
    ]
    items = without_items(written, noted, fields.role, fields.content)
    said = without_thoughts(items, noted, fields.role, fields.content)
    record[column] = without_usual_key(said, noted, fields.role, fields.content)
    return add_meta(record, example)


def with_usual_labels(example: Example, name: str) -> Example:
    """Return the example without those labels of its source that no reader of the format ``name`` knows: a chat template has
    ``tool`` and no ``function``, ``user`` and no ``Human``.
    """
    labels = shape_of(example, name).get("labels")
    known = _KNOWN_LABELS.get(name)
    if known is None or not isinstance(labels, list) or known.issuperset(labels):
        return example
    kept = [label if label in known else None for label in labels]
    return replace(example, meta=example.meta | {SHAPE: example.meta[SHAPE] | {"labels": kept}})


def labels_for(turns: Sequence[Message], noted: JSON, default: dict[str, str]) -> list[str]:
    """Return the labels of the source where they still say the turn's role, else the format's own."""
    kept = noted if isinstance(noted, list) and len(noted) == len(turns) else [None] * len(turns)
    return [
        label if isinstance(label, str) and role_of(label) == turn["role"] else default[turn["role"]]
        for turn, label in zip(turns, kept, strict=True)
    ]


def _renamed(turn: Message, content_key: str) -> Message:
    return {content_key if key == "content" else key: value for key, value in turn.items() if key != "role"}


def _suggest(
    make: Callable[[str, str, str, str], ColumnMapping | None], records: Sequence[Record]
) -> ColumnMapping | None:
    """Suggest the first column that holds a list of turns of the format, well-known names first."""
    columns = conversation_columns(seen_columns(records))
    known = [column for name in MESSAGE_LISTS if (column := match_column(columns, name))]
    for column in dict.fromkeys([*known, *columns]):
        keys = turn_keys(_first_turn(columns[column]))
        suggested = keys and make(column, *keys, optional_column(columns, match_column, SYSTEM, (column,)))
        if suggested and keys and any(_has_call_label(record.get(column), keys[0]) for record in records):
            suggested = suggested.model_copy(update={"function_calls": True})
        if suggested:
            return suggested
    return None


def _has_call_label(value: JSON, role_key: str) -> bool:
    turns = data_in(value) if isinstance(value, str) and "call" in value else value
    labels = (
        [turn.get(role_key) for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else ()
    )
    return any(isinstance(label, str) and is_call_label(label) for label in labels)


def _first_turn(value: JSON) -> JSON:
    return telling_turn(data_in(value) if isinstance(value, str) else value)


def _messages_fields(column: str, role: str, content: str, system: str) -> MessagesFields | None:
    if (role, content) == ("from", "value"):
        return None
    return MessagesFields(messages=column, role=role, content=content, system=system)


def _sharegpt_fields(column: str, role: str, content: str, system: str) -> ShareGPTFields | None:
    if (role, content) != ("from", "value"):
        return None
    return ShareGPTFields(
        conversations=column, role=role, content=content, system=system, function_calls=True
    )
