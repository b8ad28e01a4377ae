"""Files that the tests of the importer write and read."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pyarrow as pa
import zstandard

from tamis.formats import load_format
from tamis.formats.notes import Notes
from tamis.formats.reader import read_batches
from tamis.formats.schema import Batch, Reject
from tamis.registry import Options


@dataclass
class Imported:
    """Everything that reading a file gave."""

    batches: list[Batch] = field(default_factory=list)

    @property
    def rows(self) -> list[dict]:
        return [row for batch in self.batches for row in batch.table.to_pylist()]

    @property
    def rejects(self) -> list[Reject]:
        return [reject for batch in self.batches for reject in batch.rejects]

    @property
    def n_records(self) -> int:
        return sum(batch.n_records for batch in self.batches)

    @property
    def n_imported(self) -> int:
        return sum(batch.n_imported for batch in self.batches)

    @property
    def notes(self) -> Notes:
        return sum((batch.notes for batch in self.batches), Notes())


def import_file(
    path: Path | str, format_name: str = "alpaca", fields: Options | None = None, **kwargs
) -> Imported:
    chosen = fields or load_format(format_name).fields()
    return Imported(list(read_batches(path, format_name=format_name, fields=chosen, **kwargs)))


def alpaca_rows(n_rows: int) -> list[dict]:
    return [
        {"id": f"r{i}", "instruction": f"Question {i}?", "input": "", "output": f"Answer {i}."}
        for i in range(n_rows)
    ]


def lines_of(records: list[dict], end: bytes = b"\n") -> bytes:
    return b"".join(orjson.dumps(record) + end for record in records)


def compress(content: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.compress(content, mtime=0)
    return zstandard.ZstdCompressor().compress(content) if compression == "zstd" else content


def parquet_bytes(records: list[dict]) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), sink)
    return sink.getvalue()


def csv_bytes(records: list[dict], delimiter: str = ",") -> bytes:
    import csv

    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def written(tmp_path: Path, content: bytes, name: str = "given.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path
