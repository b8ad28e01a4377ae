"""Records of a table without the bytes in it, which only the row's own record keeps."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.formats.conversation import BYTES, SHAPE
from tamis.formats.format import Record
from tamis.formats.notes import Notes
from tamis.models.row_fields import IMAGES
from tamis.types import JSON, Example


class BareRecord(dict[str, JSON]):
    """A record without its bytes; ``held_bytes`` are the columns of pictures of which nothing else is left."""

    held_bytes: tuple[str, ...] = ()


def as_bare(record: Record, notes: Notes) -> Record:
    """The record, with the columns that held pictures' bytes and now hold nothing where there are some."""
    bare = (column for column, kind in notes if kind == "bytes" and not record.get(column))
    held = tuple(column for column in bare if column in IMAGES)
    if not held:
        return record
    made = BareRecord(record)
    made.held_bytes = held
    return made


def note_bytes(record: Record, examples: Sequence[Example]) -> None:
    """Note in the examples of such a record which of its columns held bytes."""
    if isinstance(record, BareRecord):
        for example in examples:
            noted = example.meta.get(SHAPE)
            kept = noted if isinstance(noted, dict) else {}
            example.meta[SHAPE] = {**kept, BYTES: list(record.held_bytes)}
