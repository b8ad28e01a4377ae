"""What an assistant thought in a turn of its own, channel ``analysis`` as gpt-oss has it: part of the turn that answers."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.formats.role_labels import role_of
from tamis.types import JSON, Message

CHANNEL, ANALYSIS, THOUGHT = "channel", "analysis", "reasoning_content"
GAP = "\n\n"  # between several thoughts before one answer


def with_thoughts(listed: list[JSON], role_key: str, content_key: str, noted: dict[str, JSON]) -> list[JSON]:
    """Return turns with those of thoughts as the reasoning of the answer behind; ``noted`` keeps them by its place."""
    if not any(_thinks(turn, role_key, content_key) for turn in listed):
        return listed
    made: list[JSON] = []
    waiting: list[Message] = []
    kept: dict[str, JSON] = {}
    for turn in listed:
        if _thinks(turn, role_key, content_key):
            waiting.append(turn)
            continue
        if waiting and _answers(turn, role_key):
            kept[str(len(made))] = waiting
            made.append({**turn, THOUGHT: GAP.join(thought[content_key] for thought in waiting)})
        else:
            made += [*waiting, turn]
        waiting = []
    if kept:
        noted["thoughts"] = kept
    return [*made, *waiting]


def without_thoughts(
    turns: Sequence[JSON], noted: dict[str, JSON], role_key: str, content_key: str
) -> list[JSON]:
    """Return turns with the thoughts before an answer as turns of their own again; edited ones as one."""
    kept = noted.get("thoughts") or {}
    made: list[JSON] = []
    for at, turn in enumerate(turns):
        thoughts: list[Message] = kept.get(str(at), [])
        said = turn.get(THOUGHT) if isinstance(turn, dict) and role_of(str(turn.get(role_key))) else None
        if thoughts and isinstance(said, str):
            as_they_were = said == GAP.join(thought[content_key] for thought in thoughts)
            made += thoughts if as_they_were else [{**thoughts[0], content_key: said}]
            turn = {key: value for key, value in turn.items() if key != THOUGHT}
        made.append(turn)
    return made


def _thinks(turn: JSON, role_key: str, content_key: str) -> bool:
    return (
        isinstance(turn, dict)
        and turn.get(CHANNEL) == ANALYSIS
        and role_of(str(turn.get(role_key))) == "assistant"
        and isinstance(turn.get(content_key), str)
        and not turn.get("tool_calls")
    )


def _answers(turn: JSON, role_key: str) -> bool:
    return isinstance(turn, dict) and role_of(str(turn.get(role_key))) == "assistant" and THOUGHT not in turn
