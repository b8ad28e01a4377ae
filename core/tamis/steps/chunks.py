"""Chunks: numbered pieces of a step's work, each of which any process can compute and leave as a part file."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import ArtifactDamaged

Compute = Callable[[int], None]
OnChunk = Callable[[int | None], None]


class ChunkWork(Protocol):
    """What any process needs to compute the chunks of one step. It can be pickled; paths in it are absolute."""

    def open(self) -> Compute:
        """Load what all chunks share, once in each process; what it returns computes one chunk and writes its part.

        A part is written aside and renamed (``part_file``), and depends on nothing but the chunk's number and on
        caches that give back what would be computed.
        """
        ...


class Parallel(Protocol):
    """Where the chunks of a step are computed."""

    def run(self, work: ChunkWork, numbers: Sequence[int], on_chunk: OnChunk) -> None:
        """Compute these chunks, ascending, calling ``on_chunk`` after each with its number.

        ``on_chunk`` is called by the calling thread, also with None while none is done; what it raises ends the rest.
        """
        ...


class InThisProcess:
    """One chunk after another, here."""

    def run(self, work: ChunkWork, numbers: Sequence[int], on_chunk: OnChunk) -> None:
        """Compute these chunks in the order given."""
        compute = work.open()
        for number in numbers:
            compute(number)
            on_chunk(number)


class RowReader:
    """Consecutive rows of a parquet file by chunk number; a number above the last one asked for is read on to.

    ``chunk_rows`` 0 makes the whole file one chunk.
    """

    def __init__(self, path: Path, columns: Sequence[str], chunk_rows: int) -> None:
        self._path, self._columns, self._chunk_rows = path, list(columns), chunk_rows
        self._next = 0
        self._tables: Iterator[pa.Table] = self._read()

    def rows(self, number: int) -> pa.Table:
        """The rows of a chunk; raises ArtifactDamaged when the file ends before it."""
        if number < self._next:
            self._next, self._tables = 0, self._read()
        for table in self._tables:
            self._next += 1
            if self._next > number:
                return table
        raise ArtifactDamaged(
            f"{self._path} has fewer rows than its manifest says. Import the dataset again."
        )

    def _read(self) -> Iterator[pa.Table]:
        with pq.ParquetFile(self._path) as file:
            if not self._chunk_rows:
                yield file.read(self._columns)
                return
            pieces: list[pa.RecordBatch] = []
            # A batch may end where a row group of the file does; a chunk does not.
            for batch in file.iter_batches(batch_size=self._chunk_rows, columns=self._columns):
                room = self._chunk_rows - sum(piece.num_rows for piece in pieces)
                pieces.append(batch.slice(0, room))
                if batch.num_rows >= room:
                    yield pa.Table.from_batches(pieces)
                    pieces = [batch.slice(room)] if batch.num_rows > room else []
            if pieces:
                yield pa.Table.from_batches(pieces)


@contextmanager
def part_file(path: Path) -> Iterator[Path]:
    """A file to write, which is moved to ``path`` at the end; two processes that write the same part do not mix."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.aside")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
