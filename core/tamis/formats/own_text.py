"""Turns whose text stands under a key of their own (``system_prompt``) and not under the one that the others have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from tamis.formats.names import CONTENT_KEYS, INSTRUCTION, SYSTEM, usual_spelling
from tamis.formats.role_labels import role_of
from tamis.types import JSON, Message

_ANY = tuple(key for key in CONTENT_KEYS if key.islower())
_TEXTS = {
    "system": frozenset((*_ANY, *SYSTEM, *INSTRUCTION, "prompt")),
    "user": frozenset(
        (*_ANY, *INSTRUCTION, "prompt", "query", "question", "input", "request", "user_prompt", "user_message", "user_input")
    ),
    "assistant": frozenset(
        (*_ANY, "response", "answer", "output", "completion", "reply", "generation", "generated_text", "model_output",
         "model_response", "assistant_response", "assistant_message", "bot_response")
    ),
    "tool": frozenset((*_ANY, "output", "result", "observation", "response", "tool_output", "tool_result")),
}  # fmt: skip


class _Moved(TypedDict, total=False):
    """Where the text of a turn stood; ``was`` is what the usual key held, when it was there."""

    key: str
    role: str
    was: JSON


def with_usual_key(listed: list[JSON], role_key: str, content_key: str, noted: dict[str, JSON]) -> list[JSON]:
    """Return turns with the text that stands under another key under the usual one.

    A turn is moved when it says nothing under the usual key, calls nothing, and just one other key is named like the text of
    its role and holds one. ``noted`` keeps what was moved (``own_keys``) and the texts of silent system turns that nobody
    can tell from notes (``unread``).
    """
    if all(type(turn) is not dict or turn.get(content_key) for turn in listed):
        return listed
    moved: dict[str, JSON] = {}
    made: list[JSON] = []
    for at, turn in enumerate(listed):
        role = _silent_role(turn, role_key, content_key)
        texts = _texts_beside(turn, role_key, content_key) if role else []
        named = [key for key in texts if usual_spelling(key) in _TEXTS[role]]
        if len(named) == 1:
            was = {"was": turn[content_key]} if content_key in turn else {}
            moved[str(at)] = _Moved(key=named[0], role=role, **was)  # type: ignore[typeddict-item]
            rest = {key: value for key, value in turn.items() if key not in (named[0], content_key)}
            turn = rest | {content_key: turn[named[0]]}
        elif role == "system" and (unread := named or [key for key in texts if " " in turn[key].strip()]):
            noted["unread"] = list(dict.fromkeys([*noted.get("unread", ()), *unread]))
        made.append(turn)
    if moved:
        noted["own_keys"] = moved
    return made


def without_usual_key(
    turns: Sequence[JSON], noted: dict[str, JSON], role_key: str, content_key: str
) -> list[JSON]:
    """Return turns with the texts that were moved where they stood; one that is no longer there stays as it is."""
    made = list(turns)
    moved: dict[str, _Moved] = noted.get("own_keys") or {}
    for at, place in moved.items():
        turn = made[int(at)] if int(at) < len(made) else None
        if not isinstance(turn, dict) or role_of(str(turn.get(role_key))) != place["role"]:
            continue
        if place["key"] not in turn and isinstance(turn.get(content_key), str):
            rest = {key: value for key, value in turn.items() if key != content_key}
            was = {content_key: place["was"]} if "was" in place else {}
            made[int(at)] = rest | was | {place["key"]: turn[content_key]}
    return made


def _silent_role(turn: JSON, role_key: str, content_key: str) -> str:
    """The role of a turn that says and calls nothing; empty for any other."""
    if type(turn) is not dict or turn.get(content_key) or turn.get("tool_calls") or turn.get("function_call"):
        return ""
    label = turn.get(role_key)
    return role_of(label) if isinstance(label, str) else ""


def _texts_beside(turn: Message, role_key: str, content_key: str) -> list[str]:
    """The other keys of a turn that hold a text."""
    return [
        key
        for key, value in turn.items()
        if isinstance(value, str) and value.strip() and key not in (role_key, content_key)
    ]
