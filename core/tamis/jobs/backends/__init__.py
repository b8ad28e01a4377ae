"""BACKENDS: the one table of where a job can run, and what each of them must offer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tamis.errors import CurationError
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, JobSpec, Resources
from tamis.models.endpoints import asking_environment
from tamis.registry import Plugin, Table
from tamis.settings import Settings, source_folder

WORKER_MODULE = "tamis.jobs.worker"


class Phase(StrEnum):
    """What a backend knows about a job it was given."""

    WAITING = "waiting"  # accepted, not started: no worker can listen yet
    ALIVE = "alive"
    ENDED = "ended"  # no worker any more, whether or not it left a result
    UNKNOWN = "unknown"  # the backend cannot say now; the heartbeat decides


class NotNow(CurationError):
    """The backend certainly did not take the job, and may take it later: it goes back into the queue."""


class NoAnswer(CurationError):
    """The backend did not answer, so nobody knows what it did; ``find`` settles a submission later."""


@dataclass(frozen=True, slots=True)
class BackendState:
    """A backend's answer about one handle; ``kind`` says why it ended when the backend knows better than *lost*."""

    phase: Phase
    detail: str = ""
    kind: ErrorKind = ErrorKind.LOST


class Backend(Protocol):
    """A place where workers run. Refusals and unreachable clusters raise CurationError or OSError, nothing else;
    from ``submit``, NotNow and NoAnswer leave the job alive and anything else fails it.

    An implementation is made with the settings alone, keeps nothing that a restart would lose, and may be asked
    from several threads and processes about the same handle.
    """

    def submit(self, folder: JobFolder, spec: JobSpec) -> str:
        """Start ``worker_command(folder, spec)`` once and return a handle that any later process can use."""
        ...

    def find(self, folder: JobFolder, spec: JobSpec) -> str | None:
        """The handle of a submission of exactly this attempt that was made but never recorded; None without one."""
        ...

    def poll(self, handles: Sequence[str]) -> dict[str, BackendState]:
        """The state of each handle, asked for all at once; a handle that is left out counts as unknown."""
        ...

    def cancel(self, handle: str, *, force: bool) -> None:
        """End the worker and its children: ask (SIGTERM) or force (SIGKILL); harmless when it has ended."""
        ...

    def preview(self, folder: JobFolder, spec: JobSpec) -> str:
        """What ``submit`` would run, as text to read before submitting; asks nobody."""
        ...

    def log(self, handle: str) -> str:
        """What the backend itself kept of the output, for a worker that could not write its log; mostly empty."""
        ...

    def available(self) -> str | None:
        """None when jobs can be submitted now, otherwise why not and what to do; quick, or cached."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRow(Plugin):
    """One row of the table; ``target`` names a class that is called with the settings and gives a Backend.

    ``shares_machine``: its jobs take the slots of this machine. ``grace_s``: how long after a worker's end its last
    files may still be on their way (shared filesystems). ``queues``: it has a queue of its own, in which a job may
    wait for days without a sign of life.
    """

    shares_machine: bool = False
    grace_s: float = 0.0
    queues: bool = False


BACKENDS = Table(
    "backend",
    BackendRow(
        name="local",
        title="This machine",
        summary="A process of its own on this machine, which outlives the app.",
        options=Resources,
        target="tamis.jobs.backends.local:LocalBackend",
        shares_machine=True,
    ),
    BackendRow(
        name="ray",
        title="Ray",
        summary="A job on a Ray cluster, which may be a head on this machine (ray start --head).",
        options=Resources,
        target="tamis.jobs.backends.ray_jobs:RayBackend",
        grace_s=10.0,
        queues=True,
    ),
    BackendRow(
        name="slurm",
        title="Slurm",
        summary="A batch job on the Slurm cluster that this machine submits to.",
        options=Resources,
        target="tamis.jobs.backends.slurm:SlurmBackend",
        grace_s=10.0,
        queues=True,
    ),
)


def backend_row(name: str) -> BackendRow:
    """The row of that name; raises UnknownName."""
    return BACKENDS[name]


def shares_machine(name: str) -> bool:
    """Whether jobs of that backend take the slots of this machine; False for one that is not in the table."""
    return name in BACKENDS and backend_row(name).shares_machine


class Backends(Mapping[str, Backend]):
    """The backends of a deployment, each made when it is first used; raises UnknownName and MissingExtra."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Backend] = {}

    def __getitem__(self, name: str) -> Backend:
        if name not in self._made:
            self._made[name] = backend_row(name).load()(self._settings)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(BACKENDS)

    def __len__(self) -> int:
        return len(BACKENDS)


def worker_command(folder: JobFolder, spec: JobSpec, *, module: str = WORKER_MODULE) -> list[str]:
    """The command that runs this attempt; ``-P`` keeps the directory it starts in out of the import path."""
    return [sys.executable, "-P", "-m", module, str(folder.path.resolve()), str(spec.attempt)]


def worker_environment(spec: JobSpec) -> dict[str, str]:
    """Variables to set for a worker on top of what it inherits, so that it imports this same project."""
    return process_environment(spec.resources.cpus)


def process_environment(threads: int) -> dict[str, str]:
    """Variables for a process that computes with so many threads; 0 leaves that to the libraries."""
    inherited = os.environ.get("PYTHONPATH", "")
    paths = [str(source_folder()), *([inherited] if inherited else [])]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"} | asking_environment()
    if threads > 0:
        # Read by numpy's and torch's thread pools when they load, so it must be there before the worker starts.
        environment["OMP_NUM_THREADS"] = str(threads)
    return environment
