"""An edited conversation written back into the record it came from: what was not edited stays as it was."""

from __future__ import annotations

import orjson

from tamis.errors import CurationError, InvalidRecord
from tamis.formats.format import Format, Record
from tamis.registry import Options
from tamis.types import Example


def rewritten_record(form: Format, fields: Options | None, raw: str, example: Example) -> Record:
    """A record of ``form`` that reads as exactly this one example.

    Where ``raw`` is a record of one example, every field that the edit does not concern keeps its value and its place;
    otherwise the record is made from the example alone. Raises CurationError when the shape cannot hold it.
    """
    names = fields or form.fields()
    written = form.write(example, fields)
    source = _single(form, names, raw)
    record = written if source is None else _patched(form, fields, source, written)
    try:
        again = form.parse(record, names)
    except InvalidRecord as error:
        raise _cannot(form, str(error)) from error
    if [reread.messages for reread in again] != [example.messages]:
        raise _cannot(form, "read back, it would be another conversation")
    return record


def _single(form: Format, fields: Options, raw: str) -> tuple[Record, Example] | None:
    """The raw record and its example, when it holds just one."""
    try:
        record = orjson.loads(raw.removeprefix("\ufeff"))
        examples = form.parse(record, fields)
    except (orjson.JSONDecodeError, InvalidRecord):
        return None
    return (record, examples[0]) if len(examples) == 1 else None


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


def _cannot(form: Format, why: str) -> CurationError:
    return CurationError(
        f"The source's own shape ({form.name}) cannot hold the decided conversation: {why}. "
        "Export it as 'messages' instead."
    )
