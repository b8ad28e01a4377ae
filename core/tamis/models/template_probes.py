"""Turns that stand for others of their shape while a chat template is asked what it holds of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tamis.models.opened_turns import GAP, thinks_aloud
from tamis.types import JSON, Message

# Stand for texts while a template is looked at: characters that no text holds and no template changes.
PLACE = "\ue001{}\ue002"
_ID = re.compile(r"[a-zA-Z0-9]{9}")


def turn_shape(turns: Sequence[Message], tools: Sequence[JSON]) -> tuple[JSON, ...]:
    """What of turns decides whether a template can hold them, whatever they say."""
    return (
        *(
            (t["role"], bool(t["content"].strip()), _call_ids(t), "thinking" in t, thinks_aloud(t))
            for t in turns
        ),
        bool(tools),
    )


def _call_ids(turn: Message) -> tuple[bool, ...]:
    """For each call of a turn, or for the one whose result it is, whether it has an id that any template takes."""
    named = [call.get("id", "") for call in turn.get("tool_calls", ())]
    named += [turn.get("tool_call_id", "")] if turn["role"] == "tool" else []
    return tuple(bool(_ID.fullmatch(one)) for one in named)


def turn_probe(turn: Message, i: int) -> Message:
    """A turn of the same shape whose texts can be found again."""
    made: Message = {"role": turn["role"], "content": PLACE.format(i) if turn["content"].strip() else ""}
    if thinks_aloud(turn):
        made["content"] = f"<think>\n{PLACE.format(f'{i}.aloud')}\n</think>{GAP}{PLACE.format(i)}"
    if "tool_calls" in turn:
        made["tool_calls"] = [
            call | {"function": {"name": PLACE.format(f"{i}.{k}"), "arguments": {}}}
            for k, call in enumerate(turn["tool_calls"])
        ]
    if "thinking" in turn:
        made["reasoning_content"] = made["thinking"] = PLACE.format(f"{i}.r")
    return made | {key: turn[key] for key in ("name", "tool_call_id") if key in turn}
