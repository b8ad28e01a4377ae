"""What a model is asked about a row: its prompt as a text, or as the conversation that it is."""

from __future__ import annotations

import orjson

from tamis.protocols import ChatPrompt, Turn
from tamis.types import JSON


def asked_prompt(messages: str, prompt: str) -> str:
    """``prompt`` where it is one user's turn, else the turns before the last of ``messages`` (JSON) as a ChatPrompt.

    Tool turns, tool calls and contents other than text have a shape of their own in every model: a conversation that
    holds one is asked as ``prompt``, which has every turn in words.
    """
    turns = orjson.loads(messages)[:-1]
    spoken = [turn for turn in turns if turn["role"] != "system" or turn.get("content")]
    if len(spoken) < 2 or not all(map(_is_plain, spoken)):
        return prompt
    return ChatPrompt([Turn(turn["role"], turn["content"]) for turn in spoken])


def _is_plain(turn: dict[str, JSON]) -> bool:
    calls = turn.get("tool_calls") or turn.get("function_call")
    return turn["role"] != "tool" and isinstance(turn.get("content"), str) and not calls
