"""Parquet as the first edition wrote it, so that a manifest of then still makes its file byte for byte.

The other fields of the source stand as JSON text in a column ``meta``, and Arrow fills the keys that an object lacks with
null.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import IO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import CurationError
from tamis.formats.conversation import SHAPE
from tamis.formats.format import Format, Record
from tamis.formats.stored_form import ColumnMapping
from tamis.types import Example

_BATCH_ROWS = 2_000


def record_before(form: Format, example: Example, fields: ColumnMapping | None) -> Record:
    """One record with the source's other fields as the text of ``meta``; raises CurationError as ``Format.write`` does."""
    meta = example.meta
    example.meta = {key: meta[key] for key in (SHAPE, "rejected") if key in meta}
    record = form.write(example, fields)
    rest = {key: value for key, value in meta.items() if key != SHAPE}
    return record | {"meta": orjson.dumps(rest).decode()}


def write_parquet_before(lines_file: IO[bytes], file: IO[bytes]) -> None:
    """Write the rows of a file of JSON lines; raises CurationError where they do not fit one table."""
    try:
        schema = pa.unify_schemas(
            [_table(batch).schema for batch in _batches(lines_file)], promote_options="permissive"
        )
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in _batches(lines_file):
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise CurationError(
            f"The rows do not fit one Parquet table: {error}. Export as JSON lines instead."
        ) from error


def _batches(lines_file: IO[bytes]) -> Iterator[list[Record]]:
    lines_file.seek(0)
    while lines := list(itertools.islice(lines_file, _BATCH_ROWS)):
        yield [orjson.loads(line) for line in lines]


def _table(records: list[Record]) -> pa.Table:
    names = dict.fromkeys(name for record in records for name in record)
    return pa.table({name: pa.array([record.get(name) for record in records]) for name in names})
