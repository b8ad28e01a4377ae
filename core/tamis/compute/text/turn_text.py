"""What a turn says in words: its text, the texts of its parts, its tool calls."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from tamis.errors import InvalidRecord
from tamis.types import JSON, Message

_TEXT_TYPES = ("text", "input_text", "output_text")
TEXT_KEYS = ("text", "value", "content")


def turn_text(message: Message) -> str:
    """Return the text of one turn: its string, or its text parts by line, then its tool calls as
    ``name(arguments)``.
    """
    text = content_text(message)
    return "\n".join(part for part in (text, *map(_call_text, turn_calls(message))) if part)


def content_text(message: Message) -> str:
    """Return what a turn says beside its tool calls: its string, or its text parts by line."""
    content = message.get("content")
    return content if isinstance(content, str) else "\n".join(part_texts(content))


def turn_calls(message: Message) -> list[JSON]:
    """Return the tool calls of a turn, an old ``function_call`` among them."""
    calls = message.get("tool_calls") or message.get("function_call")
    if not calls:
        return []
    return calls if isinstance(calls, list) else [calls]


def part_texts(content: JSON) -> Iterable[str]:
    """Yield the texts of a list of parts, or of a single part; parts of other kinds have none."""
    if not isinstance(content, list | dict):
        return
    for part in content if isinstance(content, list) else [content]:
        text = part_text(part)
        if text is not None:
            yield text


def part_text(part: JSON) -> str | None:
    """Return the text of one part of a turn's content, or None for an image, a call, a thought.

    The text stands under ``text``, ``value`` or ``content``, as APIs and tools differ, or as an object's ``value``.
    """
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return None
    keys = TEXT_KEYS if part.get("type", "text") in _TEXT_TYPES else ("text",)
    for key in keys:
        value = part.get(key)
        if isinstance(value, dict):
            value = value.get("value")
        if isinstance(value, str):
            return value
    return None


def as_text(value: JSON) -> str:
    """Return a string as it is, anything else as JSON text; raises InvalidRecord when nested too deeply."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise InvalidRecord(f"cannot be written as JSON: {error}") from error


def _call_text(call: JSON) -> str:
    function = call.get("function", call) if isinstance(call, dict) else call
    if not isinstance(function, dict):
        return as_text(function)
    arguments = function.get("arguments", "")
    return f"{as_text(function.get('name', ''))}({as_text(arguments)})"
