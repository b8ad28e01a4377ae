"""Turns whose calls, results and thoughts stand among the parts of their content, as the templates' own turns have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tamis.compute.text.turn_parts import is_medium, is_ordinary, part_call, part_result, part_thought
from tamis.compute.text.turn_text import result_text
from tamis.types import JSON, Message

REASONING = (  # the names that files and templates have for it
    "reasoning_content", "thinking", "reasoning", "thought", "thoughts", "cot", "rationale", "chain_of_thought",
    "reasoning_details",
)  # fmt: skip
_THOUGHT = re.compile(
    r"\s*<think>(.*?)</think>\s*(?=\S)", re.DOTALL
)  # in the text of an answer, before what it says
GAP = "\n\n"  # between two texts that become one turn


def opened_turns(messages: Iterable[Message]) -> list[Message]:
    """The turns with ``tool_calls``, ``reasoning_content`` and turns of tools in place of such parts; others as they are.

    What a tool gave is text, as JSON where it was none; pictures in it stay what they are.
    """
    return [turn for message in messages for turn in _opened(message)]


def thinks_aloud(turn: Message) -> bool:
    """Whether an answer's text begins with what was thought, and tells it nowhere else."""
    return turn["role"] == "assistant" and "thinking" not in turn and bool(_THOUGHT.match(turn["content"]))


def with_thoughts_apart(turn: Message) -> Message:
    """The turn with thoughts that its text begins with as its reasoning."""
    found = _THOUGHT.match(turn["content"]) if thinks_aloud(turn) else None
    if found is None:
        return turn
    thought = found[1].strip("\n")
    return turn | {
        "content": turn["content"][found.end() :],
        "reasoning_content": thought,
        "thinking": thought,
    }


def _opened(message: Message) -> Iterator[Message]:
    content = message.get("content")
    if message["role"] == "tool":
        yield from _tool_turns(message, content)
        return
    parts = content if isinstance(content, list) else [content] if isinstance(content, dict) else []
    if all(map(is_ordinary, parts)):
        yield message
    elif message["role"] == "assistant":
        yield _assistant_turn(message, parts)
    else:
        results = [result for part in parts if (result := part_result(part)) is not None]
        for result in results:
            yield from _tool_turns({**_beside(message), **result}, result["content"])
        rest = [part for part in parts if part_result(part) is None]
        if rest:
            yield message | {"content": rest}


def _tool_turns(message: Message, content: JSON) -> Iterator[Message]:
    parts = content if isinstance(content, list) else [content]
    results = [result for part in parts if (result := part_result(part)) is not None]
    if results and len(results) == len(parts):
        for result in results:
            yield from _tool_turns(message | result, result["content"])
    elif any(map(is_medium, parts)) or content is None or isinstance(content, str):
        yield message
    else:
        yield message | {"content": result_text(content)}


def _assistant_turn(message: Message, parts: Sequence[JSON]) -> Message:
    calls = [call for part in parts if (call := part_call(part)) is not None]
    thoughts = [thought for part in parts if (thought := part_thought(part))]
    rest = [part for part in parts if part_call(part) is None and part_thought(part) is None]
    made = message | {"content": rest}
    if calls:
        made["tool_calls"] = [*(message.get("tool_calls") or ()), *calls]
    if thoughts and not any(message.get(name) for name in REASONING):
        made["reasoning_content"] = GAP.join(thoughts)
    return made


def _beside(message: Message) -> Message:
    return {key: value for key, value in message.items() if key not in ("role", "content")}
