"""Alpaca: columns instruction, input and output, and sometimes a system prompt and a history of earlier
turns.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from tamis.errors import InvalidRecord
from tamis.formats.conversation import (
    SHAPE,
    add_meta,
    build_example,
    plain_obstacle,
    shape_of,
    single_turn,
    type_name,
)
from tamis.formats.format import (
    Format,
    Record,
    cannot_hold,
    left_over,
    match_column,
    optional_text,
    seen_columns,
    text_of,
)
from tamis.registry import Options
from tamis.types import JSON, Example, Message

GAP = "\n\n"  # between instruction and input in the user turn


class AlpacaFields(Options):
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


def alpaca() -> Format:
    """Return the Alpaca format."""
    return Format(name="alpaca", fields=AlpacaFields, parse=_parse, write=_write, suggest=_suggest)


def joined_prompt(instruction: str, given: str) -> str:
    """Return the user turn of an instruction and its input; an input without an instruction stands alone."""
    return f"{instruction}{GAP}{given}" if given and instruction else instruction or given


def split_prompt(prompt: str, n_input_chars: JSON) -> tuple[str, str]:
    """Return instruction and input of a user turn, whose last characters were the input when it was read.

    A prompt edited since then no longer splits there and comes back whole, with an empty input.
    """
    if not isinstance(n_input_chars, int) or not 0 < n_input_chars <= len(prompt):
        return prompt, ""
    instruction, given = prompt[:-n_input_chars], prompt[-n_input_chars:]
    if not instruction:
        return "", given
    return (instruction.removesuffix(GAP), given) if instruction.endswith(GAP) else (prompt, "")


def _parse(record: Record, fields: AlpacaFields) -> list[Example]:
    given = optional_text(record, fields.input)
    prompt = joined_prompt(text_of(record, fields.instruction), given)
    response = text_of(record, fields.output)
    system = optional_text(record, fields.system)
    history = record.get(fields.history)
    if history:
        example = build_example(_turns(system, history, prompt, response))
    else:
        example = single_turn(prompt, response, system)
    used = (fields.instruction, fields.input, fields.output, fields.system, fields.history)
    example.meta = left_over(record, used)
    if given:
        example.meta[SHAPE] = {"format": "alpaca", "input_chars": len(given)}
    return [example]


def _turns(system: str, history: JSON, prompt: str, response: str) -> list[Message]:
    if not isinstance(history, list):
        raise InvalidRecord(f"field 'history' holds {type_name(history)}, not a list of pairs")
    turns: list[Message] = [{"role": "system", "content": system}] if system else []
    for number, pair in enumerate(history, 1):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise InvalidRecord(f"history entry {number} is not a pair of texts [prompt, response]")
        turns.append({"role": "user", "content": pair[0]})
        turns.append({"role": "assistant", "content": pair[1]})
    turns.append({"role": "user", "content": prompt})
    turns.append({"role": "assistant", "content": response})
    return turns


def _write(example: Example, fields: AlpacaFields | None = None) -> Record:
    names = fields or AlpacaFields()
    if obstacle := plain_obstacle(example.messages, multi_turn=True, system=True):
        raise cannot_hold("alpaca", example, obstacle, "messages")
    turns = [message["content"] for message in example.messages]
    system = turns.pop(0) if example.messages[0]["role"] == "system" else ""
    instruction, given = split_prompt(turns[-2], shape_of(example, "alpaca").get("input_chars"))
    record: Record = {names.instruction: instruction, names.input: given, names.output: turns[-1]}
    if system:
        record[names.system] = system
    if len(turns) > 2:
        record[names.history] = [list(pair) for pair in zip(turns[:-2:2], turns[1:-2:2], strict=True)]
    return add_meta(record, example)


def _suggest(records: Sequence[Record]) -> AlpacaFields | None:
    columns = seen_columns(records)
    instruction, output = match_column(columns, "instruction"), match_column(columns, "output")
    if instruction is None or output is None:
        return None
    return AlpacaFields(
        instruction=instruction,
        output=output,
        input=match_column(columns, "input") or "input",
        system=match_column(columns, "system", "system_prompt") or "system",
        history=match_column(columns, "history") or "history",
    )
