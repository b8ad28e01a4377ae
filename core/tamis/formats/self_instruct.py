"""Self-Instruct: an instruction with several instances of input and output, each of which is an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from tamis.errors import InvalidRecord
from tamis.formats.conversation import (
    SHAPE,
    add_meta,
    plain_obstacle,
    said_turns,
    shape_of,
    single_turn,
    type_name,
)
from tamis.formats.exchanges import bare_turns, keys_beside
from tamis.formats.format import (
    Format,
    Record,
    cannot_hold,
    left_over,
    listed_turns,
    optional_text,
    seen_columns,
    text_of,
)
from tamis.formats.names import match_column
from tamis.formats.pairs import joined_prompt, split_prompt
from tamis.formats.stored_form import ColumnMapping
from tamis.types import JSON, Example


class SelfInstructFields(ColumnMapping):
    """Which column and keys hold what in a Self-Instruct file."""

    of_items: ClassVar[frozenset[str]] = frozenset(("input", "output"))

    instruction: str = Field("instruction", description="Column with the instruction")
    instances: str = Field("instances", description="Column with the list of instances")
    input: str = Field("input", description="Key of an instance with its input; may be missing")
    output: str = Field("output", description="Key of an instance with its response")


def self_instruct() -> Format:
    """Return the Self-Instruct format."""
    return Format(
        name="self_instruct", fields=SelfInstructFields, read=_parse, render=_write, suggest=_suggest
    )


def _parse(record: Record, fields: SelfInstructFields) -> list[Example]:
    instruction = text_of(record, fields.instruction)
    instances = listed_turns(record, fields.instances)
    if not instances:
        raise InvalidRecord(f"field {fields.instances!r} is an empty list")
    meta = left_over(record, (fields.instruction, fields.instances))
    # One bad instance rejects its record: a record is either imported whole or kept whole among the rejects.
    return [_instance(instruction, item, fields, (meta, number)) for number, item in enumerate(instances, 1)]


def _instance(instruction: str, item: JSON, fields: SelfInstructFields, place: tuple[Record, int]) -> Example:
    meta, number = place
    if type(item) is not dict:
        raise InvalidRecord(f"instance {number} is {type_name(item)}, not an object")
    try:
        given = optional_text(item, fields.input)
        example = single_turn(joined_prompt(instruction, given), text_of(item, fields.output))
    except InvalidRecord as error:
        raise InvalidRecord(f"instance {number}: {error}") from error
    beside = keys_beside(item, (fields.input, fields.output))
    for turn, keys in zip(example.messages, beside, strict=False):
        turn.update(keys)
    noted: dict[str, JSON] = {"format": "self_instruct", "input_chars": len(given)}
    example.meta = {**meta, SHAPE: noted | ({"instance": beside.left} if beside.left else {})}
    return example


def _write(example: Example, fields: SelfInstructFields | None = None) -> Record:
    names = fields or SelfInstructFields()
    noted = shape_of(example, "self_instruct")
    shown = bare_turns(example.messages) if noted else example.messages
    if obstacle := plain_obstacle(shown, multi_turn=False, system=False):
        raise cannot_hold("self_instruct", example, obstacle, "messages")
    asked, answered = said_turns(example.messages)
    instruction, given = split_prompt(asked["content"], noted.get("input_chars"))
    instance: Record = {names.input: given, names.output: answered["content"]}
    for keys in (noted.get("instance") or {}, asked, answered):
        instance |= {key: value for key, value in keys.items() if key not in ("role", "content")}
    return add_meta({names.instruction: instruction, names.instances: [instance]}, example)


def _suggest(records: Sequence[Record]) -> SelfInstructFields | None:
    columns = seen_columns(records)
    instruction, instances = match_column(columns, "instruction"), match_column(columns, "instances")
    if instruction is None or instances is None:
        return None
    return SelfInstructFields(instruction=instruction, instances=instances)
