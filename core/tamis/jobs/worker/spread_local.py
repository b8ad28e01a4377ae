"""Members as processes of this machine: ``python -m tamis.jobs.worker.spread_local DESCRIPTOR``, spoken to over a socket."""

from __future__ import annotations

import logging
import os
import queue
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from tamis.jobs.backends import process_environment
from tamis.jobs.causes import exit_text, offer_to_be_killed_first
from tamis.jobs.model import Resources
from tamis.jobs.worker.spread import (
    Answer,
    Chunker,
    Member,
    MemberDied,
)
from tamis.settings import source_folder
from tamis.steps.chunks import ChunkWork

GONE_WITHIN_S = 5.0
GPUS = "CUDA_VISIBLE_DEVICES"


class LocalCrew:
    """Processes that divide the job's cores and GPUs among themselves."""

    def __init__(self, resources: Resources, workspace: Path) -> None:
        self._resources, self._workspace = resources, workspace

    def hire(self, place: int, work: ChunkWork) -> Member:
        """Start a process of its own; it ends with this one, however this one ends."""
        environment = process_environment(threads_each(self._resources))
        environment |= gpus_of(place, self._resources)
        return LocalMember(work, self._workspace, environment)

    def close(self) -> None:
        """Nothing to let go of."""


class LocalMember:
    """A process at the other end of a socket."""

    def __init__(self, work: ChunkWork, workspace: Path, environment: dict[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                cwd=source_folder(),
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
            )
        self._connection = Connection(ours.detach())
        self._number = -1
        self._tell((work, workspace))

    def ready(self) -> bool:
        """Always: what it is given waits in the socket."""
        return True

    def give(self, number: int) -> None:
        """Begin a chunk; raises MemberDied."""
        self._number = number
        self._tell(number)

    def answer(self) -> Answer | None:
        """What became of the chunk; raises MemberDied."""
        try:
            return Answer(self._number, self._connection.recv()) if self._connection.poll() else None
        except (EOFError, OSError) as error:
            raise self._death() from error

    def end(self) -> None:
        """Kill it."""
        self._connection.close()
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GONE_WITHIN_S)

    def _tell(self, message: object) -> None:
        # One that has died already is noticed when its answer is asked for.
        with suppress(OSError):
            self._connection.send(message)

    def _death(self) -> MemberDied:
        try:
            return MemberDied(exit_text(self._process.wait(GONE_WITHIN_S)))
        except subprocess.TimeoutExpired:
            return MemberDied("its process does not answer any more")


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


def main() -> int:
    """Compute the chunks whose numbers come in, until the process at the other end closes or is gone."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    offer_to_be_killed_first()
    connection = Connection(int(sys.argv[1]))
    work, workspace = connection.recv()
    chunker = Chunker(work, workspace)
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, numbers), daemon=True).start()
    while True:
        failure = chunker.answer(numbers.get())
        connection.send(failure)


def _listen(connection: Connection, numbers: queue.SimpleQueue[int]) -> None:
    """Pass numbers on; once nobody is left to answer, end at once, also in the middle of a chunk."""
    with suppress(EOFError, OSError):
        while True:
            numbers.put(connection.recv())
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
