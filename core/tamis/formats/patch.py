"""An edited conversation written back into the record it came from: what was not edited stays as it was."""

from __future__ import annotations

from collections.abc import Collection

from tamis.errors import CurationError, InvalidRecord, RowDoesNotFit
from tamis.formats.arrow_values import BYTES_MARK, without_bytes
from tamis.formats.format import Format, Record
from tamis.formats.json_text import loads_exact
from tamis.formats.json_text import settled as settled_record
from tamis.formats.notes import Notes
from tamis.formats.repairs import TURN_REPAIRS, repaired_turns
from tamis.registry import Options
from tamis.types import Example


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
    record = written if source is None else _patched(form, fields, source, written)
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


def _patched(form: Format, fields: Options | None, source: tuple[Record, Example], after: Record) -> Record:
    record, example = source
    try:
        before = form.write(example, fields)
    except CurationError:
        return after
    missing = object()
    same = {key for key in after if before.get(key, missing) == after[key]}
    patched = {
        key: after[key] if key in after and key not in same else value
        for key, value in record.items()
        if key in after or key not in before
    }
    # What the writer adds to any record is no part of the edit.
    return patched | {key: value for key, value in after.items() if key not in record and key not in same}


def _cannot(form: Format, why: str) -> RowDoesNotFit:
    return RowDoesNotFit(
        f"The source's own shape ({form.name}) cannot hold the decided conversation: {why}. "
        "Export it as 'messages' instead.",
        "the decided conversation",
    )
