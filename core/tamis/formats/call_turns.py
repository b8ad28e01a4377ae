"""Calls of functions as ShareGPT writes them: the text of a turn labelled function_call."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from tamis.formats.cell_text import data_in
from tamis.formats.names import are_calls
from tamis.formats.role_labels import CALL_LABEL, is_call_label
from tamis.types import JSON, Message

_REASONING = "reasoning_content"
_THOUGHT = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)


def with_calls(turns: list[Message], labels: Sequence[str], noted: dict[str, JSON]) -> list[Message]:
    """Return the turns with the text of every function_call turn as tool calls; ``noted`` keeps those texts."""
    result: list[Message] = []
    for turn, label in zip(turns, labels, strict=True):
        content = turn.get("content")
        thought = ""
        called: list[JSON] = []
        if is_call_label(label):
            thought, called = _told(content) if isinstance(content, str) else ("", _called(content))
        if called:
            noted.setdefault("call_texts", []).append(content)
            turn = {**turn, "content": None, "tool_calls": _framed(called)}
            if thought:
                turn[_REASONING] = thought
        result.append(turn)
    return result


def calls_in(text: str) -> list[JSON]:
    """Return the tool calls that a text is, one function or a list of them; none where it is something else."""
    return _framed(_functions(text))


def with_call_texts(
    turns: Sequence[Message], labels: Sequence[str], noted: dict[str, JSON], *, only_labelled: bool = False
) -> tuple[list[Message], list[str]]:
    """Return turns whose tool calls are text again, and labels that say so; ``only_labelled``: those that said so before.

    Calls that did not change have the text of their source.
    """
    result: list[Message] = []
    shown: list[str] = []
    for turn, label in zip(turns, labels, strict=True):
        calls = turn.get("tool_calls")
        if calls and (is_call_label(label) or not only_labelled):
            functions = [call["function"] for call in calls]
            thought = str(turn.get(_REASONING) or "")
            text = _source_text(thought, functions, noted.get("call_texts") or [])
            is_thought = isinstance(text, str) and _THOUGHT.match(text)
            gone = ("tool_calls", _REASONING) if is_thought else ("tool_calls",)
            turn = {key: value for key, value in turn.items() if key not in gone} | {"content": text}
            label = label if is_call_label(label) else CALL_LABEL
        result.append(turn)
        shown.append(label)
    return result, shown


def _source_text(thought: str, functions: list[JSON], texts: Sequence[JSON]) -> JSON:
    """What the source has for a call, data where the call is data there; of one that changed in the same form."""
    for text in texts:
        said = _told(text) if isinstance(text, str) else ("", _called(text))
        if said in ((thought, functions), ("", functions)):
            return text
    if texts and not any(isinstance(text, str) for text in texts):
        return functions[0] if len(functions) == 1 else functions
    return _call_text(
        thought if any(isinstance(text, str) and _THOUGHT.match(text) for text in texts) else "", functions
    )


def calls_obstacle(message: Message) -> str | None:
    """Say why a function_call turn cannot hold the calls of a message, or None when it can or there are none."""
    if message.get("function_call"):
        return "a turn with tool calls in the old form"
    calls = message.get("tool_calls")
    if not calls:
        return None
    if message.get("content"):
        return "a turn with tool calls beside its text"
    return None if isinstance(calls, list) and all(map(_is_bare, calls)) else "tool calls that have an id"


def _told(text: str) -> tuple[str, list[JSON]]:
    """What was thought before a call, as LLaMA-Factory's have it between marks, and the functions called."""
    thinks = _THOUGHT.match(text)
    return (thinks[1].strip("\n"), _functions(text[thinks.end() :])) if thinks else ("", _functions(text))


def _call_text(thought: str, functions: list[JSON]) -> str:
    called = orjson.dumps(functions[0] if len(functions) == 1 else functions).decode()
    return f"<think>\n{thought}\n</think>\n\n{called}" if thought else called


def _framed(functions: Sequence[JSON]) -> list[JSON]:
    return [{"type": "function", "function": function} for function in functions]


def _is_bare(call: JSON) -> bool:
    if not isinstance(call, dict) or not call.keys() <= {"type", "function"}:
        return False
    function = call.get("function")
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _functions(text: str) -> list[JSON]:
    return _called(data_in(text))


def _called(data: JSON) -> list[JSON]:
    """The functions that data call, one or a list of them."""
    if isinstance(data, dict) and isinstance(data.get("name"), str):
        return [data]
    return list(data) if are_calls(data) else []
