"""Which columns of a file stay beside its conversations: those that training reads there, and those that it does not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tamis.formats.beside import OF_TURNS
from tamis.formats.conversation import SHAPE
from tamis.formats.exchanges import left_in_exchanges
from tamis.formats.format import Record
from tamis.formats.stored_form import ColumnMapping
from tamis.models.chat_rows import ROW_REASONING, beside_thoughts
from tamis.models.row_fields import IMAGES, tools_column, tools_of
from tamis.models.row_marks import (
    COUNTED,
    LAST_ONLY,
    OF_PARTS,
    WHOLE,
    factor_of,
    learns_last_only,
    row_factor,
)
from tamis.types import JSON, Example, Message

MAX_KEPT = 1_000  # names; a file that has an id for a column's name has any number of them
_NUMBERS = (int, float)
_PLAIN = ("role", "content")  # keys of most turns
_MARKS = frozenset((*WHOLE, LAST_ONLY))
_CONFIGS = frozenset(("toolConfig", "tool_config"))


class KeptColumns:
    """Every column beside the conversations in which something stands, and whether training reads it in some row."""

    def __init__(self, fields: ColumnMapping) -> None:
        self.found: dict[str, bool] = {}
        self._choice = (str(getattr(fields, "choice", "")), *getattr(fields, "scores", ()))
        self._parts = {part: column for part, column in fields.parts.items() if "|" not in column}
        self._turns = next(filter(None, map(self._parts.get, ("messages", "conversations", "instances"))), "")
        # Of the columns of a row those of which there is something left to learn.
        self._open: dict[tuple[str, ...], tuple[str, ...]] = {}

    def look(self, example: Example) -> None:
        """Take note of a row; most have the columns of the row before, of which all is known."""
        meta = example.meta
        shape = tuple(meta)
        known: set[str] = set()
        for column in self._open.get(shape, shape):
            value = meta[column]
            if value is None or (column in self.found and type(value) in _NUMBERS and column in COUNTED):
                continue  # an empty column, and a class under the name of a mark, tell no more in the next row
            if self._is_known(column, value, example):
                known.add(column)
        if known:
            self._open[shape] = tuple(one for one in self._open.get(shape, shape) if one not in known)
        noted = meta.get(SHAPE)
        for part, left in left_in_exchanges(noted) if type(noted) is dict else ():
            for key, value in left.items():
                self._keep_inside(self._parts.get(part, part), key, value)

    def look_inside(self, turns: Sequence[Message], record: Record) -> None:
        """Take note of the keys of turns that training does not read: ``messages[].answer``."""
        for turn in turns:
            if len(turn) <= len(_PLAIN):
                continue
            for key, value in turn.items():
                if key not in OF_TURNS and not _is_read_inside(key, value):
                    self._keep_inside(self._turns or _column_with(record, key), key, value)

    def _keep_inside(self, column: str, key: str, value: JSON) -> None:
        if value not in (None, "", [], {}) and len(self.found) < MAX_KEPT:
            self.found.setdefault(f"{column}[].{key}", False)

    def _is_known(self, column: str, value: JSON, example: Example) -> bool:
        if column == SHAPE:
            return True
        if value in ("", [], {}):
            return False
        noted = example.meta.get(SHAPE)
        shape = noted if isinstance(noted, dict) else {}
        if column in (*self._choice, shape.get("answer_column")):
            return True  # a part of the conversation
        if column == "rejected" and shape.get("format") == "preference":
            return True
        is_read = _may_be_read(column) and _is_read(column, value, example)
        if column in self.found or len(self.found) < MAX_KEPT:
            self.found[column] = self.found.get(column, False) or is_read
        return is_read or not _may_be_read(column)


@lru_cache(maxsize=1024)
def _may_be_read(column: str) -> bool:
    named = column in _MARKS or column in IMAGES or column in _CONFIGS or column.lower() in ROW_REASONING
    return named or bool(tools_column((column,)))


def _column_with(record: Record, key: str) -> str:
    """The column of a record whose turns have such a key."""
    listed = ((column, value) for column, value in record.items() if isinstance(value, list))
    return next(
        (column for column, value in listed if any(isinstance(item, dict) and key in item for item in value)),
        "messages",
    )


def _is_read_inside(key: str, value: JSON) -> bool:
    """Whether a key of a turn is a mark that counts, or what a model is given: tools, pictures."""
    if key in WHOLE:
        return factor_of(key, value) is not None
    return key in OF_PARTS or key in IMAGES or bool(tools_column((key,)))


def _is_read(column: str, value: JSON, example: Example) -> bool:
    meta = example.meta
    if column == LAST_ONLY:
        return learns_last_only(meta)
    if column in _MARKS:
        return row_factor(column, value) is not None and not (column == "label" and "rejected" in meta)
    if column.lower() in ROW_REASONING:
        return beside_thoughts(example.messages, meta) == column
    return column in IMAGES or value in tools_of(meta).values() or column in _CONFIGS
