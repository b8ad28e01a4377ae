"""Parts of a turn that are no text: calls, results and thoughts, as Anthropic, OpenAI, Google and Amazon write them."""

from __future__ import annotations

from collections.abc import Mapping

from tamis.types import JSON

# By the type of a part, or by the key of the object in a part without one.
_CALLS = ("tool_use", "server_tool_use", "function_call", "tool_call", "tool-call")
_CALLS_INSIDE = ("functionCall", "function_call", "toolUse")
_RESULTS = ("tool_result", "function_call_output", "tool_response", "function_response", "tool-result")
_RESULTS_INSIDE = ("functionResponse", "function_response", "toolResult")
_THOUGHTS = ("thinking", "reasoning", "reasoning_text", "thought")
_THOUGHTS_INSIDE = ("reasoningContent", "reasoning_content")
_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = ("arguments", "input", "args", "parameters")
_CALL_IDS = ("call_id", "tool_call_id", "toolUseId", "toolCallId", "id")
_RESULT_IDS = ("tool_use_id", *_CALL_IDS)
_OUTPUTS = ("content", "output", "response", "result")
_SAID = ("thinking", "reasoning", "thought", "content", "text", "reasoningText", "reasoning_text", "summary")
_MEDIA = (
    "image", "image_url", "input_image", "audio", "input_audio", "audio_url", "video", "video_url", "document", "file",
    "input_file", "inlineData", "inline_data", "fileData", "file_data",
)  # fmt: skip


def part_kind(part: JSON) -> str:
    """The type that a part names, else the key that it goes by, else the type of its value."""
    if not isinstance(part, Mapping):
        return type(part).__name__
    kind = part.get("type")
    return kind if isinstance(kind, str) else next(iter(part), "{}")


def is_medium(part: JSON) -> bool:
    """Whether a part is a picture, a sound, a film or a document."""
    return isinstance(part, Mapping) and (part.get("type") in _MEDIA or any(key in part for key in _MEDIA))


def part_call(part: JSON) -> dict[str, JSON] | None:
    """A part that calls a function as ``{"type": "function", "function": {"name", "arguments"}}`` with its ``id``."""
    inner = _inner(part, _CALLS, _CALLS_INSIDE)
    if inner is None:
        return None
    inner = {**inner, **inner["function"]} if isinstance(inner.get("function"), Mapping) else inner
    name = _first(inner, _NAMES)
    if not isinstance(name, str):
        return None
    function = {"name": name, "arguments": _first(inner, _ARGUMENTS, {})}
    made: dict[str, JSON] = {"type": "function", "function": function}
    number = _first(inner, _CALL_IDS)
    return made | {"id": number} if isinstance(number, str) else made


def part_result(part: JSON) -> dict[str, JSON] | None:
    """A part that holds what a function gave as a tool's turn: ``content`` as it is, ``tool_call_id`` and ``name``."""
    inner = _inner(part, _RESULTS, _RESULTS_INSIDE)
    if inner is None:
        return None
    made: dict[str, JSON] = {"role": "tool", "content": _first(inner, _OUTPUTS, "")}
    named = {"tool_call_id": _first(inner, _RESULT_IDS), "name": _first(inner, _NAMES)}
    return made | {key: value for key, value in named.items() if isinstance(value, str)}


def part_thought(part: JSON) -> str | None:
    """What a part says that was only thought; None for a part that is no thought."""
    if isinstance(part, Mapping) and part.get("thought") is True:
        return _said(part.get("text"))
    inner = _inner(part, _THOUGHTS, _THOUGHTS_INSIDE)
    return None if inner is None else next(filter(None, (_said(inner.get(key)) for key in _SAID)), "")


def thought_text(value: JSON) -> str:
    """What reasoning under a name of its own says: a text, or the thoughts and texts of parts by line."""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else [value]
    return "\n".join(filter(None, (part_thought(part) or _said(part) for part in parts)))


def is_ordinary(part: JSON) -> bool:
    """Whether a part is no call, result or thought."""
    return part_call(part) is None and part_result(part) is None and part_thought(part) is None


def _inner(part: JSON, types: tuple[str, ...], keys: tuple[str, ...]) -> Mapping[str, JSON] | None:
    if not isinstance(part, Mapping):
        return None
    if part.get("type") in types:
        return part
    return next(
        (part[key] for key in keys if "type" not in part and isinstance(part.get(key), Mapping)), None
    )


def _first(inner: Mapping[str, JSON], keys: tuple[str, ...], missing: JSON = None) -> JSON:
    return next((inner[key] for key in keys if inner.get(key) is not None), missing)


def _said(value: JSON) -> str:
    """A text, the texts of a list by line, or the one in an object."""
    if isinstance(value, list):
        return "\n".join(filter(None, map(_said, value)))
    if isinstance(value, Mapping):
        return _said(value.get("text"))
    return value if isinstance(value, str) else ""
