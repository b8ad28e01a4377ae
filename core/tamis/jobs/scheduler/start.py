"""Start what may start: claim rows in one transaction, then hand each job to its backend."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from tamis import __version__
from tamis.errors import CurationError
from tamis.jobs import job_table
from tamis.jobs.backends import Backend, NoAnswer, NotNow, shares_machine
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, Job, JobSpec, JobState, Progress, Resources, job_from_row
from tamis.jobs.scheduler.lanes import SHORT_STEPS, is_short, is_short_job
from tamis.settings import Settings
from tamis.store.actor import ROLES
from tamis.store.database.database import Database
from tamis.store.workspace import Workspace

logger = logging.getLogger(__name__)

MAX_STARTS = 16  # in one tick, so that jobs that run are looked at in between

_FAILED_DEPENDENCIES = """
SELECT jobs.job_id AS job_id, other.job_id AS other_id, other.step AS step, other.state AS state,
       other.reason AS reason, other.error_kind AS error_kind
FROM jobs JOIN json_each(jobs.waits_for) AS w JOIN jobs AS other ON other.job_id = w.value
WHERE jobs.state = 'queued' AND jobs.waits_for != '[]' AND other.state IN ('failed', 'cancelled')
"""
# A dependency whose row was deleted does not hold anything back: the worker says if its artifact is missing.
_READY = """
WHERE jobs.state = 'queued' AND jobs.backend IN ({marks}) AND NOT EXISTS (
    SELECT 1 FROM json_each(jobs.waits_for) AS w JOIN jobs AS other ON other.job_id = w.value
    WHERE other.state != 'succeeded'
) ORDER BY jobs.priority DESC, jobs.job_id
"""


@dataclass(slots=True)
class Slots:
    """What is free on this machine."""

    cpu: int
    gpu: int
    all_cpu: int
    short: int = 1  # places that only short jobs take, beside the others

    def take(self, resources: Resources, *, is_short: bool = False) -> bool:
        """Take what a job needs if it is free: a GPU job takes its GPUs, any other one CPU slot for each worker.

        A job with more workers than the machine has slots takes them all, or it would wait for ever. A short one takes the
        place of short ones first.
        """
        if is_short and self.short > 0:
            self.short -= 1
            return True
        if resources.gpus:
            fits = resources.gpus <= self.gpu
            self.gpu -= resources.gpus if fits else 0
        else:
            wanted = min(resources.workers, self.all_cpu)
            fits = 0 < wanted <= self.cpu
            self.cpu -= wanted if fits else 0
        return fits

    @property
    def is_full(self) -> bool:
        """Whether nothing is free but the place of short jobs."""
        return self.cpu <= 0 and self.gpu <= 0


@dataclass(frozen=True, slots=True)
class Starter:
    """Everything that starting a job needs."""

    workspace: Workspace
    backends: Mapping[str, Backend]
    now: Callable[[], float]

    def run(self) -> list[str]:
        """Start what may start; returns the ids of the jobs that were handed to a backend."""
        with self.workspace.database.reading() as connection:
            queued = connection.execute("SELECT DISTINCT backend FROM jobs WHERE state = 'queued'").fetchall()
        if not queued:
            return []
        self._fail_dependants()
        usable = [row["backend"] for row in queued if self._usable(row["backend"])]
        # A look first without the write lock, which a full machine would otherwise take every second for nothing.
        with self.workspace.database.reading() as connection:
            if not any(self._choose(connection, usable, most=1)):
                return []
        return [job.job_id for job in self._claim(usable) if self._submit(job)]

    def _fail_dependants(self) -> None:
        """Fail jobs whose dependency failed, level by level down a chain."""
        while True:
            with self.workspace.database.reading() as connection:
                failures = connection.execute(_FAILED_DEPENDENCIES).fetchall()
            if not failures:
                return
            with self.workspace.database.writing() as connection:
                for row in failures:
                    job = job_table.find(connection, row["job_id"])
                    if job is not None and job.state is JobState.QUEUED:
                        job_table.change(
                            connection, job, self._failed(ErrorKind.DEPENDENCY, _dependency_text(row))
                        )

    def _usable(self, name: str) -> bool:
        """Whether a backend takes jobs now; why not is shown as the reason of the jobs that wait for it."""
        try:
            reason = self.backends[name].available()
        except KeyError:
            reason = f"There is no backend {name!r} here."
        except (CurationError, OSError) as error:
            reason = str(error)
        if reason is not None:
            with self.workspace.database.writing() as connection:
                connection.execute(
                    "UPDATE jobs SET reason = ? WHERE state = 'queued' AND backend = ? AND reason != ?",
                    (reason, name, reason),
                )
        return reason is None

    def _claim(self, usable: list[str]) -> list[Job]:
        """Mark jobs as running before anyone starts them; counting slots and marking are one transaction."""
        with self.workspace.database.writing() as connection:
            fitting, impossible = self._choose(connection, usable, most=MAX_STARTS)
            for job in impossible:
                job_table.change(
                    connection, job, self._failed(ErrorKind.REQUEST, _gpu_text(job, self.workspace.settings))
                )
            for job in fitting:
                job_table.change(connection, job, _claimed(job, self.now()))
            claimed = [job_table.find(connection, job.job_id) for job in fitting]
        return [job for job in claimed if job is not None]

    def _choose(
        self, connection: sqlite3.Connection, usable: list[str], *, most: int
    ) -> tuple[list[Job], list[Job]]:
        """At most ``most`` jobs that fit into what is free, in order, and jobs that never will."""
        slots = _free(connection, self.workspace.settings)
        elsewhere = any(not shares_machine(name) for name in usable)
        query = f"{job_table.SELECT} {_READY.format(marks=', '.join('?' * len(usable)))}"
        if slots.is_full and slots.short > 0 and not elsewhere:
            # Only a short one can start: of a long queue of others nothing is read.
            steps = ", ".join(f"'{step}'" for step in SHORT_STEPS)
            query = query.replace("WHERE jobs.state", f"WHERE jobs.step IN ({steps}) AND jobs.state", 1)
        fitting: list[Job] = []
        impossible: list[Job] = []
        for row in connection.execute(query, usable):
            if len(fitting) >= most or (slots.is_full and slots.short <= 0 and not elsewhere):
                break
            job = job_from_row(row)
            if not shares_machine(job.backend):
                fitting.append(job)
            elif job.resources.gpus > self.workspace.settings.gpu_slots:
                impossible.append(job)
            elif slots.take(job.resources, is_short=is_short_job(job)):
                fitting.append(job)
        return fitting, impossible

    def _submit(self, job: Job) -> bool:
        """Hand a claimed job to its backend and record the handle; False when the backend refused it."""
        folder = JobFolder.of(self.workspace.path, job.job_id)
        spec = spec_of(job).model_copy(update=_who_asked(self.workspace.database, job))
        backend = self.backends[job.backend]
        try:
            folder.prepare(spec)
            handle = backend.submit(folder, spec)
        except NotNow as error:
            self._put_back(job, str(error))
            return False
        except NoAnswer as error:
            # Its claim stays; once that is old enough, the backend is asked whether it has the job.
            logger.warning("Job %s may or may not have been submitted: %s", job.job_id, error)
            return False
        except (CurationError, OSError) as error:
            logger.warning("Job %s could not be started: %s", job.job_id, error)
            self._change(job, self._failed(ErrorKind.BACKEND, f"Could not be started: {error}"))
            return False
        if not self._change(job, {"handle": handle}):
            # Somebody took this claim for dead while the backend was slow; the job is queued again or cancelled.
            backend.cancel(handle, force=True)
            return False
        return True

    def _put_back(self, job: Job, reason: str) -> None:
        """Undo a claim that led to nothing; a job that was cancelled meanwhile ends."""
        with self.workspace.database.writing() as connection:
            now = job_table.find(connection, job.job_id)
            if now is None:
                return
            columns: job_table.Columns = {
                "state": JobState.QUEUED,
                "started_at": None,
                "claims": job.claims - 1,
                "reason": reason,
            }
            if now.cancelled_at is not None:
                columns = {
                    "state": JobState.CANCELLED,
                    "finished_at": job_table.timestamp(self.now()),
                    "reason": "Cancelled before it started.",
                }
            job_table.change(connection, job, columns)

    def _change(self, job: Job, columns: job_table.Columns) -> bool:
        with self.workspace.database.writing() as connection:
            return job_table.change(connection, job, columns)

    def _failed(self, kind: ErrorKind, reason: str) -> job_table.Columns:
        finished = job_table.timestamp(self.now())
        return {"state": JobState.FAILED, "error_kind": kind, "reason": reason, "finished_at": finished}


def spec_of(job: Job) -> JobSpec:
    """What a worker is told about a job."""
    return JobSpec(
        job_id=job.job_id,
        dataset_id=job.dataset_id,
        step=job.step,
        options=job.options,
        inputs=job.inputs,
        input_kinds=job.input_kinds,
        makes=job.kind,
        artifact_id=job.artifact_id,
        format_version=job.format_version,
        resources=job.resources,
        attempt=job.attempt,
        tamis_version=__version__,
        submitted_at=job.submitted_at,
    )


def _who_asked(database: Database, job: Job) -> dict[str, object]:
    """The account of whoever asked for a job last, as the audit log has it; a job of before there was one is the machine's."""
    query = (
        "SELECT account, role, via FROM audit WHERE CASE WHEN json_valid(details) THEN json_extract(details, '$.job') END = ? "
        "ORDER BY sequence DESC LIMIT 1"
    )
    with database.reading() as connection:
        found = connection.execute(query, (job.job_id,)).fetchone()
    if found is None or found["via"] == "machine":
        return {}
    reached = ROLES[: ROLES.index(found["role"]) + 1] if found["role"] in ROLES else ()
    return {"account": found["account"], "roles": reached, "at_machine": False}


