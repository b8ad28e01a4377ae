"""What an assistant thought before it answered, learned once however often its turn tells it: in its text, between marks, or under
names of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tamis.compute.text.turn_parts import part_thought, thought_text
from tamis.compute.text.turn_text import content_text
from tamis.models.opened_turns import GAP, REASONING
from tamis.types import JSON, Message

_SWITCHES = ("on", "off", "yes", "no", "true", "false", "none", "low", "medium", "high")
_NAMES = "think|thinking|thought|thoughts|reasoning|reflection"
_OPENING = re.compile(rf"\s*(?:<(?:{_NAMES})>|<\|begin_of_thought\|>|\[THINK\]|◁think▷)", re.IGNORECASE)
_CLOSING = re.compile(rf"(?:</(?:{_NAMES})>|<\|end_of_thought\|>|\[/THINK\]|◁/think▷)\s*", re.IGNORECASE)
_CLOSINGS = ("</", "<|", "[/", "◁/")  # with which such a mark begins
_TELLING = 16  # characters of a thought with which an answer does not begin by chance


class _Marked(NamedTuple):
    """A text with marks around its thoughts: these, what follows them, and whether both marks are there."""

    thought: str
    rest: str
    is_opened: bool


def reasoning_of(message: Message) -> str:
    """What an assistant thought before it answered, without marks around it; empty where nothing is told."""
    return next((thought for _, thought in _named(message)), "")


def is_thought(value: JSON) -> bool:
    """Whether a value is what somebody thought; a switch, ``reasoning: on``, is none."""
    text = thought_text(value) if isinstance(value, str | list | dict) else ""
    return text.strip().lower() not in ("", *_SWITCHES)


def told_once(message: Message) -> Message:
    """The turn with its thoughts in one place: those that its text begins with count before those beside it.

    Marks around nothing in the text are left out where the thoughts stand beside it.
    """
    beside = reasoning_of(message) if message["role"] == "assistant" else ""
    if not beside:
        return message
    text = content_text(message)
    marked = _marked(text)
    if _begins_with(text, marked, beside):
        kept = {key: value for key, value in message.items() if key not in REASONING}
        return kept | _usually_marked(message.get("content"), marked, beside)
    if marked and marked.is_opened and isinstance(message.get("content"), str):
        return message | {"content": marked.rest}
    return message


def tells_thoughts(message: Message, thought: str = "") -> bool:
    """Whether an answer's text begins with thoughts, between marks or the very ones of ``thought``."""
    text = content_text(message)
    return _begins_with(text, _marked(text), bare_thought(thought))


def tells_same(message: Message, thought: str) -> bool:
    """Whether the thoughts between marks in an answer's text are these."""
    marked = _marked(content_text(message))
    return marked is not None and _same(marked.thought, bare_thought(thought))


def unlearned_thoughts(message: Message) -> Iterator[str]:
    """The keys of an answer that tell other thoughts than those that are learned of it."""
    content = message.get("content")
    n_told = sum(bool(message.get(name)) for name in REASONING) if message["role"] == "assistant" else 0
    if not n_told or (n_told == 1 and type(content) is str and not _may_be_marked(content)):
        return  # as it is for most turns that tell any
    named = list(_named(message))
    if not named:
        return
    learned = named[0][1]
    marked = _marked(content_text(message))
    if marked and marked.is_opened and marked.thought.strip():
        learned = marked.thought
    yield from (name for name, thought in named if not _same(thought, learned))
    parts = [thought for part in content if (thought := part_thought(part))] if type(content) is list else []
    if parts and not _same(GAP.join(parts), learned):
        yield "content"


def bare_thought(text: str, answer: str = "") -> str:
    """Thoughts without marks around them, and without the ``answer`` where it stands behind."""
    marked = _marked(text)
    if marked is None:
        opening = _OPENING.match(text)
        return text[opening.end() :].strip() if opening else text
    rest = "" if _same(marked.rest, answer) else marked.rest
    return GAP.join(filter(None, (marked.thought.strip(), rest)))


def _usually_marked(content: JSON, marked: _Marked | None, thought: str) -> Message:
    """The content with the marks that templates know around its thoughts, where it is a text with others around the same ones."""
    if not isinstance(content, str) or marked is None or content.lstrip().startswith("<think>"):
        return {}
    if not _same(marked.thought, thought) or not marked.rest:
        return {}
    return {"content": f"<think>\n{thought.strip()}\n</think>{GAP}{marked.rest}"}


def _named(message: Message) -> Iterator[tuple[str, str]]:
    for name in REASONING:
        if is_thought(message.get(name)) and (
            thought := bare_thought(thought_text(message[name]), content_text(message))
        ):
            yield name, thought


def _may_be_marked(text: str) -> bool:
    return any(mark in text for mark in _CLOSINGS)


def _marked(text: str) -> _Marked | None:
    if not _may_be_marked(text):
        return None
    opening = _OPENING.match(text)
    start = opening.end() if opening else 0
    closing = _CLOSING.search(text, start)
    return _Marked(text[start : closing.start()], text[closing.end() :], bool(opening)) if closing else None


def _begins_with(text: str, marked: _Marked | None, thought: str) -> bool:
    """Whether a text begins with thoughts between marks, or with these ones without a mark."""
    if marked and (marked.is_opened or _same(marked.thought, thought)):
        return bool(marked.thought.strip())
    bare = thought.strip()
    return len(bare) >= _TELLING and text.lstrip().startswith(bare)


def _same(one: str, other: str) -> bool:
    return one == other or one.split() == other.split()
