"""A file imported and all its rows exported again, without a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from tamis.formats import load_format
from tamis.formats.detect import inspect_file
from tamis.formats.layout import detect_layout
from tamis.formats.notes import Notes
from tamis.formats.reader import ReadingOf, read_batches
from tamis.formats.schema import Reject
from tamis.formats.source_shape import describe_source, read_shape
from tamis.formats.stored_form import ColumnMapping
from tamis.formats.targets import target_of
from tamis.formats.writer import SOURCE_SHAPE, StoredExample, export_file
from tamis.formats.written_files import WrittenFile
from tamis.registry import parse_options


@dataclass(frozen=True)
class Stored:
    """What an import keeps of one file."""

    path: Path
    examples: list[StoredExample]
    rejects: list[Reject]
    notes: Notes
    fields: ColumnMapping

    def export(self, path: Path, format_name: str = SOURCE_SHAPE) -> WrittenFile:
        shape = read_shape(describe_source(self.path, detect_layout(self.path)))
        return export_file(
            self.examples, path, format_name=format_name, target=target_of(path.name), shapes=[shape],
            spoken=self.fields.parts.values(),
        )  # fmt: skip


def import_all(
    path: Path, *, format_name: str = "", repairs: tuple[str, ...] = (), fields: dict[str, str] | None = None
) -> Stored:
    """Read a file as detected, or as a format with the mapping that suits it or is given."""
    mapping = parse_options(load_format(format_name).fields, fields) if fields else None
    seen = inspect_file(path, format_name=format_name or None, fields=mapping)
    assert seen.format_name is not None
    assert seen.fields is not None
    examples: list[StoredExample] = []
    rejects: list[Reject] = []
    notes = Notes()
    for batch in read_batches(
        path, format_name=seen.format_name, fields=seen.fields, how=ReadingOf(repairs=repairs)
    ):
        rejects += batch.rejects
        notes.update(batch.notes)
        examples += [
            StoredExample(
                messages=orjson.loads(row["messages"]),
                raw=row["raw"],
                source=row["source"],
                source_row=row["source_row"],
                meta=orjson.loads(row["meta"]),
                format_name=seen.format_name,
                fields=seen.fields,
                repairs=repairs,
            )
            for row in batch.table.to_pylist()
        ]
    return Stored(path, examples, rejects, notes, seen.fields)
