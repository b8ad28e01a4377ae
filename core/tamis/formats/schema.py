"""The columns of imported examples, and what reading one piece of a file gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from tamis.formats.notes import Notes

_COLUMNS: list[pa.Field[Any]] = [
    pa.field("messages", pa.string()),  # the turns as JSON, keys in the order of the source
    pa.field("prompt", pa.string()),
    pa.field("response", pa.string()),
    pa.field(
        "source", pa.string()
    ),  # the record's own "source" text, else the name of the file without endings
    pa.field("source_row", pa.int64()),  # 1-based line of a line format, else 1-based record
    pa.field("n_turns", pa.int32()),
    pa.field("content_hash", pa.string()),  # 32 hex digits: BLAKE2b of the messages as JSON with sorted keys
    pa.field("meta", pa.string()),  # the other fields as a JSON object; "_shape" is a format's own note
    pa.field("raw", pa.string()),  # the record's JSON text; a row of CSV or Parquet as a JSON object
]
EXAMPLES_SCHEMA = pa.schema(_COLUMNS)
MAX_RAW_CHARS = 1_000_000
CUT_MARK = " … [cut]"


@dataclass(frozen=True, slots=True)
class Reject:
    r"""A record that was not imported: its 1-based line or record number, why, and its text.

    ``raw`` is cut after MAX_RAW_CHARS characters and then ends in CUT_MARK; bytes that are no UTF-8 are shown
    as ``\xff``.
    """

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class DuplicateId:
    """A record that was imported although an earlier one has the same value in its field ``id``."""

    line: int
    record_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive records of a file: ``n_imported + len(rejects) == n_records``.

    ``table`` has EXAMPLES_SCHEMA and a row per example; ``n_imported`` counts records, of which one may give
    several examples. ``n_duplicate_ids`` counts imported records whose ``id`` was seen earlier in the file,
    and ``duplicate_ids`` holds the first of those in this batch. ``bytes_read`` of ``total_bytes`` tell
    progress through the file as stored, compressed or not; both are 0 where the size is unknown. ``notes`` counts, by
    column, what was read otherwise than it stands in the file, ``kept`` the columns beside the conversations and whether
    training reads them in some row.
    """

    table: pa.RecordBatch
    n_records: int
    n_imported: int
    rejects: list[Reject]
    n_duplicate_ids: int = 0
    duplicate_ids: list[DuplicateId] = field(default_factory=list)
    bytes_read: int = 0
    total_bytes: int = 0
    notes: Notes = field(default_factory=Notes)
    kept: dict[str, bool] = field(default_factory=dict)


def show_raw(raw: bytes | str) -> str:
    """Return the text of a rejected record fit for a report: valid Unicode, cut when very long."""
    cut = raw[:MAX_RAW_CHARS]
    if isinstance(cut, bytes):
        text = cut.decode("utf-8", "backslashreplace")
    else:
        text = cut.encode("utf-8", "backslashreplace").decode()
    return text + CUT_MARK if len(raw) > MAX_RAW_CHARS else text
