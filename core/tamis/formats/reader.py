"""A file as batches of examples: streamed, in order, large line files parsed by two processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tamis.errors import UnreadableFile
from tamis.formats.containers import csv_chunks, line_chunks, row_chunks
from tamis.formats.json_documents import document_chunks
from tamis.formats.json_lists import slice_chunks
from tamis.formats.kinds import COMPRESSION_ENDINGS, DATA_ENDINGS
from tamis.formats.layout import HUB_PREFIX, Layout, detect_layout
from tamis.formats.parsing import Chunk, Parsed, parse_chunk
from tamis.formats.reasons import most_common
from tamis.formats.schema import Batch, DuplicateId
from tamis.formats.stored_form import ColumnMapping
from tamis.formats.streams import TextStream
from tamis.formats.tables import arrow_rows, folder_rows, hub_rows, parquet_rows, parse_hub_address

BLOCK_BYTES = (
    4 << 20
)  # text of one chunk: large enough to hide the cost of moving it, small enough to hold several
POOL_FROM_BYTES = 20 << 20  # below this starting processes costs more than it saves
N_WORKERS = 2
_N_IN_FLIGHT = 2 * N_WORKERS
_MAX_TRACKED_IDS = (
    4_000_000  # about 400 MB would be needed for more; beyond it repeated ids are no longer noticed
)
_N_SHOWN_IDS = 20
_N_KEPT_REASONS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOf:
    """What besides format and mapping decides how a file is read: the encoding of its text, detected when empty; the split that
    its rows belong to, if any; repairs that were agreed to, by name.
    """

    encoding: str = ""
    split: str = ""
    repairs: tuple[str, ...] = ()


_AS_DETECTED = ReadingOf()


@dataclass(frozen=True, slots=True)
class _Job:
    format_name: str
    fields: ColumnMapping
    stem: str
    how: ReadingOf

    def __call__(self, chunk: Chunk) -> Parsed:
        how = self.how
        return parse_chunk(chunk, self.format_name, self.fields, self.stem, how.repairs, how.split)


def read_batches(
    path: Path | str,
    *,
    format_name: str,
    fields: ColumnMapping,
    how: ReadingOf = _AS_DETECTED,
    batch_rows: int = 20_000,
    n_workers: int | None = None,
) -> Iterator[Batch]:
    """Yield the examples and rejects of a file in the order of the file.

    A batch holds at most ``batch_rows`` records, or for JSON lines those of one block of about 4 MB.
    ``n_workers`` None means two processes for JSON and JSON lines from 20 MB on, else none. Blank lines are
    not records: they are neither imported nor rejected, yet they count in line numbers. Raises
    UnreadableFile, at the end, when no record of the file became an example, with the three most common
    reasons.
    """
    layout = detect_layout(path, how.encoding)
    total_bytes = _stored_bytes(path)
    chunks = iter_chunks(path, layout, block_bytes=BLOCK_BYTES, batch_rows=batch_rows, repairs=how.repairs)
    job = _Job(format_name, fields, file_stem(path), how)
    if n_workers is None:
        n_workers = (
            N_WORKERS if layout.container in ("jsonl", "json") and total_bytes >= POOL_FROM_BYTES else 0
        )
    parsed = (
        _parse_in_pool(chunks, job, n_workers) if n_workers and _may_have_children() else map(job, chunks)
    )
    yield from _checked(_counted(parsed, total_bytes), path)


def iter_chunks(
    path: Path | str,
    layout: Layout,
    *,
    block_bytes: int,
    batch_rows: int,
    repairs: Collection[str] = (),
) -> Iterator[Chunk]:
    """Yield the raw records of a file, about ``block_bytes`` or at most ``batch_rows`` of them at a time.

    ``repairs`` count for a file that is read as a whole; those of single records are made when these are parsed.
    """
    if layout.container == "hub":
        yield from row_chunks(hub_rows(str(path)), None, block_bytes, batch_rows)
        return
    path = Path(path)
    if layout.container == "arrow_folder":
        yield from row_chunks(folder_rows(path), None, block_bytes, batch_rows)
        return
    if layout.container in ("parquet", "arrow"):
        rows = parquet_rows(path, layout) if layout.container == "parquet" else arrow_rows(path, layout)
        yield from row_chunks(rows, None, block_bytes, batch_rows)
        return
    with TextStream(path, layout.compression, layout.encoding) as stream:
        if layout.form:
            yield from document_chunks(stream, layout.form, batch_rows, repairs)
        elif layout.container == "jsonl":
            yield from line_chunks(stream, layout.newline, block_bytes)
        elif layout.container == "json":
            yield from slice_chunks(
                stream, wrapped=layout.wrapped, block_bytes=block_bytes, batch_rows=batch_rows
            )
        else:
            yield from csv_chunks(stream, layout, block_bytes, batch_rows)


def file_stem(path: Path | str) -> str:
    """Return the name of a file without the endings of its container and compression, or of a hub dataset."""
    if isinstance(path, str) and path.startswith(HUB_PREFIX):
        return parse_hub_address(path)[0]
    name = Path(path).name
    for ending in (*COMPRESSION_ENDINGS, *DATA_ENDINGS):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name


def display_name(path: Path | str) -> str:
    """Return how messages call a file or hub dataset."""
    return str(path) if isinstance(path, str) and path.startswith(HUB_PREFIX) else Path(path).name


def _stored_bytes(path: Path | str) -> int:
    file = Path(path)
    return file.stat().st_size if file.is_file() else 0


def _may_have_children() -> bool:
    # A daemonic process may not have children; then the work is done right here.
    return not multiprocessing.current_process().daemon


def _parse_in_pool(chunks: Iterator[Chunk], job: _Job, n_workers: int) -> Iterator[Parsed]:
    """Parse chunks in processes of their own, a bounded number in flight, results in order.

    When a process dies (killed for memory, or the program cannot be started anew) the rest is parsed right
    here.
    """
    waiting: deque[tuple[Chunk, Future[Parsed] | None]] = deque()
    with _pool(n_workers) as pool:
        for chunk in chunks:
            waiting.append((chunk, _submit(pool, job, chunk)))
            if len(waiting) >= _N_IN_FLIGHT:
                yield _result(job, *waiting.popleft())
        while waiting:
            yield _result(job, *waiting.popleft())


@contextmanager
def _pool(n_workers: int) -> Iterator[ProcessPoolExecutor]:
    # "spawn" because the parent may hold threads (a web server, BLAS), which a forked child would inherit
    # half alive.
    pool = ProcessPoolExecutor(n_workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, job: _Job, chunk: Chunk) -> Future[Parsed] | None:
    # A chunk of rows is either a single bad row or already Python objects, which cost more to move than to
    # parse.
    if chunk.kind == "rows":
        return None
    try:
        return pool.submit(job, chunk)
    except BrokenProcessPool:
        return None


def _result(job: _Job, chunk: Chunk, future: Future[Parsed] | None) -> Parsed:
    if future is None:
        return job(chunk)
    try:
        return future.result()
    except BrokenProcessPool:
        return job(chunk)


def _counted(parsed: Iterator[Parsed], total_bytes: int) -> Iterator[Batch]:
    """Add to every batch what only the whole file can tell: repeated ids and the size of the file."""
    seen: set[int] = set()
    for piece in parsed:
        repeated: list[DuplicateId] = []
        n_repeated = 0
        for number, record_id in piece.ids:
            key = hash(record_id)  # 64 bits: a false alarm among millions is one in millions
            if key in seen:
                n_repeated += 1
                if len(repeated) < _N_SHOWN_IDS:
                    repeated.append(DuplicateId(number, record_id))
            elif len(seen) < _MAX_TRACKED_IDS:
                seen.add(key)
        yield replace(
            piece.batch, n_duplicate_ids=n_repeated, duplicate_ids=repeated, total_bytes=total_bytes
        )


def _checked(batches: Iterator[Batch], path: Path | str) -> Iterator[Batch]:
    n_examples, n_records = 0, 0
    reasons: list[str] = []
    for batch in batches:
        n_examples += batch.table.num_rows
        n_records += batch.n_records
        if not n_examples and len(reasons) < _N_KEPT_REASONS:
            reasons.extend(reject.reason for reject in batch.rejects)
        yield batch
    if not n_examples:
        raise nothing_readable(path, n_records, reasons)


def nothing_readable(path: Path | str, n_records: int, reasons: list[str]) -> UnreadableFile:
    """Return the error of a file that gave no example, with the most common reasons."""
    name = display_name(path)
    if not n_records:
        return UnreadableFile(
            f"{name} holds no records: there is nothing in it but a header, brackets or blank lines."
        )
    return UnreadableFile(
        f"No record of {name} could be imported; all {n_records:,} were rejected. Most common reasons: "
        f"{most_common(reasons)}. Check the format and the mapping of its fields."
    )
