"""An edited conversation written back into the record it came from: what was not edited stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeAlias

from tamis.errors import CurationError, InvalidRecord, RowDoesNotFit
from tamis.formats.arrow_values import BYTES_MARK, without_bytes
from tamis.formats.format import Format, Record
from tamis.formats.json_text import loads_exact, without_odd_text
from tamis.formats.json_text import settled as settled_record
from tamis.formats.notes import Notes
from tamis.formats.repairs import TURN_REPAIRS, repaired_turns
from tamis.registry import Options
from tamis.types import JSON, Example

Merge: TypeAlias = Callable[[JSON, JSON, JSON], JSON]


def rewritten_record(
    form: Format, fields: Options | None, raw: str, example: Example, repairs: Collection[str] = ()
) -> tuple[Record, bool]:
    """A record of ``form`` that reads as exactly this one example, and whether strict JSON cannot hold its numbers.

    Where ``raw`` is a record of one example, every field that the edit does not concern keeps its value and its place;
    otherwise the record is made from the example alone. Raises CurationError when the shape cannot hold it.
    """
    names = fields or form.fields()
    written = form.write(example, fields)
    source, odd = _single(form, names, raw, repairs)
    record = written if source is None else _patched(form, fields, source, example, written)
    try:
        again = form.parse(read_view(record) if odd else record, names)
    except InvalidRecord as error:
        raise _cannot(form, str(error)) from error
    if [reread.messages for reread in again] != [example.messages]:
        raise _cannot(form, "read back, it would be another conversation")
    return record, odd


def read_view(record: Record) -> Record:
    """An exact record as an import reads it: without bytes, and with values that JSON has."""
    settled = settled_record(record, Notes())
    return {column: without_bytes(value) for column, value in settled.items()}


def read_raw(
    form: Format, fields: Options, raw: str, repairs: Collection[str] = ()
) -> tuple[Record, bool, list[Example]]:
    """The raw record with every value exact, whether strict JSON cannot hold it, and its examples as an import reads them.

    Raises ValueError for a text that is no JSON and InvalidRecord for a record that is none of the format.
    """
    record, odd = loads_exact(raw, repairs)
    if type(record) is not dict:
        raise InvalidRecord("is not an object with named fields")
    view = read_view(record) if odd or BYTES_MARK in raw else record
    turn_repairs = [name for name in repairs if name in TURN_REPAIRS]
    if turn_repairs:
        repaired = repaired_turns(view, fields, turn_repairs, Notes())
        if repaired is not view:
            view = repaired
            record = record | {key: value for key, value in view.items() if record.get(key) != value}
    return record, odd, form.parse(view, fields)


def _single(
    form: Format, fields: Options, raw: str, repairs: Collection[str]
) -> tuple[tuple[Record, Example] | None, bool]:
    """The raw record and its example, when it holds just one."""
    try:
        record, odd, examples = read_raw(form, fields, raw, repairs)
    except (ValueError, InvalidRecord):
        return None, False
    return ((record, examples[0]) if len(examples) == 1 else None), odd


def _patched(
    form: Format, fields: Options | None, source: tuple[Record, Example], edited: Example, after: Record
) -> Record:
    record, example = source
    # As the edited example has it: any store can hold its metadata.
    stored = replace(example, meta=without_odd_text(example.meta, Notes()))
    try:
        before = form.write(stored, fields)
    except CurationError:
        return after
    merged = _merged_object(record, before, after, _merged)
    try:
        again = form.parse(read_view(merged), fields or form.fields())
    except InvalidRecord:
        again = []
    if [reread.messages for reread in again] == [edited.messages]:
        return merged
    return _merged_object(record, before, after, lambda value, was, now: value if was == now else now)


def _merged(value: JSON, before: JSON, after: JSON) -> JSON:
    """A value of the source with what the edit changed in it: what a reader left out or settled stays as it was."""
    if before == after:
        return value
    if isinstance(value, dict) and isinstance(before, dict) and isinstance(after, dict):
        return _merged_object(value, before, after, _merged)
    lists = isinstance(value, list) and isinstance(before, list) and isinstance(after, list)
    if not lists or len(value) != len(before):
        return after
    if len(before) == len(after):
        return [_merged(*each) for each in zip(value, before, after, strict=True)]
    head = _n_alike(before, after)
    tail = _n_alike(before[head:][::-1], after[head:][::-1])
    return [*value[:head], *after[head : len(after) - tail], *value[len(value) - tail :]]


def _merged_object(value: Record, before: Record, after: Record, merge: Merge) -> Record:
    merged = {
        key: (merge(item, before[key], after[key]) if key in before else after[key]) if key in after else item
        for key, item in value.items()
        if key in after or key not in before
    }
    # What the writer adds to any record is no part of the edit.
    added = {key: item for key, item in after.items() if key not in value}
    return merged | {key: item for key, item in added.items() if key not in before or before[key] != item}


def _n_alike(one: list[JSON], other: list[JSON]) -> int:
    """How many first items of two lists are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _cannot(form: Format, why: str) -> RowDoesNotFit:
    return RowDoesNotFit(
        f"The source's own shape ({form.name}) cannot hold the decided conversation: {why}. "
        "Export it as 'messages' instead.",
        "the decided conversation",
    )
