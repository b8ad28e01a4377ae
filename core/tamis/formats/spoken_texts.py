"""What a text with marks of who speaks says, turn by turn, and what stands around each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tamis.formats.transcript_marks import STYLES, between_tokens, role_of_mark, without_end
from tamis.types import Message

_ANALYSIS = "<|channel|>analysis"
MAX_HEAD = 4_000  # characters before the first mark: a system prompt, not a document that quotes a talk


class Spoken(NamedTuple):
    """A turn, and the text before and after its content; ``thought`` is that around the reasoning before both."""

    message: Message
    before: str
    after: str
    thought: tuple[str, ...] = ()


def spoken_turns(text: str) -> list[Spoken]:
    """Return the turns of a text; none for a text in which no style finds a question and an answer."""
    for style in STYLES:
        marks = list(style.finditer(text))
        turns = turns_between(text, marks) if len(marks) >= 2 else []
        if {"user", "assistant"} <= {turn.message["role"] for turn in turns}:
            return in_order(turns)
    return []


def in_order(turns: list[Spoken]) -> list[Spoken]:
    """Turns with one system turn at most, and with thoughts in the answer that they came before."""
    return _with_thoughts(_with_one_system(turns))


def _with_one_system(turns: list[Spoken]) -> list[Spoken]:
    """Of a system turn and a developer's behind it the latter is the system prompt, the former stands before it."""
    if [turn.message["role"] for turn in turns[:2]] != ["system", "system"]:
        return turns
    frame, told, *others = turns
    before = f"{frame.before}{frame.message['content']}{frame.after}{told.before}"
    return [told._replace(before=before), *others]


def _with_thoughts(turns: list[Spoken]) -> list[Spoken]:
    """Turns of the channel ``analysis`` as the reasoning of the answer behind them."""
    made: list[Spoken] = []
    for turn in turns:
        last = made[-1] if made else None
        thinks = last is not None and _ANALYSIS in last.before and not last.thought
        if (
            last is None
            or not thinks
            or turn.message["role"] != "assistant"
            or last.message["role"] != "assistant"
        ):
            made.append(turn)
            continue
        message = {**turn.message, "reasoning_content": last.message["content"]}
        made[-1] = turn._replace(message=message, thought=(last.before, last.after))
    return made


def turns_between(text: str, marks: Sequence[re.Match[str]]) -> list[Spoken]:
    """The turns that marks begin, a system prompt before the first of them; none where that is too long for one."""
    head = text[: marks[0].start()]
    if len(head) > MAX_HEAD:
        return []
    turns: list[Spoken] = []
    lead = head
    says_more = between_tokens(head)
    roles = [role_of_mark(mark[1]) for mark in marks]
    if says_more and roles[0] != "system" and _role_is_template(marks[0][1]):
        start = head.index(says_more)
        turns.append(
            Spoken({"role": "system", "content": says_more}, head[:start], head[start + len(says_more) :])
        )
        lead = ""
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, role, end in zip(marks, roles, ends, strict=True):
        content = text[mark.end() : end]
        kept = without_end(content)
        turns.append(Spoken({"role": role, "content": kept}, lead + mark[0], content[len(kept) :]))
        lead = ""
    return turns


def _role_is_template(label: str) -> bool:
    # What stands before "### Instruction:" is the same in every row of a file: a template, no system prompt.
    return label.strip().lower() != "instruction"
