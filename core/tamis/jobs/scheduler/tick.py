"""One look at every job that is not final: bring its row in line with what workers and backends say, start what may start."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tamis.jobs import job_table
from tamis.jobs.backends import BACKENDS, Backend, Backends, BackendState, Phase, backend_row
from tamis.jobs.backends.safe_backend import SafeBackend
from tamis.jobs.model import Job, JobState
from tamis.jobs.scheduler.reconcile import Columns, Observation, reconcile
from tamis.jobs.scheduler.start import Starter, spec_of
from tamis.settings import Settings
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TickResult:
    """Ids of the jobs that one look started, ended, or queued again, and how many are under way after it."""

    started: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    requeued: tuple[str, ...] = ()
    n_under_way: int = 0


def tick(
    workspace: Workspace,
    *,
    backends: Mapping[str, Backend] | None = None,
    now: Callable[[], float] = time.time,
) -> TickResult:
    """Reconcile and start once; any number of processes may do so at the same time.

    Cheap with any number of finished jobs. ``backends`` should be kept between calls (``Backends(settings)``).
    """
    chosen = Backends(workspace.settings) if backends is None else backends
    applied = _settle(workspace, chosen, now)
    started = Starter(workspace, chosen, now).run()
    with workspace.database.reading() as connection:
        query = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"
        n_under_way = int(connection.execute(query).fetchone()[0])
    return TickResult(
        started=tuple(started),
        finished=tuple(job.job_id for job, state in applied if state is not None and state.final),
        requeued=tuple(job.job_id for job, state in applied if state is JobState.QUEUED),
        n_under_way=n_under_way,
    )


def settle_local(workspace: Workspace) -> None:
    """See which jobs on this machine have ended, and start none: one whose worker was killed runs until somebody looks."""
    _settle(workspace, Backends(workspace.settings), time.time, only="local")


def _settle(
    workspace: Workspace, backends: Mapping[str, Backend], now: Callable[[], float], *, only: str = ""
) -> list[tuple[Job, JobState | None]]:
    with workspace.database.reading() as connection:
        running = job_table.select(connection, "WHERE state = 'running'")
    changed: list[tuple[Job, Columns]] = []
    for name in sorted({job.backend for job in running if only in ("", job.backend)}):
        jobs = [job for job in running if job.backend == name]
        changed += _reconcile_backend(
            name, jobs, store=workspace.artifacts, settings=workspace.settings, backends=backends, now=now
        )
    return _apply(workspace.database, changed)


def _reconcile_backend(
    name: str,
    jobs: list[Job],
    *,
    store: ArtifactStore,
    settings: Settings,
    backends: Mapping[str, Backend],
    now: Callable[[], float],
) -> list[tuple[Job, Columns]]:
    """What changes for the running jobs of one backend."""
    backend = SafeBackend(name, backends)
    # Asked before any file is read: a worker that had ended by then has written its last file.
    states = backend.poll([job.handle for job in jobs if job.handle])
    row = backend_row(name) if name in BACKENDS else None
    grace_s, queues = (row.grace_s, row.queues) if row is not None else (0.0, False)
    observation = Observation(store, now(), settings.heartbeat_timeout_s, grace_s, backend, spec_of, queues)
    unrecorded = BackendState(Phase.UNKNOWN)
    changes = [(job, reconcile(job, states.get(job.handle, unrecorded), observation)) for job in jobs]
    return [(job, columns) for job, columns in changes if columns]


def _apply(database: Database, changed: list[tuple[Job, Columns]]) -> list[tuple[Job, JobState | None]]:
    """Apply what still holds, in one transaction; returns each changed job with its new state, if it got one."""
    if not changed:
        return []
    with database.writing(lasting=False) as connection:
        return [
            (job, JobState(str(columns["state"])) if "state" in columns else None)
            for job, columns in changed
            if job_table.change(connection, job, columns)
        ]
