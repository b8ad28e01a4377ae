"""A pool of processes on this machine."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from tamis.jobs.backends import process_environment
from tamis.jobs.causes import offer_to_be_killed_first
from tamis.jobs.model import Resources
from tamis.jobs.worker.worker_pool import Chunker, ChunkResult, PoolWorker, WorkerPool
from tamis.steps.chunks import ChunkWork

GPUS = "CUDA_VISIBLE_DEVICES"
LOOK_EVERY_S = 0.5


class LocalPool(WorkerPool):
    """Processes that divide the job's cores and GPUs among themselves."""

    def __init__(self, resources: Resources, workspace: Path) -> None:
        super().__init__(resources.workers)
        self._resources, self._workspace = resources, workspace

    def hire(self, place: int, work: ChunkWork) -> PoolWorker:
        """Start a process of its own; it ends with this one, however this one ends."""
        environment = process_environment(threads_each(self._resources))
        return LocalWorker(work, self._workspace, environment | gpus_of(place, self._resources))

    def close(self) -> None:
        """Nothing to let go of."""


class LocalWorker:
    """An executor of one process, so that it is known which chunk a process had that died, and how it died."""

    def __init__(self, work: ChunkWork, workspace: Path, environment: dict[str, str]) -> None:
        # A process that has loaded its models holds much more than when it started: that is no leak to restart it for.
        self._executor = ProcessPoolExecutor(
            1,
            initializer=_begin,
            initargs=(os.getpid(), work, workspace),
            env=environment | {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e15"},
        )

    def submit(self, number: int | None) -> Future[ChunkResult]:
        """Have the process answer."""
        try:
            answer: Future[ChunkResult] = self._executor.submit(_answer, number)
        except BrokenProcessPool as death:  # it had nothing to do when it died
            answer = Future()
            answer.set_exception(death)
        return answer

    def end(self) -> None:
        """Kill it."""
        self._executor.shutdown(kill_workers=True)


def threads_each(resources: Resources) -> int:
    """Threads that each process may compute with: its share of the cores asked for, or of all there are."""
    cores = resources.cpus or (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, cores // resources.workers)


def gpus_of(place: int, resources: Resources) -> dict[str, str]:
    """The variable that shows a process its own GPUs; empty where there is nothing to divide."""
    visible = [name for name in os.environ.get(GPUS, "").split(",") if name]
    devices = visible or [str(number) for number in range(resources.gpus)]
    if len(devices) < 2:
        return {}
    own = devices[place :: resources.workers] or [devices[place % len(devices)]]
    return {GPUS: ",".join(own)}


_chunker: Chunker  # of this process, where it is one of a pool's


def _begin(parent: int, work: ChunkWork, workspace: Path) -> None:
    """What a process of the pool does first."""
    global _chunker
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    offer_to_be_killed_first()
    _chunker = Chunker(work, workspace)


def _answer(number: int | None) -> ChunkResult:
    return _chunker.answer(number)


def _end_with(parent: int) -> None:
    """Once nobody is left to answer, end at once, also in the middle of a chunk."""
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os._exit(0)
