"""import: a file to examples, with every record that cannot be one kept apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import UnreadableFile
from tamis.formats import load_format
from tamis.formats.kept_columns import MAX_KEPT
from tamis.formats.layout import HUB_PREFIX, detect_layout
from tamis.formats.notes import Notes, listed_notes
from tamis.formats.reader import ReadingOf, read_batches
from tamis.formats.reasons import kind_of
from tamis.formats.schema import EXAMPLES_SCHEMA, Batch, DuplicateId
from tamis.formats.source_shape import describe_source
from tamis.registry import parse_options
from tamis.steps.context import StepContext
from tamis.steps.import_file.options import ImportOptions, SourceFile
from tamis.steps.import_file.watch import ContentWatch
from tamis.types import JSON

STORED_SCHEMA = EXAMPLES_SCHEMA.insert(0, pa.field("file", pa.int32())).insert(
    0, pa.field("example_id", pa.int64())
)
_TEXTS = pa.schema([pa.field("reason", pa.string()), pa.field("raw", pa.string())])
REJECTS_SCHEMA = _TEXTS.insert(0, pa.field("line", pa.int64())).insert(0, pa.field("file", pa.int32()))
ROW_GROUP = 10_000  # rows: a page of scattered rows or a search reads groups in parallel and skips the rest
META_SAMPLE = 20_000  # rows read to learn which metadata fields there are
MAX_META_FIELDS = 200
# As a number is written; with zeros before it, it is the name of something.
_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclass(slots=True)
class _Totals:
    """What the batches add up to."""

    records: int = 0
    imported: int = 0
    rejected: int = 0
    examples: int = 0
    duplicate_ids: int = 0
    first_duplicates: list[DuplicateId] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    kept: dict[str, bool] = field(default_factory=dict)


def run(context: StepContext, options: ImportOptions) -> dict[str, JSON]:
    """Write examples.parquet and rejects.parquet; raises UnreadableFile when no record of a file was imported."""
    totals = _Totals()
    folder = context.output.path
    with (
        pq.ParquetWriter(
            folder / "examples.parquet",
            STORED_SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=["source"],  # type: ignore[arg-type]  # the stubs know only all or none
        ) as examples,
        pq.ParquetWriter(folder / "rejects.parquet", REJECTS_SCHEMA, compression="zstd") as rejects,
    ):
        per_file = [
            _read_file(context, file, number, totals, _Writers(examples, rejects))
            for number, file in enumerate(options.files)
        ]
    return _summary(options, totals, per_file)


@dataclass(frozen=True, slots=True)
class _Writers:
    examples: pq.ParquetWriter
    rejects: pq.ParquetWriter


def _read_file(
    context: StepContext, file: SourceFile, number: int, totals: _Totals, writers: _Writers
) -> dict[str, JSON]:
    before = (totals.imported, totals.rejected, totals.examples)
    stage = "read " + Path(file.path).name
    _refuse_new_link(file.path)
    context.progress(stage, 0, 1)
    watch = ContentWatch(file)
    layout = detect_layout(file.path, file.encoding)
    fields = parse_options(load_format(file.format).fields, file.fields)
    how = ReadingOf(encoding=file.encoding, split=file.split, repairs=file.repairs)
    for batch in read_batches(file.path, format_name=file.format, fields=fields, how=how):
        _write(batch, number, writers, totals, is_text_table=layout.container in ("csv", "tsv"))
        shown = f"{totals.imported:,} imported, {totals.rejected:,} rejected"
        context.progress(stage, batch.bytes_read, max(batch.total_bytes, 1), shown)
    watch.refuse_other_content()
    return file.model_dump(mode="json") | {
        "shape": describe_source(file.path, layout),
        "n_imported": totals.imported - before[0],
        "n_rejected": totals.rejected - before[1],
        "n_examples": totals.examples - before[2],
    }


def _refuse_new_link(path: str) -> None:
    """Raise UnreadableFile where a file that was agreed to, its links followed, has been exchanged for a link since."""
    if not path.startswith(HUB_PREFIX) and Path(path).exists() and Path(path).resolve() != Path(path):
        raise UnreadableFile(
            f"{path} leads elsewhere than when the import was agreed to: a link was put in its way. Import it again."
        )


def _write(batch: Batch, number: int, writers: _Writers, totals: _Totals, *, is_text_table: bool) -> None:
    n_rows = batch.table.num_rows
    ids = np.arange(totals.examples, totals.examples + n_rows, dtype=np.int64)
    columns = [pa.array(ids), pa.array(np.full(n_rows, number, dtype=np.int32)), *batch.table.columns]
    writers.examples.write_table(
        pa.Table.from_arrays(columns, schema=STORED_SCHEMA), row_group_size=ROW_GROUP
    )
    if batch.rejects:
        rows = [{"file": number, "line": r.line, "reason": r.reason, "raw": r.raw} for r in batch.rejects]
        writers.rejects.write_table(pa.Table.from_pylist(rows, schema=REJECTS_SCHEMA))
    if totals.examples < META_SAMPLE:
        _learn_meta(batch, totals, is_text_table=is_text_table)
    totals.records += batch.n_records
    totals.imported += batch.n_imported
    totals.rejected += len(batch.rejects)
    totals.examples += n_rows
    totals.notes.update(batch.notes)
    for column, is_read in batch.kept.items():
        if column in totals.kept or len(totals.kept) < MAX_KEPT:
            totals.kept[column] = totals.kept.get(column, False) or is_read
    totals.duplicate_ids += batch.n_duplicate_ids
    totals.first_duplicates += batch.duplicate_ids[: 20 - len(totals.first_duplicates)]
    for reject in batch.rejects:
        kind = kind_of(reject.reason)
        if kind in totals.reasons or len(totals.reasons) < 50:
            totals.reasons[kind] = totals.reasons.get(kind, 0) + 1


def _learn_meta(batch: Batch, totals: _Totals, *, is_text_table: bool) -> None:
    """Note the type of every metadata field of scalars or of lists of texts; one that mixes types is text.

    In a table of text a cell that reads as a number is one, and an empty one says nothing; both are kept as they are.
    """
    for text in batch.table.column("meta").to_pylist()[:META_SAMPLE]:
        for name, value in orjson.loads(text or "{}").items():
            kind = _kind_of_cell(value) if is_text_table and isinstance(value, str) else _kind(value)
            if (
                kind
                and not name.startswith("_")
                and (name in totals.meta or len(totals.meta) < MAX_META_FIELDS)
            ):
                totals.meta[name] = kind if totals.meta.get(name, kind) == kind else "text"


def _kind_of_cell(text: str) -> str:
    return "" if not text else "number" if _NUMBER.fullmatch(text) else "text"


def _kind(value: JSON) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "list" if value and all(isinstance(one, str) for one in value) else ""
    return "text" if isinstance(value, str) else ""


def _summary(options: ImportOptions, totals: _Totals, per_file: list[dict[str, JSON]]) -> dict[str, JSON]:
    formats = sorted({file.format for file in options.files})
    return {
        "name": options.name,
        "format": formats[0] if len(formats) == 1 else "mixed",
        "files": per_file,
        "n_records": totals.records,
        "n_imported": totals.imported,
        "n_rejected": totals.rejected,
        "n_examples": totals.examples,
        "n_duplicate_ids": totals.duplicate_ids,
        "duplicate_ids": [{"line": d.line, "id": d.record_id} for d in totals.first_duplicates],
        "reject_reasons": totals.reasons,
        "meta_fields": totals.meta,
        "beside": {
            "kept": [column for column, is_read in totals.kept.items() if not is_read],
            "read": [column for column, is_read in totals.kept.items() if is_read],
        },
        "notes": listed_notes(totals.notes),
    }
