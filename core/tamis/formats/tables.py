"""From Parquet, a saved Hugging Face folder or a hub dataset to rows with values that JSON knows."""

from __future__ import annotations

import importlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import MissingExtra, UnreadableFile
from tamis.formats.arrow_values import NULLS_MARK, Array, is_plain, to_json, unique_names, without_bytes
from tamis.formats.format import Record
from tamis.formats.json_text import dumps_exact, settled_value
from tamis.formats.layout import HUB_PREFIX, Layout
from tamis.formats.notes import Notes
from tamis.formats.parsing import MAX_FIELDS, BadRow, ExactRow, TableRow, too_many
from tamis.formats.streams import TextStream
from tamis.types import JSON

_BATCH_ROWS = 1_000
# All of Arrow's but that there is no memory: that is no damage of the file, and says which limit it met.
_ARROW_ERRORS = (
    pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowTypeError, pa.ArrowIndexError, pa.ArrowNotImplementedError, pa.ArrowSerializationError,
)  # fmt: skip
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_ODD_TYPES = re.compile(r"binary|float|double|extension")


def parquet_rows(path: Path, layout: Layout) -> Iterator[TableRow]:
    """Yield the rows of a Parquet file; raises UnreadableFile when it is damaged or holds no text."""
    with open_parquet(path, layout) as file:
        try:
            parquet = pq.ParquetFile(file)
        except (*_ARROW_ERRORS, OSError, UnicodeDecodeError) as error:  # a column's name may be no text
            raise UnreadableFile(f"{path.name} starts like Parquet but cannot be read: {error}") from error
        _require_text(path.name, parquet.schema_arrow)
        yield from _numbered(_guarded(parquet.iter_batches(batch_size=_BATCH_ROWS)))


def arrow_rows(path: Path, layout: Layout) -> Iterator[TableRow]:
    """Yield the rows of a file of Arrow, in either of its two forms; raises UnreadableFile as ``parquet_rows`` does."""
    with open_parquet(path, layout) as file:
        schema, batches = _arrow_batches(path, file)
        _require_text(path.name, schema)
        yield from _numbered(_guarded(batches))


def arrow_schema(path: Path, layout: Layout) -> pa.Schema:
    """The schema of a file of Arrow."""
    with open_parquet(path, layout) as file:
        return _arrow_batches(path, file)[0]


