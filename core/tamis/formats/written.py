"""What stands in a file that was just written: its columns, and how its turns are labelled; trainers are told this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tamis.errors import CurationError, InvalidRecord
from tamis.formats.cell_text import data_in
from tamis.formats.conversation import type_name
from tamis.formats.format import Record
from tamis.formats.json_text import OddRecord
from tamis.formats.layout import detect_layout
from tamis.formats.names import first_item, turn_keys
from tamis.formats.notes import Notes
from tamis.formats.parsing import read_records
from tamis.formats.reader import iter_chunks
from tamis.formats.role_labels import is_call_label, role_of
from tamis.models.row_fields import tools_column
from tamis.models.row_marks import row_marks
from tamis.registry import Options
from tamis.types import JSON

_BLOCK_BYTES, _BATCH_ROWS = 1 << 20, 2_000
_TWICE, _NO_CHARACTER = "hold a name twice in one object", "hold an escape that is no character"
_TURN_KEYS = (("role", "content"), ("from", "value"))


class NotReadable(CurationError):
    """A file that a trainer cannot read as it is, with why and what to export instead."""


@dataclass(slots=True)
class TurnsSeen:
    """The turns of one column. ``labels`` counts turns by label, ``contents`` by the type of their content.

    ``strict`` and ``merged`` count rows whose turns alternate between a user's or a tool's and an assistant's, the
    last the assistant's (or the user's: ``asks``), taken one by one or with neighbouring tool turns as one.
    """

    role_key: str
    content_key: str
    n_rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    contents: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    strict: int = 0
    merged: int = 0
    asks: int = 0
    bare: int = 0  # turns that call functions and have no key for a content
    unsaid: int = 0  # turns without a role, or with neither content nor a call

    def add(self, turns: Sequence[JSON]) -> None:
        """Count the turns of one row."""
        self.n_rows += 1
        sides: list[str] = []
        for turn in turns:
            if not isinstance(turn, dict):
                self.contents[type_name(turn)] += 1
                continue
            label, content = str(turn.get(self.role_key)), turn.get(self.content_key)
            self.labels[label] += 1
            says = any(key in turn for key in (self.content_key, "tool_calls", "function_call"))
            self.unsaid += not says or self.role_key not in turn
            self.bare += says and self.content_key not in turn
            self.contents["call" if content is None and turn.get("tool_calls") else type_name(content)] += 1
            self.keys.update(key for key, value in turn.items() if value not in (None, [], ""))
            sides.append(side_of(label))
        if sides[:1] == ["system"]:
            sides.pop(0)
        joined = [side for at, side in enumerate(sides) if side != "tool" or sides[at - 1 : at] != ["tool"]]
        ends = len(sides) > 0 and sides[-1] == "assistant"
        self.strict += ends and _alternates(sides)
        self.merged += ends and _alternates(joined)
        self.asks += bool(sides) and not ends and _alternates(sides)

    def labels_of(self, role: str) -> list[str]:
        """The labels of a role, the most frequent first; ``function`` are those that say a turn is a call."""
        return [label for label, _ in self.labels.most_common() if part_of(label) == role]


@dataclass(slots=True)
class WrittenShape:
    """The columns of a file with the types of their values, and the turns in its lists."""

    file_name: str
    format_name: str
    fields: Options
    n_rows: int = 0
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    filled: Counter[str] = field(default_factory=Counter)  # rows in which a column is neither null nor empty
    marked: Counter[str] = field(default_factory=Counter)  # rows that a mark has learned less, by the mark
    turns: dict[str, TurnsSeen] = field(default_factory=dict)
    turn_texts: Counter[str] = field(
        default_factory=Counter
    )  # rows in which a column is the JSON text of turns

    refused: Counter[str] = field(default_factory=Counter)  # rows that no trainer can load, by what they hold

    def add(self, record: Record) -> None:
        """Count one row."""
        self.n_rows += 1
        self.marked.update(row_marks(record).keys())
        for column, value in record.items():
            self.kinds.setdefault(column, Counter())[type_name(value)] += 1
            self.filled[column] += value not in (None, "", [], {})
            if isinstance(value, str) and value[:1] in ("[", "{") and _are_turns(data_in(value)):
                self.turn_texts[column] += 1
            turns = value if isinstance(value, list) else [value]
            if turns and isinstance(turns[0], dict):
                self._add_turns(column, turns)

    def has(self, column: str, *kinds: str) -> bool:
        """Whether a column has a value other than null in some row, of these kinds where any are named."""
        seen = self.kinds.get(column, Counter())
        return any(n and kind != "null" and (not kinds or kind in kinds) for kind, n in seen.items())

    def only(self, column: str, kind: str, *, everywhere: bool = True) -> bool:
        """Whether every value of a column is of one kind, and (``everywhere``) every row has one."""
        seen = Counter(self.kinds.get(column, Counter()))
        nulls = seen.pop("null", 0)
        if set(seen) != {kind}:
            return False
        return not everywhere or (nulls == 0 and seen[kind] == self.n_rows)

    def named(self, part: str) -> str:
        """The column that plays a part of the format; one that the mapping leaves out is written under its usual name."""
        return str(getattr(self.fields, part, "")) or part

    def text_of_turns(self) -> str:
        """The column of the conversation that holds JSON text in every row where it holds something; empty for none."""
        if self.format_name not in ("messages", "sharegpt", "turns", "preference"):
            return ""  # the answer to a prompt may be a text of any kind
        return next(
            (name for name, n in self.turn_texts.items() if n == self.filled[name] and self._is_part(name)),
            "",
        )

    def _is_part(self, column: str) -> bool:
        return column in {self.named(part) for part in type(self.fields).model_fields}

    @property
    def tools(self) -> str:
        """The column that lists the functions which may be called, under one of its common names; empty for none."""
        return tools_column(column for column in self.kinds if self.has(column))

    def turn_column(self) -> tuple[str, TurnsSeen]:
        """The column of the turns of a chat format, and what was seen in it; raises NotReadable where a row has no list there."""
        column = self.named("messages" if self.format_name == "messages" else "conversations")
        seen = self.turns.get(column)
        if seen is None or not self.only(column, "list"):
            raise NotReadable(
                f"The column {column!r} does not hold a list of turns in every row. Export as 'messages'."
            )
        return column, seen

    def _add_turns(self, column: str, turns: Sequence[JSON]) -> None:
        if column not in self.turns:
            keys = self._turn_keys(turns[0])
            if keys is None:
                return
            self.turns[column] = TurnsSeen(*keys)
        self.turns[column].add(turns)

    def _turn_keys(self, turn: Record) -> tuple[str, str] | None:
        given = (getattr(self.fields, "role", ""), getattr(self.fields, "content", ""))
        return next((keys for keys in (given, *_TURN_KEYS) if keys[0] in turn), None)


def _are_turns(value: JSON) -> bool:
    return turn_keys(first_item(value) if isinstance(value, list) else value) is not None


def describe_written(path: Path, format_name: str, fields: Options, container: str) -> WrittenShape:
    """Read a written file once, as a trainer would; raises UnreadableFile for one without records."""
    shape = WrittenShape(path.name, format_name, fields)
    layout = detect_layout(path)
    if container == "jsonl":
        # A file of one line can look like a list in an object.
        layout = replace(layout, container="jsonl", wrapped=False)
    chunks = iter_chunks(path, layout, block_bytes=_BLOCK_BYTES, batch_rows=_BATCH_ROWS)
    for chunk in chunks:
        for _, _, record in read_records(chunk, notes := Notes()):
            if not isinstance(record, InvalidRecord):
                shape.add(record)
                shape.refused[_NO_CHARACTER] += (
                    isinstance(record, OddRecord) and "surrogate" in record.problem
                )
        shape.refused[_TWICE] += max(
            (n for (_, kind), n in notes.items() if kind == "duplicate-key"), default=0
        )
    shape.refused = +shape.refused
    return shape


def part_of(label: str) -> str:
    """Which part a label plays: system, user, assistant, tool, or function for an assistant's call; empty for none."""
    return "function" if is_call_label(label) else role_of(label)


def side_of(label: str) -> str:
    """The same where a call is its assistant's."""
    part = part_of(label)
    return "assistant" if part == "function" else part


def _alternates(sides: Sequence[str]) -> bool:
    asked = ("user", "tool")
    return all((side in asked) == (at % 2 == 0) and side != "system" for at, side in enumerate(sides))
