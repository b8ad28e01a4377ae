"""One job's chunks over the tasks of a Slurm array, which see each other by the job's folder alone.

Task 0 is the job's worker. It lays its chunks out in a folder, and every task takes from there: a chunk is taken by
creating a file, and done once another file says so. Nobody watches over anybody. What is taken but not done when
nothing is left to take, task 0 computes itself, and whoever is first counts; so a task that still waits in the queue,
or is lost, costs time and nothing else.
"""

from __future__ import annotations

import functools
import logging
import os
import pickle
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from tamis.errors import CurationError
from tamis.jobs.causes import FailedElsewhere
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind
from tamis.jobs.worker.worker_pool import Chunker, ChunkResult
from tamis.steps.chunks import ChunkWork, OnChunk

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
SILENCE_S = 180.0  # of task 0, after which nobody is left to help


@dataclass(frozen=True, slots=True)
class Board:
    """The folder in which the chunks of one run are laid out."""

    path: Path

    @classmethod
    def lay_out(cls, folder: JobFolder, attempt: int, work: ChunkWork, numbers: Sequence[int]) -> Board:
        """A new board, on which the work appears last; what an earlier attempt has left is removed."""
        for old in folder.path.glob("chunks-*"):
            shutil.rmtree(old, ignore_errors=True)
        board = cls(folder.path / f"chunks-{attempt}-{time.monotonic_ns()}")
        board.path.mkdir(mode=0o700)
        board._put("work", pickle.dumps((work, list(numbers))))
        return board

    @classmethod
    def of(cls, folder: JobFolder, attempt: int) -> list[Board]:
        """Those of an attempt that have work."""
        return [cls(path.parent) for path in folder.path.glob(f"chunks-{attempt}-*/work")]

    def read_work(self) -> tuple[ChunkWork, list[int]]:
        """The work and its chunks; only what this same user has written is unpickled."""
        path = self.path / "work"
        if path.stat().st_uid != os.getuid():
            raise CurationError(f"{path} belongs to another user, so it is not opened. Cancel the job.")
        work: tuple[ChunkWork, list[int]] = pickle.loads(path.read_bytes())
        return work

    def take(self, number: int) -> bool:
        """Whether the chunk was free; from now on it is not. Raises FileNotFoundError once the board is gone."""
        try:
            os.close(os.open(self.path / f"{number}.taken", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def finish(self, number: int, task: int, result: ChunkResult) -> None:
        """Say what became of a chunk. Raises FileNotFoundError once the board is gone."""
        self._put(f"{number}.done", orjson.dumps({"task": task, **asdict(result)}))

    def done(self, left: set[int]) -> Iterator[tuple[int, int, ChunkResult]]:
        """Of these chunks the ones that are done: number, task, and what became of it."""
        for path in self.path.glob("*.done"):
            if int(path.stem) in left:
                record = orjson.loads(path.read_bytes())
                task, kind = record.pop("task"), ErrorKind(record.pop("kind"))
                yield int(path.stem), task, ChunkResult(kind, **record)

    def _put(self, name: str, content: bytes) -> None:
        aside = self.path / f"aside-{secrets.token_hex(4)}"
        aside.write_bytes(content)
        aside.replace(self.path / name)


class ArrayPool:
    """The chunks of task 0: it computes like the others, and hears of what they have done."""

    def __init__(self, folder: JobFolder, attempt: int) -> None:
        self._folder, self._attempt = folder, attempt

    def run(self, work: ChunkWork, numbers: Sequence[int], on_chunk: OnChunk) -> None:
        """Compute these chunks; raises FailedElsewhere for one that failed in another task."""
        board = Board.lay_out(self._folder, self._attempt, work, numbers)
        opened = functools.cache(work.open)
        left, computed = set(numbers), Counter[int]()
        try:
            for number in numbers:
                if board.take(number):
                    opened()(number)
                    board.finish(number, 0, ChunkResult())
                    _hear(board, left, computed, on_chunk)
            for number in numbers:
                _hear(board, left, computed, on_chunk)
                if number in left:
                    opened()(number)
                    board.finish(number, 0, ChunkResult())
            _hear(board, left, computed, on_chunk)
        finally:
            counts = ", ".join(f"{task}: {n}" for task, n in sorted(computed.items()))
            logger.info("Chunks computed by each task of the array: %s", counts or "none")
            shutil.rmtree(board.path, ignore_errors=True)


def _hear(board: Board, left: set[int], computed: Counter[int], on_chunk: OnChunk) -> None:
    """Pass on what is done by now."""
    if not left:
        return
    on_chunk(None)
    for number, task, result in list(board.done(left)):
        if result.kind is not ErrorKind.NONE:
            logger.error("Chunk %d failed in task %d of the array\n%s", number, task, result.trace)
            raise FailedElsewhere(result.kind, result.reason)
        computed[task] += 1
        left.remove(number)
        on_chunk(number)


def help_out(folder: JobFolder, attempt: int, task: int) -> None:
    """Compute chunks of task 0 until its attempt is over; ends the process then, also in the middle of a chunk."""
    logger.info("Task %d of the array is ready to help", task)
    threading.Thread(target=_end_with_task_0, args=(folder, attempt), daemon=True).start()
    known: set[Board] = set()
    while True:
        for board in set(Board.of(folder, attempt)) - known:
            known.add(board)
            with suppress(FileNotFoundError):  # it is gone: all of it is done
                _help(board, folder.workspace, task)
        time.sleep(LOOK_EVERY_S)


def _help(board: Board, workspace: Path, task: int) -> None:
    work, numbers = board.read_work()
    chunker = Chunker(work, workspace)
    for number in numbers:
        if board.take(number):
            board.finish(number, task, chunker.answer(number))


def _end_with_task_0(folder: JobFolder, attempt: int) -> None:
    beat, heard = -1, time.monotonic()
    while time.monotonic() - heard < SILENCE_S and not _is_over(folder, attempt):
        progress = folder.read_progress(attempt)
        if progress is not None and progress.beat != beat:
            beat, heard = progress.beat, time.monotonic()
        time.sleep(LOOK_EVERY_S)
    os._exit(0)


def _is_over(folder: JobFolder, attempt: int) -> bool:
    if folder.cancel_path.exists() or folder.read_result(attempt) is not None:
        return True
    try:
        return folder.read_spec().attempt != attempt
    except CurationError:
        return True
