"""Repairs of conversations that a person agreed to by name, before the format reads them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tamis.errors import UnknownName
from tamis.formats.cell_text import data_in, style_of, text_of_data
from tamis.formats.chat import ROLE_OF
from tamis.formats.format import Record
from tamis.formats.json_text import TEXT_REPAIRS
from tamis.formats.notes import Notes
from tamis.registry import Options
from tamis.types import JSON, Message

TURN_REPAIRS = ("merge-consecutive", "drop-empty-system")
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
    stored = record.get(column)
    turns = data_in(stored) if isinstance(stored, str) else stored
    if role is None or content is None or not isinstance(turns, list) or not _are_turns(turns):
        return record
    kept = turns
    if "drop-empty-system" in repairs:
        kept = [turn for turn in kept if not _is_empty_system(turn, role, content)]
        notes["", "drop-empty-system"] += len(kept) < len(turns)
    if "merge-consecutive" in repairs:
        before = len(kept)
        kept = _merged(kept, role, content)
        notes["", "merge-consecutive"] += len(kept) < before
    if len(kept) == len(turns):
        return record
    return {
        **record,
        column: text_of_data(kept, style_of(stored, turns)) if isinstance(stored, str) else kept,
    }


def _are_turns(turns: list[JSON]) -> bool:
    return all(isinstance(turn, dict) for turn in turns)


def _role(turn: Message, key: str) -> str:
    label = turn.get(key)
    return ROLE_OF.get(label.lower(), label) if isinstance(label, str) else ""


def _is_empty_system(turn: Message, role: str, content: str) -> bool:
    said = turn.get(content)
    return _role(turn, role) == "system" and (said is None or (isinstance(said, str) and not said.strip()))


def _merged(turns: list[Message], role: str, content: str) -> list[Message]:
    """Join neighbours of one role that hold nothing but a text: tool turns may well follow each other."""
    kept: list[Message] = []
    for turn in turns:
        last = kept[-1] if kept else None
        if last is not None and _may_join(last, turn, role, content):
            kept[-1] = {**last, content: f"{last[content]}{_BETWEEN}{turn[content]}"}
        else:
            kept.append(turn)
    return kept


def _may_join(one: Message, other: Message, role: str, content: str) -> bool:
    plain = all(set(turn) == {role, content} and isinstance(turn[content], str) for turn in (one, other))
    return plain and _role(one, role) == _role(other, role) != "tool"
