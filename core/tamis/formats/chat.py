"""Lists of turns that name their role: OpenAI messages (role, content) and ShareGPT conversations (from,
value).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from pydantic import Field

from tamis.errors import InvalidRecord
from tamis.formats.conversation import SHAPE, add_meta, build_example, shape_of, type_name
from tamis.formats.format import (
    Format,
    Record,
    cannot_hold,
    left_over,
    listed_turns,
    match_column,
    optional_text,
    seen_columns,
)
from tamis.registry import Options
from tamis.types import JSON, ROLES, Example, Message

# What other tools call the four roles.
ROLE_OF = {
    "human": "user", "prompter": "user",
    "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant", "ai": "assistant",
    "function_call": "assistant",
    "developer": "system",
    "function": "tool", "observation": "tool", "function_response": "tool", "tool_response": "tool",
    **{role: role for role in ROLES},
}  # fmt: skip
OPENAI_LABELS = {role: role for role in ROLES}
SHAREGPT_LABELS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}
LIST_COLUMNS = ("messages", "conversations", "conversation", "dialog", "dialogue", "turns", "chat", "items")


class MessagesFields(Options):
    """Which column and keys hold the turns in a file of OpenAI messages."""

    messages: str = Field("messages", description="Column with the list of turns")
    role: str = Field("role", description="Key of a turn that names the role")
    content: str = Field("content", description="Key of a turn that holds the text")
    system: str = Field("system", description="Column with a system prompt beside the turns; may be missing")


class ShareGPTFields(Options):
    """Which column and keys hold the turns in a ShareGPT file."""

    conversations: str = Field("conversations", description="Column with the list of turns")
    role: str = Field("from", description="Key of a turn that names the role")
    content: str = Field("value", description="Key of a turn that holds the text")
    system: str = Field("system", description="Column with a system prompt beside the turns; may be missing")


ChatFields: TypeAlias = MessagesFields | ShareGPTFields


def messages() -> Format:
    """Return the OpenAI messages format."""
    return Format(
        name="messages", fields=MessagesFields, parse=_parse_messages, write=_write_messages,
        suggest=partial(_suggest, ("role", "content"), _messages_fields),
    )  # fmt: skip


def sharegpt() -> Format:
    """Return the ShareGPT format."""
    return Format(
        name="sharegpt", fields=ShareGPTFields, parse=_parse_sharegpt, write=_write_sharegpt,
        suggest=partial(_suggest, ("from", "value"), _sharegpt_fields),
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
        role = ROLE_OF.get(label) or ROLE_OF.get(label.lower()) if isinstance(label, str) else None
        if role is None or not isinstance(label, str):
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
    return (
        f"unknown role {turn[role_key]!r} in turn {number}; known: {', '.join(ROLES)} and their common names"
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
    turns, labels = read_turns(listed_turns(record, column), fields.role, fields.content)
    noted: dict[str, JSON] = {}
    if any(label != default[turn["role"]] for turn, label in zip(turns, labels, strict=True)):
        noted["labels"] = labels
    used: tuple[str, ...] = (column,)
    # A system prompt beside the turns counts only where the turns have none of their own.
    if record.get(fields.system) and turns and turns[0]["role"] != "system":
        turns.insert(0, {"role": "system", "content": optional_text(record, fields.system)})
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
        if message.get("tool_calls") or message.get("function_call"):
            raise cannot_hold("sharegpt", example, "a turn with tool calls beside its text", "messages")
        if not isinstance(message.get("content"), str):
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
        record[fields.system] = turns[0]["content"]
        turns = turns[1:]
    labels = _labels(turns, noted.get("labels"), default)
    record[column] = [
        {fields.role: label, **_renamed(turn, fields.content)}
        for turn, label in zip(turns, labels, strict=True)
    ]
    return add_meta(record, example)


def _labels(turns: Sequence[Message], noted: JSON, default: dict[str, str]) -> list[str]:
    """Return the labels of the source where they still say the turn's role, else the format's own."""
    kept = noted if isinstance(noted, list) and len(noted) == len(turns) else [None] * len(turns)
    return [
        label
        if isinstance(label, str) and ROLE_OF.get(label.lower()) == turn["role"]
        else default[turn["role"]]
        for turn, label in zip(turns, kept, strict=True)
    ]


def _renamed(turn: Message, content_key: str) -> Message:
    return {content_key if key == "content" else key: value for key, value in turn.items() if key != "role"}


def _suggest(
    keys: tuple[str, str], make: Callable[..., Options], records: Sequence[Record]
) -> Options | None:
    """Suggest the first column that holds a list of turns with these keys, well-known names first."""
    columns = seen_columns(records)
    first = match_column(columns, *LIST_COLUMNS)
    ordered = ([first] if first else []) + [column for column in columns if column != first]
    for column in ordered:
        turn = _first_turn(columns[column])
        if turn is not None and all(key in turn for key in keys):
            return make(column, *keys, match_column(columns, "system", "system_prompt") or "system")
    return None


def _first_turn(value: JSON) -> Message | None:
    if isinstance(value, str):
        try:
            value = listed_turns({"turns": value}, "turns")
        except InvalidRecord:
            return None
    first = value[0] if isinstance(value, list) and value else None
    return first if isinstance(first, dict) else None


def _messages_fields(column: str, role: str, content: str, system: str) -> MessagesFields:
    return MessagesFields(messages=column, role=role, content=content, system=system)


def _sharegpt_fields(column: str, role: str, content: str, system: str) -> ShareGPTFields:
    return ShareGPTFields(conversations=column, role=role, content=content, system=system)
