"""Repairs of conversations that a person agreed to by name, before the format reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from tamis.compute.text.turn_parts import is_ordinary
from tamis.errors import UnknownName
from tamis.formats.cell_text import data_in, style_of, text_of_data
from tamis.formats.format import Record
from tamis.formats.json_text import TEXT_REPAIRS
from tamis.formats.notes import Notes
from tamis.formats.role_labels import relabelled, role_of
from tamis.registry import Options
from tamis.types import JSON, Message

TURN_REPAIRS = (
    "drop-empty-system",
    "join-inner-system",
    "merge-consecutive",
    "drop-leading",
    "drop-trailing",
)
REPAIRS = (*TEXT_REPAIRS, *TURN_REPAIRS)
_BETWEEN = "\n\n"


def check_repairs(names: Sequence[str]) -> tuple[str, ...]:
    """Return the named repairs in their fixed order, each once; raises UnknownName."""
    for name in names:
        if name not in REPAIRS:
            raise UnknownName("repair", name, REPAIRS)
    return tuple(name for name in REPAIRS if name in names)


def repaired_turns(record: Record, fields: Options, repairs: Collection[str], notes: Notes) -> Record:
    """Return the record with its list of turns repaired; the same record where nothing is to be done or it has no turns."""
    names = fields.model_dump()
    column = names.get("messages") or names.get("conversations") or ""
    role, content = names.get("role"), names.get("content")
    known = relabelled(record, fields)[0] if getattr(fields, "roles", None) else record
    stored = known.get(column)
    turns = data_in(stored) if isinstance(stored, str) else stored
    if role is None or content is None or not isinstance(turns, list) or not _are_turns(turns):
        return record
    kept = turns
    for name in TURN_REPAIRS:
        if name in repairs:
            before = len(kept)
            kept = _REPAIR[name](kept, role, content)
            notes["", name] += len(kept) < before
    if len(kept) == len(turns):
        return record
    return {
        **record,
        column: text_of_data(kept, style_of(stored, turns)) if isinstance(stored, str) else kept,
    }


def _without_empty_system(turns: list[Message], role: str, content: str) -> list[Message]:
    return [turn for turn in turns if not _is_empty_system(turn, role, content)]


def _without_leading(turns: list[Message], role: str, content: str) -> list[Message]:
    """Leave out what the assistant says before anybody has asked, and results of tools that were called there."""
    opening = 0
    while opening < len(turns) and _role(turns[opening], role) == "system":
        opening += 1
    first = opening
    while first < len(turns) and _role(turns[first], role) in ("assistant", "tool"):
        first += 1
    return [*turns[:opening], *turns[first:]]


def _without_trailing(turns: list[Message], role: str, content: str) -> list[Message]:
    """Leave out what comes after the last turn of the assistant; all stays where there is none."""
    answers = [number for number, turn in enumerate(turns, 1) if _role(turn, role) == "assistant"]
    return turns[: answers[-1]] if answers else turns


def _with_inner_system(turns: list[Message], role: str, content: str) -> list[Message]:
    """Put the text of a system turn inside the conversation before that of the user turn that follows it."""
    kept: list[Message] = []
    for turn in turns:
        last = kept[-1] if kept else None
        if last is not None and len(kept) > 1 and _is_instruction(last, turn, role, content):
            kept[-1] = {**turn, content: f"{last[content]}{_BETWEEN}{turn[content]}"}
        else:
            kept.append(turn)
    return kept


def _is_instruction(one: Message, other: Message, role: str, content: str) -> bool:
    plain = all(_is_plain(turn, role, content) for turn in (one, other))
    return plain and (_role(one, role), _role(other, role)) == ("system", "user")


def _are_turns(turns: list[JSON]) -> bool:
    return all(isinstance(turn, dict) for turn in turns)


def _role(turn: Message, key: str) -> str:
    label = turn.get(key)
    return (role_of(label) or label) if isinstance(label, str) else ""


def _is_empty_system(turn: Message, role: str, content: str) -> bool:
    said = turn.get(content)
    return _role(turn, role) == "system" and (said is None or (isinstance(said, str) and not said.strip()))


def _merged(turns: list[Message], role: str, content: str) -> list[Message]:
    """Join neighbours of one role that hold nothing but a text: tool turns may well follow each other."""
    kept: list[Message] = []
    for turn in turns:
        last = kept[-1] if kept else None
        if last is not None and _may_join(last, turn, role, content):
            kept[-1] = {**last, content: _together(last[content], turn[content])}
        elif last is not None and _are_calls(last, turn, role, content):
            kept[-1] = {**last, "tool_calls": [*last["tool_calls"], *turn["tool_calls"]]}
        else:
            kept.append(turn)
    return kept


def _may_join(one: Message, other: Message, role: str, content: str) -> bool:
    said = all(_is_said(turn, role, content) for turn in (one, other))
    return said and _role(one, role) == _role(other, role) != "tool"


def _together(one: JSON, other: JSON) -> JSON:
    """Two texts as one, or the parts of both where one has parts; a text beside parts becomes one as these are written."""
    if isinstance(one, str) and isinstance(other, str):
        return f"{one}{_BETWEEN}{other}"
    first = next((part for content in (one, other) if isinstance(content, list) for part in content), "")
    typed = {"type": "text"} if isinstance(first, dict) and "type" in first else {}
    parts: list[JSON] = []
    for content in (one, other):
        text = content if isinstance(first, str) else {**typed, "text": content}
        parts += content if isinstance(content, list) else [text]
    return parts


def _is_said(turn: Message, role: str, content: str) -> bool:
    """Whether a turn holds nothing but a text or a list of parts that say or show something."""
    said = turn.get(content)
    is_list = isinstance(said, list) and all(isinstance(part, str) or is_ordinary(part) for part in said)
    return set(turn) == {role, content} and (isinstance(said, str) or is_list)


def _is_plain(turn: Message, role: str, content: str) -> bool:
    return set(turn) == {role, content} and isinstance(turn[content], str)


def _are_calls(one: Message, other: Message, role: str, content: str) -> bool:
    """Whether two turns do nothing but call functions: together they are calls at once."""
    return all(
        _role(turn, role) == "assistant"
        and not turn.get(content)
        and isinstance(turn.get("tool_calls"), list)
        and set(turn) <= {role, content, "tool_calls"}
        for turn in (one, other)
    )


_REPAIR: dict[str, Callable[[list[Message], str, str], list[Message]]] = {
    "drop-empty-system": _without_empty_system,
    "join-inner-system": _with_inner_system,
    "merge-consecutive": _merged,
    "drop-leading": _without_leading,
    "drop-trailing": _without_trailing,
}
