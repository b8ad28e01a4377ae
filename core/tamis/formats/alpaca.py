"""Alpaca: columns instruction, input and output, and sometimes a system prompt and a history of earlier
turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pydantic import Field

from tamis.formats.format import Format, Record, seen_columns
from tamis.formats.names import (
    HISTORY,
    INPUT,
    SYSTEM,
    asks_in_turns,
    match_column,
    match_text,
    optional_column,
)
from tamis.formats.pairs import PairColumns, read_pair, write_pair
from tamis.formats.stored_form import ColumnMapping
from tamis.types import Example


class AlpacaFields(ColumnMapping):
    """Which column holds what in an Alpaca file."""

    instruction: str = Field("instruction", description="Column with the instruction")
    input: str = Field(
        "input", description="Column with the input that follows the instruction; may be missing"
    )
    output: str = Field("output", description="Column with the response")
    system: str = Field("system", description="Column with the system prompt; may be missing")
    history: str = Field(
        "history", description="Column with earlier [prompt, response] pairs; may be missing"
    )
    always_input: bool = Field(True, description="Whether the input's column is written where it is empty")

    @cached_property
    def pair(self) -> PairColumns:
        """The columns as those of a pair."""
        return PairColumns(
            format_name="alpaca", prompt=self.instruction, context=self.input, completion=self.output,
            system=self.system, history=self.history, is_alpaca=True, always_context=self.always_input,
        )  # fmt: skip


def alpaca() -> Format:
    """Return the Alpaca format."""
    return Format(name="alpaca", fields=AlpacaFields, read=_read, render=_render, suggest=_suggest)


def _read(record: Record, fields: AlpacaFields) -> list[Example]:
    return read_pair(record, fields.pair)


def _render(example: Example, fields: AlpacaFields | None = None) -> Record:
    return write_pair(example, (fields or AlpacaFields()).pair.filled())


def _suggest(records: Sequence[Record]) -> AlpacaFields | None:
    columns = seen_columns(records)
    instruction = match_text(columns, "instruction", "definition", "task_definition")
    output = match_column(columns, "output", *(("targets", "target") if "definition" in columns else ()))
    if instruction is None or output is None or asks_in_turns(columns):
        return None
    taken = (instruction, output)
    given = optional_column(columns, match_text, INPUT, taken)
    return AlpacaFields(
        instruction=instruction,
        output=output,
        input=given,
        system=optional_column(columns, match_text, SYSTEM, taken),
        history=optional_column(columns, match_column, HISTORY, taken),
        always_input=match_text(columns, "input", "inputs") is not None
        or all(given in one for one in records),
    )