def _claimed(job: Job, clock: float) -> job_table.Columns:
    return {
        "state": JobState.RUNNING,
        "started_at": job_table.timestamp(clock),
        "beat_at": clock,
        "claims": job.claims + 1,
        "reason": "",
        "progress": Progress(),
    }


def _free(connection: sqlite3.Connection, settings: Settings) -> Slots:
    slots = Slots(settings.cpu_slots, settings.gpu_slots, settings.cpu_slots)
    for row in connection.execute(
        "SELECT backend, step, options, resources FROM jobs WHERE state = 'running'"
    ):
        if shares_machine(row["backend"]):
            resources = Resources.model_validate_json(row["resources"])
            if slots.short > 0 and is_short(row["step"], orjson.loads(row["options"]), resources):
                slots.short -= 1
                continue
            slots.gpu -= resources.gpus
            slots.cpu -= 0 if resources.gpus else min(resources.workers, settings.cpu_slots)
    return slots


def _dependency_text(row: sqlite3.Row) -> str:
    if row["error_kind"] == ErrorKind.DEPENDENCY:
        return str(row["reason"])
    why = f": {row['reason']}" if row["state"] == JobState.FAILED and row["reason"] else "."
    return f"Not started, because {row['step']} (job {row['other_id']}), which it needs, {_verb(row['state'])}{why}"


def _verb(state: str) -> str:
    return "was cancelled" if state == JobState.CANCELLED else "failed"


def _gpu_text(job: Job, settings: Settings) -> str:
    return (
        f"It asks for {job.resources.gpus} GPUs and this machine lends {settings.gpu_slots} (TAMIS_GPU_SLOTS). "
        "Ask for fewer, or choose another backend."
    )
