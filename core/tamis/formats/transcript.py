"""Whole conversations as one text with marks that say who speaks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field

from tamis.errors import InvalidRecord
from tamis.formats.call_turns import calls_in, with_call_texts
from tamis.formats.channels import arguments_of, call_of
from tamis.formats.conversation import SHAPE, add_meta, build_example, plain_obstacle, shape_of
from tamis.formats.format import Format, Record, cannot_hold, left_over, optional_text, seen_columns, text_of
from tamis.formats.names import SYSTEM, TRANSCRIPTS, is_refused, match_column, match_text, optional_column
from tamis.formats.spoken_texts import spoken_turns
from tamis.formats.stored_form import ColumnMapping
from tamis.types import JSON, Example, Message

_CALL = re.compile(r"(?:<functioncall>|\[TOOL_CALLS\])\s*", re.IGNORECASE)
_SYSTEM_HEAD = re.compile(r"\s*SYSTEM:\s*", re.IGNORECASE)
_RECIPIENT = re.compile(r"<\|start\|>assistant\b[^|]*(?:<\|channel\|>\w+)?[^|]*?\bto=functions\.([\w.-]+)")
_USUAL_FRAMES = {
    "system": ("", ""), "user": ("\n\nHuman: ", ""), "assistant": ("\n\nAssistant: ", ""),
}  # fmt: skip


class TranscriptFields(ColumnMapping):
    """Which column holds the text of the conversation."""

    text: str = Field("text", description="Column with the whole conversation as one text")
    system: str = Field("", description="Column with a system prompt beside the text; may be missing")


def transcript() -> Format:
    """Return the format of conversations in one text."""
    return Format(name="transcript", fields=TranscriptFields, read=_read, render=_render, suggest=_suggest)


def _read(record: Record, fields: TranscriptFields) -> list[Example]:
    spoken = spoken_turns(text_of(record, fields.text))
    if not spoken:
        raise InvalidRecord(f"field {fields.text!r} has no marks that say who speaks")
    noted: dict[str, JSON] = {
        "format": "transcript", "frames": [[turn.before, turn.after, *turn.thought] for turn in spoken],
    }  # fmt: skip
    messages = [_with_call(turn.message, turn.before, noted) for turn in spoken]
    used = [fields.text]
    system = optional_text(record, fields.system)
    if system and messages[0]["role"] != "system":
        head = match[0] if (match := _SYSTEM_HEAD.match(system)) else ""
        noted["system_head"] = head
        messages.insert(0, {"role": "system", "content": system[len(head) :]})
        used.append(fields.system)
    example = build_example(messages)
    example.meta = {**left_over(record, used), SHAPE: noted}
    return [example]


def _with_call(message: Message, before: str, noted: dict[str, JSON]) -> Message:
    """Return an assistant's turn whose text is a call of a function as a tool call."""
    content = message["content"]
    if name := _sent_to(before):
        return {**message, "content": None, "tool_calls": [call_of(name, content)]}
    match = _CALL.match(content) if message["role"] == "assistant" else None
    calls = calls_in(content[match.end() :]) if match else []
    if not calls or match is None:
        return message
    noted.setdefault("call_texts", []).append(content[match.end() :])
    noted["call_mark"] = match[0]
    return {**message, "content": None, "tool_calls": calls}


def _sent_to(before: str) -> str:
    """The function that a turn of Harmony's is sent to, by the text before its content; empty for none."""
    to = _RECIPIENT.search(before)
    return to[1] if to else ""


def _with_arguments(turn: Message, before: str) -> Message:
    """A turn that is sent to a function with the arguments of its call as its text."""
    name = _sent_to(before)
    arguments = arguments_of(turn.get("tool_calls"), name) if name and not turn.get("content") else None
    if arguments is None:
        return turn
    return {key: value for key, value in turn.items() if key != "tool_calls"} | {"content": arguments}


def _render(example: Example, fields: TranscriptFields | None = None) -> Record:
    names = fields or TranscriptFields()
    noted = shape_of(example, "transcript")
    turns = list(example.messages)
    record: Record = {names.text: ""}
    if "system_head" in noted and turns[0]["role"] == "system":
        record[names.system or "system"] = noted["system_head"] + turns.pop(0)["content"]
    roles = [turn["role"] for turn in turns]
    frames = noted.get("frames") or []
    framed = len(frames) == len(turns)
    if framed:
        turns = [_with_arguments(turn, frame[0]) for turn, frame in zip(turns, frames, strict=True)]
    called = [bool(turn.get("tool_calls")) for turn in turns]
    turns, _ = with_call_texts(turns, roles, noted)
    if not framed:
        frames = [_USUAL_FRAMES.get(role, ("", "")) for role in roles]
    bare = [_without_thought(turn, frame) for turn, frame in zip(turns, frames, strict=True)]
    obstacle = plain_obstacle([turn for turn in bare if turn["role"] != "tool"], multi_turn=True, system=True)
    if not framed and "tool" in roles:
        obstacle = obstacle or "a tool turn"
    if obstacle:
        raise cannot_hold("transcript", example, obstacle, "messages")
    mark = str(noted.get("call_mark", "<functioncall> "))
    text = "".join(
        f"{_thought_text(turn, thought)}{before}{mark if is_call else ''}{turn['content']}{after}"
        for turn, is_call, (before, after, *thought) in zip(turns, called, frames, strict=True)
    )
    if [turn.message for turn in spoken_turns(text)] != [
        {**turn, "content": mark + turn["content"]} if is_call else turn
        for turn, is_call in zip(turns, called, strict=True)
    ]:
        raise cannot_hold("transcript", example, "a text with marks of speakers in it", "messages")
    record[names.text] = text
    return add_meta(record, example)


def _without_thought(turn: Message, frame: Sequence[str]) -> Message:
    has_place = len(frame) > 2 and isinstance(turn.get("reasoning_content"), str)
    return {key: value for key, value in turn.items() if not (has_place and key == "reasoning_content")}


def _thought_text(turn: Message, around: Sequence[str]) -> str:
    return (
        f"{around[0]}{turn['reasoning_content']}{around[1]}" if around and "reasoning_content" in turn else ""
    )


def _suggest(records: Sequence[Record]) -> TranscriptFields | None:
    columns = {column: value for column, value in seen_columns(records).items() if not is_refused(column)}
    for name in TRANSCRIPTS:
        column = match_column(columns, name)
        if column is not None and isinstance(columns[column], str) and spoken_turns(columns[column]):
            return TranscriptFields(
                text=column, system=optional_column(columns, match_text, SYSTEM, (column,))
            )
    return None
