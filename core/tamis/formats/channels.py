"""What an assistant thought or called in a turn of its own, as gpt-oss has it: part of the turn that answers, and a call."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.formats.role_labels import role_of
from tamis.types import JSON, Message

CHANNEL, ANALYSIS, THOUGHT = "channel", "analysis", "reasoning_content"
_RECIPIENT, _FUNCTIONS = "recipient", "functions."
GAP = "\n\n"  # between several thoughts before one answer


def are_plain_turns(listed: list[JSON], role_key: str, content_key: str) -> bool:
    """Whether every turn names its role, says something and names no channel or recipient, as in most files."""
    for turn in listed:
        if (
            type(turn) is not dict
            or role_key not in turn
            or not turn.get(content_key)
            or CHANNEL in turn
            or _RECIPIENT in turn
        ):
            return False
    return True


def with_thoughts(listed: list[JSON], role_key: str, content_key: str, noted: dict[str, JSON]) -> list[JSON]:
    """Return turns with those of thoughts as the reasoning of the answer behind, and those sent to a function as its call.

    ``noted`` keeps the thoughts by the place of the answer, and that there were calls.
    """
    if any(_calls(turn, role_key, content_key) for turn in listed):
        noted["recipients"] = True
        listed = [
            _as_call(turn, content_key) if _calls(turn, role_key, content_key) else turn for turn in listed
        ]
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
    """Return turns with the thoughts before an answer as turns of their own again, edited ones as one, and calls as texts."""
    if noted.get("recipients"):
        turns = [_as_text(turn, content_key) for turn in turns]
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


def function_of(recipient: JSON) -> str:
    """The function that a turn is sent to; empty for none."""
    return (
        recipient.removeprefix(_FUNCTIONS)
        if isinstance(recipient, str) and recipient.startswith(_FUNCTIONS)
        else ""
    )


def call_of(name: str, arguments: str) -> JSON:
    """A call of one function with arguments as text."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def arguments_of(calls: JSON, name: str) -> str | None:
    """The arguments of the one call of a function; None where there are other calls, or arguments that are no text."""
    function = calls[0].get("function") if isinstance(calls, list) and len(calls) == 1 else None
    text = function.get("arguments") if isinstance(function, dict) and function.get("name") == name else None
    return text if isinstance(text, str) else None


def _calls(turn: JSON, role_key: str, content_key: str) -> bool:
    return (
        isinstance(turn, dict)
        and bool(function_of(turn.get(_RECIPIENT)))
        and role_of(str(turn.get(role_key))) == "assistant"
        and isinstance(turn.get(content_key), str)
        and not turn.get("tool_calls")
    )


def _as_call(turn: Message, content_key: str) -> Message:
    call = call_of(function_of(turn[_RECIPIENT]), turn[content_key])
    return {key: value for key, value in turn.items() if key != "tool_calls"} | {
        content_key: None,
        "tool_calls": [call],
    }


def _as_text(turn: JSON, content_key: str) -> JSON:
    name = function_of(turn.get(_RECIPIENT)) if isinstance(turn, dict) and not turn.get(content_key) else ""
    arguments = arguments_of(turn.get("tool_calls"), name) if name else None
    if arguments is None:
        return turn
    return {key: value for key, value in turn.items() if key != "tool_calls"} | {content_key: arguments}


def _answers(turn: JSON, role_key: str) -> bool:
    return isinstance(turn, dict) and role_of(str(turn.get(role_key))) == "assistant" and THOUGHT not in turn
