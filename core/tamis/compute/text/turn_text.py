"""What a turn says in words: its text, the texts of its parts, its tool calls."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from tamis.compute.text.turn_parts import is_medium, part_call, part_result, part_thought
from tamis.errors import InvalidRecord
from tamis.types import JSON, Message

_TEXT_TYPES = ("text", "input_text", "output_text")
TEXT_KEYS = ("text", "value", "content")


def turn_text(message: Message) -> str:
    """Return the text of one turn: its string, or its text parts by line, then its tool calls as
    ``name(arguments)``.
    """
    content = message.get("content")
    if type(content) is str and not message.get("tool_calls") and not message.get("function_call"):
        return content  # most turns of most files
    text = content_text(message)
    return "\n".join(part for part in (text, *map(_call_text, turn_calls(message))) if part)


def content_text(message: Message) -> str:
    """Return what a turn says beside its tool calls: its string, or by line its texts and the results it brings.

    What a tool gave may be any value: it is told as JSON.
    """
    content = message.get("content")
    if isinstance(content, str):
        return content
    if message.get("role") == "tool":
        return "\n".join(
            filter(None, map(result_text, _parts(content) if _has_results(content) else [content]))
        )
    return "\n".join(part_texts(content))


def turn_calls(message: Message) -> list[JSON]:
    """Return the tool calls of a turn: an old ``function_call`` among them, and those among its parts."""
    calls = message.get("tool_calls") or message.get("function_call") or []
    if isinstance(calls, str):  # JSON, as a table that has no lists keeps them
        calls = _parsed(calls)
    inside = filter(None, map(part_call, _parts(message.get("content"))))
    return [*(calls if isinstance(calls, list) else [calls]), *inside]


def _parsed(text: str) -> JSON:
    """What a text says as JSON; the text itself where it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def part_texts(content: JSON) -> Iterable[str]:
    """Yield the texts of a list of parts, or of a single part, and what results tell; parts of other kinds have none."""
    for part in _parts(content):
        text = part_text(part)
        if text is None and part_result(part) is not None:
            text = result_text(part)
        if text is not None:
            yield text


def result_text(value: JSON) -> str:
    """Return in words what a tool gave: texts of parts by line, anything else as JSON; pictures have no words."""
    result = part_result(value)
    value = value if result is None else result["content"]
    told = [part for part in _parts(value) if not is_medium(part)]
    if _parts(value) and all(map(_is_text, told)):
        return "\n".join(part_texts(told))
    return "" if value is None else as_text(value)


def part_text(part: JSON) -> str | None:
    """Return the text of one part of a turn's content, or None for an image, a call, a thought.

    The text stands under ``text``, ``value`` or ``content``, as APIs and tools differ, or as an object's ``value``.
    """
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("thought") is True:
        return None
    kind = part.get("type", "text")
    if kind == "refusal":
        return part["refusal"] if isinstance(part.get("refusal"), str) else None
    if kind not in _TEXT_TYPES and (part_result(part) is not None or part_thought(part) is not None):
        return None
    keys = TEXT_KEYS if kind in _TEXT_TYPES else ("text",)
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


def _parts(content: JSON) -> list[JSON]:
    return content if isinstance(content, list) else [content] if isinstance(content, dict) else []


def _is_text(part: JSON) -> bool:
    """Whether a part says its text and nothing else: an object with other values beside it is data."""
    plain = not isinstance(part, dict) or "type" in part or len(part) == 1
    return plain and part_text(part) is not None


def _has_results(content: JSON) -> bool:
    return any(part_result(part) is not None for part in _parts(content))


def _call_text(call: JSON) -> str:
    function = call.get("function", call) if isinstance(call, dict) else call
    if not isinstance(function, dict):
        return as_text(function)
    arguments = function.get("arguments", "")
    return f"{as_text(function.get('name', ''))}({as_text(arguments)})"