def _arrow_batches(path: Path, file: IO[bytes]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    source: Any = file  # the stubs want a class of io's own
    try:
        if file.read(6) == b"ARROW1":
            reader = pa.ipc.open_file(source)
            return reader.schema, (_pieces(reader.get_batch(at) for at in range(reader.num_record_batches)))
        file.seek(0)
        stream = pa.ipc.open_stream(source)
        return stream.schema, _pieces(stream)
    except (*_ARROW_ERRORS, OSError) as error:
        raise UnreadableFile(f"{path.name} starts like Arrow but cannot be read: {error}") from error


def _pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            yield batch.slice(start, _BATCH_ROWS)


def folder_rows(path: Path) -> Iterator[TableRow]:
    """Yield the rows of a folder written by ``save_to_disk``, all splits in order, each named in a column
    ``split``.
    """
    splits = _splits(path)
    return _numbered(row for name, folder in splits for row in _with_split(_folder_batches(folder), name))


def hub_rows(address: str) -> Iterator[TableRow]:
    """Yield the rows of ``hub:owner/name[:config][@split]``, streamed; split "train" unless one is named."""
    name, config, split = parse_hub_address(address)
    try:
        datasets = importlib.import_module("datasets")
    except ModuleNotFoundError as error:
        raise MissingExtra("Reading a dataset from the hub", "hub") from error
    try:
        rows = datasets.load_dataset(name, config, split=split, streaming=True)
        yield from _numbered({key: _hub_value(value) for key, value in row.items()} for row in rows)
    except (OSError, ValueError, RuntimeError) as error:
        raise UnreadableFile(f"The hub dataset {name!r} (split {split!r}) cannot be read: {error}") from error


def parse_hub_address(address: str) -> tuple[str, str | None, str]:
    """Return dataset name, configuration or None, and split; raises UnreadableFile when no name is given."""
    rest, _, split = address.removeprefix(HUB_PREFIX).partition("@")
    name, _, config = rest.partition(":")
    if not name.strip("/ "):
        raise UnreadableFile(
            f"{address!r} names no dataset: write hub:owner/name, with :config and @split if needed."
        )
    # The hub's library opens what is a folder here as one: a name of the hub must not be a way to files.
    if not _HUB_NAME.fullmatch(name) or Path(name).exists():
        raise UnreadableFile(
            f"{name!r} is no name of a dataset on the hub, which is owner/name. What lies on this machine is named by its path."
        )
    return name, config or None, split or "train"


@contextmanager
def open_parquet(path: Path, layout: Layout) -> Iterator[IO[bytes]]:
    """Open a Parquet file, which is read from its end; a compressed one is unpacked into a temporary file."""
    if layout.compression == "none":
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as unpacked, TextStream(path, layout.compression, "utf-8") as stream:
        for block in stream.blocks():
            unpacked.write(block)
        if stream.damage:
            raise UnreadableFile(f"{path.name} is a table whose end is missing: {stream.damage}.")
        unpacked.seek(0)
        yield unpacked


def _require_text(name: str, schema: pa.Schema) -> None:
    if len(schema) > MAX_FIELDS:
        raise UnreadableFile(f"{name} {too_many(len(schema))}.")
    if not any(_may_hold_text(column.type) for column in schema):
        kinds = ", ".join(f"{column.name} ({column.type})" for column in list(schema)[:10])
        raise UnreadableFile(f"{name} has no text column. Its columns are: {kinds or 'none'}.")


def _may_hold_text(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):  # arrow.json, which datasets writes for nested values
        return _may_hold_text(kind.storage_type)
    if isinstance(kind, pa.DictionaryType | pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return _may_hold_text(kind.value_type)
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary)
    return pa.types.is_struct(kind) or pa.types.is_map(kind) or any(test(kind) for test in text)


def _guarded(batches: Iterator[pa.RecordBatch]) -> Iterator[Record | BadRow | ExactRow]:
    """Yield rows until the file ends or breaks; a break is one bad row."""
    n_rows = 0
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except (*_ARROW_ERRORS, OSError) as error:
            yield BadRow("", f"the file is damaged after record {n_rows:,} ({error})")
            return
        n_rows += batch.num_rows
        yield from batch_rows(batch)


def batch_rows(batch: pa.RecordBatch) -> Iterator[Record | BadRow | ExactRow]:
    """Yield the rows of a batch; those that hold what JSON does not say so."""
    marks = batch.schema.metadata or {}
    keep_nulls = NULLS_MARK in marks
    incomplete = orjson.loads(marks[NULLS_MARK]) if keep_nulls else []
    try:
        columns = [_Column.read(field.name, column, keep_nulls) for field, column in _columns(batch)]
    except UnicodeDecodeError:  # inside a list or a struct
        for number in range(batch.num_rows):
            yield _single_row(batch.slice(number, 1), keep_nulls)
        return
    names = [column.name for column in columns]
    exact = zip(*(column.exact for column in columns), strict=True)
    odd = [(number, column) for number, column in enumerate(columns) if column.kinds]
    for at, values in enumerate(exact):
        row = dict(zip(names, values, strict=True))
        for name in incomplete:
            if not batch.column(name)[at].is_valid:
                del row[name]
        if not odd:
            yield row
            continue
        notes = Notes({(column.name, kind): 1 for _, column in odd for kind in column.kinds.get(at, ())})
        if not notes:
            yield row
            continue
        yield ExactRow(row, row | {column.name: column.record[at] for _, column in odd}, notes)


def _columns(batch: pa.RecordBatch) -> Iterator[tuple[pa.Field[Any], Array]]:
    """The columns with names of their own."""
    for name, field, column in zip(unique_names(batch.schema), batch.schema, batch.columns, strict=True):
        yield field.with_name(name), column


@dataclass(frozen=True, slots=True)
class _Column:
    """The values of a column: ``exact`` as they are kept, ``record`` as JSON reads them; ``kinds`` of notes by row."""

    name: str
    exact: list[JSON]
    record: list[JSON]
    kinds: dict[int, set[str]]

    @classmethod
    def read(cls, name: str, column: Array, keep_nulls: bool) -> _Column:
        try:
            exact = to_json(column, keep_nulls=keep_nulls)
        except UnicodeDecodeError:
            if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
                raise
            stored: list[bytes | None] = column.cast(pa.large_binary()).to_pylist()
            exact = [None if text is None else text.decode("utf-8", "surrogateescape") for text in stored]
        except (*_ARROW_ERRORS, ValueError, OverflowError, RecursionError):
            exact = [None] * len(column)
            return cls(
                name, exact, exact, {at: {"left-out"} for at in range(len(column)) if column[at].is_valid}
            )
        if is_plain(column.type) or not _may_be_odd(column):
            return cls(name, exact, exact, {})
        record, kinds = [], {}
        for at, value in enumerate(exact):
            settled, found = settled_value(value)
            bare = without_bytes(settled)
            if found or bare != settled:
                kinds[at] = found | ({"bytes"} if bare != settled else set())
            record.append(bare)
        return cls(name, exact, record, kinds)


def _may_be_odd(column: Array) -> bool:
    """Whether a column may hold bytes, numbers that JSON has not, or JSON text with such numbers."""
    kind = column.type
    if pa.types.is_floating(kind):
        import pyarrow.compute as pc

        return not pc.all(pc.is_finite(column.cast(pa.float64())), skip_nulls=True, min_count=0).as_py()
    return bool(_ODD_TYPES.search(str(kind)))


def _single_row(batch: pa.RecordBatch, keep_nulls: bool) -> Record | BadRow | ExactRow:
    problem = None
    row: Record = {}
    for field, column in _columns(batch):
        try:
            row[field.name] = to_json(column, keep_nulls=keep_nulls)[0]
        except UnicodeDecodeError as error:
            problem = problem or f"invalid UTF-8 in field {field.name!r} at byte {error.start + 1}"
            row[field.name] = error.object.decode("utf-8", "backslashreplace")
    return BadRow(dumps_exact(row, odd=True), problem) if problem else next(batch_rows(batch))


def _hub_value(value: JSON, *, nested: bool = False) -> JSON:
    """A value that a hub library hands out as JSON can hold it; keys that Arrow filled with null go, and bytes."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        items = ((str(key), _hub_value(item, nested=True)) for key, item in value.items())
        return {key: item for key, item in items if item is not None or key == "content"}
    if isinstance(value, list | tuple):
        return [_hub_value(item, nested=True) for item in value]
    if isinstance(value, bytes):
        return None
    if hasattr(value, "tolist"):
        return _hub_value(value.tolist(), nested=nested)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def saved_schema(path: Path) -> pa.Schema:
    """The schema of a folder written by ``save_to_disk``: that of its first split."""
    batches = _folder_files(_splits(path)[0][1])
    for reader in batches:
        return reader.schema
    return pa.schema([])


def _splits(path: Path) -> list[tuple[str | None, Path]]:
    listing = path / "dataset_dict.json"
    if not listing.is_file():
        return [(None, path)]
    names = _json_field(listing, "splits")
    folders = [(Path(str(name)).name, path / Path(str(name)).name) for name in names]
    return [(name if len(folders) > 1 else None, folder) for name, folder in folders]


def _json_field(path: Path, key: str) -> list[Any]:
    try:
        values = orjson.loads(path.read_bytes())[key]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnreadableFile(f"{path.parent.name}/{path.name} does not list {key!r}: {error}") from error
    if not isinstance(values, list):
        raise UnreadableFile(f"{path.parent.name}/{path.name} has no list under {key!r}.")
    return values


def _folder_batches(folder: Path) -> Iterator[pa.RecordBatch]:
    for reader in _folder_files(folder):
        yield from _pieces(reader)


def _folder_files(folder: Path) -> Iterator[pa.RecordBatchReader]:
    for entry in _json_field(folder / "state.json", "_data_files"):
        # Only the last part of the name counts, so that a file outside the folder is never opened.
        file = folder / Path(str(entry.get("filename", "") if isinstance(entry, dict) else entry)).name
        try:
            source = pa.memory_map(str(file))
            reader = pa.ipc.open_stream(source)
        except (*_ARROW_ERRORS, OSError) as error:
            raise UnreadableFile(f"{folder.name}/{file.name} cannot be read: {error}") from error
        _require_text(f"{folder.name}/{file.name}", reader.schema)
        yield reader


def _with_split(batches: Iterator[pa.RecordBatch], name: str | None) -> Iterator[Record | BadRow | ExactRow]:
    for row in _guarded(batches):
        if name is not None and isinstance(row, ExactRow):
            row.exact.setdefault("split", name)
            row.record.setdefault("split", name)
        elif name is not None and isinstance(row, dict):
            row.setdefault("split", name)
        yield row


def _numbered(rows: Iterable[Record | BadRow | ExactRow]) -> Iterator[TableRow]:
    yield from enumerate(rows, 1)
