"""One job's chunks over several processes, each of which may be killed at any time without harm.

The job's own process hands out chunk numbers and listens; the workers of a pool compute. Parts are renamed into place,
and a chunk whose worker has died goes back to the front.
"""

from __future__ import annotations

import logging
import re
import traceback
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tamis.jobs.causes import LESS_MEMORY, FailedElsewhere, exit_text, explain_failure
from tamis.jobs.model import ErrorKind
from tamis.steps.chunks import ChunkWork, Compute, OnChunk

logger = logging.getLogger(__name__)

LISTEN_EVERY_S = 0.1
MOST_TRIES = 3  # of one chunk whose process dies, and of one place whose process never gets ready
EXIT_CODE = re.compile(r"exit codes of the workers are \{\w+\((-?\d+)\)")  # as loky says it
Given = tuple[int, int | None]  # a place, and the chunk that its worker was given; None while it gets ready


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What became of a chunk; in words where it failed, for exceptions do not all survive being pickled."""

    kind: ErrorKind = ErrorKind.NONE
    reason: str = ""
    trace: str = ""


class Chunker:
    """What a worker does: it opens the work at the first chunk, and computes."""

    def __init__(self, work: ChunkWork, workspace: Path) -> None:
        self._work, self._workspace = work, workspace
        self._compute: Compute | None = None

    def answer(self, number: int | None) -> ChunkResult:
        """Compute a chunk; None computes nothing, and is answered once the process is there."""
        if number is None:
            return ChunkResult()
        try:
            if self._compute is None:
                self._compute = self._work.open()
            self._compute(number)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: B036 - native extensions panic past Exception
            return ChunkResult(*explain_failure(error, self._workspace), traceback.format_exc())
        return ChunkResult()


class PoolWorker(Protocol):
    """A process with a Chunker."""

    def submit(self, number: int | None) -> Future[ChunkResult]:
        """Have the Chunker answer; the future raises, with how it ended, when the process does."""
        ...

    def end(self) -> None:
        """Kill it."""
        ...


class WorkerPool(ABC):
    """Chunks over the workers of a pool, as many at most as there are chunks."""

    def __init__(self, n_workers: int) -> None:
        self._n_workers = n_workers

    @abstractmethod
    def hire(self, place: int, work: ChunkWork) -> PoolWorker:
        """Start the worker of that place, counted from 0."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what hiring needed."""

    def run(self, work: ChunkWork, numbers: Sequence[int], on_chunk: OnChunk) -> None:
        """Compute these chunks in about this order.

        Raises FailedElsewhere for a chunk that failed, or whose process died three times, and what ``on_chunk`` raises.
        """
        shift = _Shift(self, work, on_chunk, deque(numbers), set(numbers))
        try:
            for place in range(min(self._n_workers, len(numbers))):
                shift.hire(place)
            while shift.left:
                done, _ = wait(shift.given, LISTEN_EVERY_S, FIRST_COMPLETED)
                on_chunk(None)
                for future in done:
                    shift.take(future)
                shift.give()
        finally:
            counts = ", ".join(f"{place}: {n}" for place, n in sorted(shift.computed.items()))
            logger.info("Chunks computed by each process: %s", counts or "none")
            for worker in shift.workers.values():
                worker.end()
            self.close()


@dataclass(slots=True)
class _Shift:
    """The workers of one run by place, and what each was given."""

    pool: WorkerPool
    work: ChunkWork
    on_chunk: OnChunk
    waiting: deque[int]
    left: set[int]
    workers: dict[int, PoolWorker] = field(default_factory=dict)
    given: dict[Future[ChunkResult], Given] = field(default_factory=dict)
    computed: Counter[int] = field(default_factory=Counter)  # chunks by place
    deaths: Counter[int] = field(default_factory=Counter)  # by chunk
    false_starts: Counter[int] = field(default_factory=Counter)  # by place

    def hire(self, place: int) -> None:
        self.workers[place] = self.pool.hire(place, self.work)
        self.given[self.workers[place].submit(None)] = (place, None)

    def give(self) -> None:
        """A chunk for everyone who is ready and has none."""
        idle = self.workers.keys() - {place for place, _ in self.given.values()}
        for place in sorted(idle)[: len(self.waiting)]:
            number = self.waiting.popleft()
            self.given[self.workers[place].submit(number)] = (place, number)

    def take(self, future: Future[ChunkResult]) -> None:
        """What a worker answered, or that it has ended."""
        place, number = self.given.pop(future)
        death = future.exception()
        if death is not None:
            self._replace(place, number, death)
        elif (result := future.result()).kind is not ErrorKind.NONE:
            logger.error("Chunk %s failed in another process\n%s", number, result.trace)
            raise FailedElsewhere(result.kind, result.reason)
        elif number is not None:
            self.computed[place] += 1
            self.left.remove(number)
            self.on_chunk(number)

    def _replace(self, place: int, number: int | None, death: BaseException) -> None:
        self.workers.pop(place).end()
        how = _how_it_ended(death)
        logger.warning("Process %d of this job has ended (%s); it had chunk %s", place, how, number)
        if number is None:
            self.false_starts[place] += 1
        else:
            self.waiting.appendleft(number)
            self.deaths[number] += 1
        if number is not None and self.deaths[number] >= MOST_TRIES:
            text = f"Chunk {number} ended {MOST_TRIES} processes that computed it; the last time: {how}. {LESS_MEMORY}"
            raise FailedElsewhere(ErrorKind.LOST, text)
        if self.false_starts[place] < MOST_TRIES:
            self.hire(place)
        elif not self.workers:
            raise FailedElsewhere(ErrorKind.BACKEND, f"No process of this job could start: {how}.")


def _how_it_ended(death: BaseException) -> str:
    """In our words where an exit code is known, otherwise in those of Ray or loky, on one line."""
    code = EXIT_CODE.search(str(death))
    return exit_text(int(code[1])) if code else " ".join(str(death).split())[:500].rstrip(".")
