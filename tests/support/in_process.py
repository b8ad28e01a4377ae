"""Jobs that are run here, one after the other: what a person asks for is there at once, without a worker's process."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout

import pytest

from tamis.jobs import job_table
from tamis.jobs.backends.local import LocalBackend
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import Job, JobSpec, JobState
from tamis.jobs.worker import main as worker
from tamis.steps.execute import Task, execute
from tamis.store.artifacts.store import utc_now
from tamis.store.workspace import Workspace

_start_a_process = LocalBackend.submit


def _run_here(_: LocalBackend, folder: JobFolder, spec: JobSpec) -> str:
    """All that a worker does, in this process; returns the handle of a process that has ended."""
    before, root = signal.getsignal(signal.SIGTERM), logging.getLogger()
    with folder.log_path.open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        root.addHandler(said := logging.StreamHandler(log))
        try:
            worker.run_attempt(folder, spec.attempt)
        finally:
            root.removeHandler(said)
            signal.signal(signal.SIGTERM, before)
    return f"1:none:{socket.gethostname()}"


@contextmanager
def jobs_here() -> Iterator[None]:
    """Every local job is run where it would have been started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalBackend, "submit", _run_here)
        # For good is for a process that ends.
        patch.setattr(worker, "limited_for_good", lambda _: nullcontext())
        yield


@pytest.fixture(scope="module", autouse=True)
def no_workers() -> Iterator[None]:
    """Imported by the conftest of a folder: the commands and calls of its tests need no process of their own to run jobs."""
    with jobs_here():
        yield


@pytest.fixture(autouse=True)
def workers_where_asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test marked ``workers`` is about jobs in processes of their own."""
    if request.node.get_closest_marker("workers"):
        monkeypatch.setattr(LocalBackend, "submit", _start_a_process)


class Silent:
    """A reporter nobody listens to."""

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Nothing to do."""

    def metric(self, name: str, value: float, position: float) -> None:
        """Nothing to do."""


def run_queued(workspace: Workspace, step: str = "") -> None:
    """Run every job that waits, or those of one step, the oldest first."""
    for job in reversed(job_table.list_jobs(workspace.database, states=[JobState.QUEUED])):
        if step and job.step != step:
            continue
        execute(
            workspace.artifacts,
            Task(job.dataset_id, job.step, job.options, job.inputs, job.input_kinds, job.artifact_id),
            Silent(),
        )
        with workspace.database.writing() as connection:
            job_table.change(connection, job, {"state": JobState.SUCCEEDED, "finished_at": utc_now()})


def wait_here(workspace: Workspace, job_id: str, **_: object) -> Job:
    """In place of waiting for a worker."""
    run_queued(workspace)
    return job_table.get(workspace.database, job_id)
