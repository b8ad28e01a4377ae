"""What a person does with jobs: look at them, cancel, resume, delete, wait; the face of the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tamis.actions.roles import needs
from tamis.errors import UnknownName
from tamis.jobs import job_table
from tamis.jobs.backends import BACKENDS, Backends, backend_row
from tamis.jobs.causes import explain_database_error
from tamis.jobs.folder import JobFolder, MetricPoint
from tamis.jobs.model import ACTIVE, ErrorKind, Job, JobState, Resources
from tamis.jobs.scheduler import queue
from tamis.jobs.scheduler.tick import tick
from tamis.jobs.scheduler.ticker import Ticker
from tamis.jobs.scheduler.wait import wait
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

__all__ = [
    "ACTIVE", "BACKENDS", "Backends", "ErrorKind", "Job", "JobState", "Lineage", "Link", "MetricPoint", "Resources",
    "Ticker", "active_jobs", "backend_row", "cancel_job", "count_jobs", "delete_job", "elapsed_s",
    "explain_database_error", "find_job", "get_job", "has_log", "jobs_of_result", "keep_jobs_moving", "job_lineage",
    "list_jobs", "log_tail", "read_log", "read_metrics", "refresh_jobs", "resume_job", "run_job_first", "wait_for_job",
]  # fmt: skip

_LOG_PIECE_BYTES = 1_000_000


def list_jobs(
    workspace: Workspace,
    *,
    states: Iterable[JobState] = (),
    dataset_id: str = "",
    step: str = "",
    limit: int = 100,
    offset: int = 0,
) -> list[Job]:
    """Jobs that match every filter that is given, newest first."""
    return job_table.list_jobs(
        workspace.database, states=states, dataset_id=dataset_id, step=step, limit=limit, offset=offset
    )


def active_jobs(workspace: Workspace, *, dataset_id: str = "", step: str = "") -> list[Job]:
    """Jobs that run or wait, oldest first."""
    return list_jobs(workspace, states=ACTIVE, dataset_id=dataset_id, step=step, limit=200)[::-1]


def count_jobs(workspace: Workspace, *, dataset_id: str = "", step: str = "") -> dict[JobState, int]:
    """Number of jobs in each state, zeros included."""
    return job_table.counts(workspace.database, dataset_id=dataset_id, step=step)


def get_job(workspace: Workspace, job_id: str) -> Job:
    """The job of that id; raises UnknownName naming the newest ones."""
    return job_table.get(workspace.database, job_id)


def find_job(workspace: Workspace, job_id: str) -> Job | None:
    """The job of that id, or None when there is none."""
    try:
        return get_job(workspace, job_id)
    except UnknownName:
        return None


def jobs_of_result(workspace: Workspace, dataset_id: str, kind: str, artifact_id: str) -> list[Job]:
    """Every job that made, or tried to make, an artifact, newest first."""
    return job_table.jobs_for_artifact(workspace.database, dataset_id, kind, artifact_id)


@needs("curator", writes=False)
def refresh_jobs(workspace: Workspace) -> None:
    """Look at every job once, and start what may start; an app that runs does so all the time."""
    tick(workspace)


def keep_jobs_moving(workspace: Workspace, also: Callable[[], object] = lambda: None) -> Ticker:
    """Look at every job again and again, in a thread of its own that ends with the process or with ``stop``.

    ``also`` is called every few looks: what goes on by itself once jobs have ended, as campaigns do.
    """
    ticker = Ticker(workspace, also=also)
    ticker.start()
    return ticker


@needs("curator")
def cancel_job(workspace: Workspace, job_id: str, *, with_inputs: bool = False) -> list[Job]:
    """Cancel a job, and ``with_inputs`` every job it waits for that no other needs; returns them, this one first.

    One that runs is asked to stop, and stopped after a while. Raises UnknownName, and JobConflict when it has ended.
    """
    if with_inputs:
        return queue.cancel_with_inputs(workspace, job_id)
    return [queue.cancel(workspace, job_id)]


@needs("curator")
def run_job_first(workspace: Workspace, job_id: str) -> Job:
    """Put a job that waits before all others that do, with those it waits for; what runs already goes on.

    Raises UnknownName, and JobConflict for a job that waits no more.
    """
    return queue.run_first(workspace, job_id)


@needs("curator")
def resume_job(workspace: Workspace, job_id: str, *, fresh: bool = False) -> Job:
    """Queue a failed or cancelled job again; it goes on from its finished parts unless ``fresh`` throws them away.

    Raises UnknownName, and JobConflict for a job that cannot be resumed, with what to do instead.
    """
    return queue.resume(workspace, job_id, fresh=fresh)


@needs("curator", noted="delete")
def delete_job(workspace: Workspace, job_id: str) -> None:
    """Forget a job that has ended, and what a failed one left half-made; what it made stays.

    Raises UnknownName, and JobConflict while it is under way.
    """
    queue.delete(workspace, job_id)


def wait_for_job(
    workspace: Workspace,
    job_id: str,
    *,
    on_progress: Callable[[Job], None] | None = None,
    timeout_s: float | None = None,
) -> Job:
    """Keep jobs moving until this one has ended, or ``timeout_s`` are over; returns it as it is then."""
    return wait(workspace, job_id, on_progress=on_progress, timeout_s=timeout_s)


def elapsed_s(job: Job) -> float | None:
    """Seconds from its start to its end, or until now while it runs; None before it starts."""
    if not job.started_at:
        return None
    end = datetime.fromisoformat(job.finished_at) if job.finished_at else datetime.now(UTC)
    return max(0.0, (end - datetime.fromisoformat(job.started_at)).total_seconds())


def has_log(workspace: Workspace, job_id: str) -> bool:
    """Whether the log of a job is still there."""
    return JobFolder.of(workspace.path, job_id).log_path.is_file()


def read_log(workspace: Workspace, job_id: str, *, limit_bytes: int | None = None) -> str:
    """The log from its beginning, all of it or so many bytes; empty where there is none."""
    folder = JobFolder.of(workspace.path, job_id)
    if limit_bytes is not None:
        return folder.log_from(0, limit_bytes=limit_bytes)[0]
    pieces, offset = [""], 0
    while True:
        piece, following = folder.log_from(offset, limit_bytes=_LOG_PIECE_BYTES)
        if following == offset:
            return "".join(pieces)
        pieces.append(piece)
        offset = following


def log_tail(workspace: Workspace, job: Job) -> str:
    """The last part of the log: where a failure says what it was."""
    return JobFolder.of(workspace.path, job.job_id).log_tail() or job.log_tail


def read_metrics(workspace: Workspace, job_id: str) -> Mapping[str, Sequence[MetricPoint]]:
    """The curves that a job has reported so far, by name."""
    return JobFolder.of(workspace.path, job_id).read_metrics()


@dataclass(frozen=True, slots=True)
class Link:
    """An artifact that a job read, made or led to, and the newest job that made it."""

    kind: str
    artifact_id: str
    maker: Job | None


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a job read, its result (None while there is none), and what was made from that."""

    read: tuple[Link, ...]
    made: Artifact | None
    used_by: tuple[Link, ...]


def job_lineage(workspace: Workspace, job: Job) -> Lineage:
    """Where the inputs of a job come from, and what came of its result."""
    made = workspace.artifacts.find(job.dataset_id, job.kind, job.artifact_id)

    def link(kind: str, artifact_id: str) -> Link:
        makers = jobs_of_result(workspace, job.dataset_id, kind, artifact_id)
        return Link(kind, artifact_id, makers[0] if makers else None)

    read = tuple(link(job.input_kinds.get(role, role), identifier) for role, identifier in job.inputs.items())
    later = workspace.artifacts.list(job.dataset_id) if made is not None else ()
    used = tuple(link(one.kind, one.id) for one in later if job.artifact_id in one.manifest.inputs.values())
    return Lineage(read, made, used)
