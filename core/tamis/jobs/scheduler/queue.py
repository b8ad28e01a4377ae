"""What a person does with jobs: submit, cancel, resume, delete; each a conditional change of one row."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import orjson

from tamis.errors import JobConflict
from tamis.jobs import job_table
from tamis.jobs.backends import backend_row
from tamis.jobs.folder import JobFolder
from tamis.jobs.model import ErrorKind, Job, JobState, Progress, Resources
from tamis.jobs.scheduler.tick import settle_local
from tamis.models.endpoints import check_use
from tamis.registry import Table, parse_options
from tamis.steps import STEPS
from tamis.steps.plan import Candidate, Plan, plan_step
from tamis.steps.spec import Step
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.audit import append_entry
from tamis.store.database.choices import read_choices
from tamis.store.database.database import Database
from tamis.store.sequence import next_number
from tamis.store.workspace import Workspace
from tamis.types import JSON

ALREADY_COMPUTED = "already computed"
_RETRIES = 5
_KINDS = {"import": "import", "curate": "apply"}  # in the audit log; any other step is a run


@dataclass(frozen=True, slots=True)
class Submission:
    """The job that makes what was asked for, and whether it was there before."""

    job: Job
    attached: bool = False  # a job under way already makes the same result
    moved: bool = False  # that job had not started, and waits for the place asked for now
    already_done: bool = False  # the result is there
    first: tuple[Job, ...] = ()  # jobs that were queued before it, for what it reads and was not there
    mends: tuple[str, ...] = ()  # what is wrong with the one that is there


def submit(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    values: Mapping[str, JSON],
    *,
    backend: str = "local",
    resources: Mapping[str, JSON] | Resources | None = None,
    priority: int = 0,
    for_a_run: bool = False,
    steps: Table[Step] = STEPS,
) -> Submission:
    """Queue a step, or find the job or the artifact that is already what it would make; one that is damaged is made again.

    Inputs may be artifacts that jobs under way will make; the job then waits for those. A result that is there becomes
    the newest of its kind, unless it is asked for by a run (``for_a_run``) and not by a person. Raises UnknownName,
    InvalidOptions and ArtifactMissing.
    """
    asked = dict(resources) if isinstance(resources, Mapping) else (resources or Resources()).model_dump()
    allowed = parse_options(backend_row(backend).options, asked)
    assert isinstance(allowed, Resources)
    settle_local(workspace)  # else what is asked for would wait for a worker that was killed
    store, choices = workspace.artifacts, read_choices(workspace.database, dataset_id)
    pending = pending_results(workspace.database, dataset_id)
    plan = plan_step(store, dataset_id, step, values, pending=pending, choices=choices, steps=steps)
    return submit_plan(
        workspace, plan, backend=backend, resources=allowed, priority=priority, for_a_run=for_a_run
    )


def submit_plan(
    workspace: Workspace,
    plan: Plan,
    *,
    backend: str = "local",
    resources: Resources | None = None,
    priority: int = 0,
    for_a_run: bool = False,
) -> Submission:
    """The same for a request that is exact already. Raises NotAllowed for a key that is not this account's to use."""
    check_use(plan.options.model_dump(mode="json"), workspace.actor.asker())
    place = (backend, resources or Resources(), priority)
    job = _job(workspace, plan, *place)
    if _already_there(workspace.artifacts, plan, note=not for_a_run):
        return Submission(_record_done(workspace.database, job), already_done=True)
    mends = workspace.artifacts.damage_of(plan.dataset_id, plan.step.makes, plan.artifact_id)
    for _ in range(_RETRIES):
        try:
            with workspace.database.writing() as connection:
                job_table.insert(connection, job)
                _note_run(connection, job)
            return Submission(job, mends=mends)
        except sqlite3.IntegrityError:
            if (attached := _attach(workspace.database, job)) is not None:
                return replace(attached, mends=mends)
            # The other job ended in between, or the id was taken in the same microsecond.
            if _already_there(workspace.artifacts, plan, note=not for_a_run):
                return Submission(_record_done(workspace.database, job), already_done=True)
            job = _job(workspace, plan, *place)
    what = f"{plan.step.name} of {plan.dataset_id!r}"
    raise JobConflict(f"{what} could not be queued: jobs for it start and end all the time.")


def _note_run(connection: sqlite3.Connection, job: Job) -> None:
    """Say in the audit log who asked for it; a version is something that was done to its parent."""
    about = {"step": job.step, "job": job.job_id, "made": job.artifact_id}
    parent = str(job.options.get("parent") or "") if job.step == "curate" else ""
    if parent:
        about["dataset"] = job.dataset_id
    append_entry(connection, _KINDS.get(job.step, "run"), parent or job.dataset_id, about)


def cancel(workspace: Workspace, job_id: str) -> Job:
    """Cancel a queued job at once, or ask a running one to stop; ``tick`` escalates.

    Raises UnknownName and JobConflict when the job has ended.
    """
    now = job_table.timestamp(time.time())
    for _ in range(_RETRIES):
        job = job_table.get(workspace.database, job_id)
        if job.state.final:
            raise JobConflict(f"Job {job_id} is {job.state} already; there is nothing to cancel.")
        columns: dict[str, object] = {"cancelled_at": job.cancelled_at or now}
        if job.state is JobState.QUEUED:
            columns |= {
                "state": JobState.CANCELLED,
                "finished_at": now,
                "reason": "Cancelled before it started.",
            }
        if _apply(workspace.database, job, columns):
            if job.state is JobState.RUNNING:
                JobFolder.of(workspace.path, job_id).request_cancel()
            return job_table.get(workspace.database, job_id)
    raise JobConflict(f"Job {job_id} changes faster than it can be cancelled. Try again.")


def run_first(workspace: Workspace, job_id: str) -> Job:
    """Put a job that waits before all others, with every job that it waits for itself.

    Raises UnknownName, and JobConflict for a job that waits no more.
    """
    with workspace.database.writing() as connection:
        waiting = {job.job_id: job for job in job_table.select(connection, "WHERE state = 'queued'")}
        highest = 1 + max((job.priority for job in waiting.values()), default=0)
        needed = [job_id] if job_id in waiting else []
        is_waiting = bool(needed)
        while needed:
            found = waiting.pop(needed.pop(), None)
            if found is not None:
                job_table.change(connection, found, {"priority": highest})
                needed += found.waits_for
    job = job_table.get(workspace.database, job_id)
    if not is_waiting:
        raise JobConflict(f"Job {job_id} is {job.state}: only one that waits can be put first.")
    return job


def cancel_with_inputs(workspace: Workspace, job_id: str) -> list[Job]:
    """Cancel a job and every job it waits for that no other job under way needs; returns them, this one first.

    Raises UnknownName and JobConflict when the job has ended.
    """
    stopped = [cancel(workspace, job_id)]
    waiting = list(stopped[0].waits_for)
    while waiting:
        one = waiting.pop()
        with workspace.database.reading() as connection:
            job = job_table.find(connection, one)
            needed = _needed_by_others(connection, one)
        if job is None or job.state.final or needed:
            continue
        with suppress(JobConflict):  # it ended in this moment
            stopped.append(cancel(workspace, one))
            waiting.extend(job.waits_for)
    return stopped


def _needed_by_others(connection: sqlite3.Connection, job_id: str) -> bool:
    where = (
        "WHERE state IN ('queued', 'running') AND cancelled_at IS NULL "
        "AND EXISTS (SELECT 1 FROM json_each(jobs.waits_for) AS w WHERE w.value = ?)"
    )
    return bool(job_table.select(connection, where, (job_id,)))


def resume(workspace: Workspace, job_id: str, *, fresh: bool = False) -> Job:
    """Queue a failed or cancelled job again under its own id; finished parts are used unless ``fresh``.

    Jobs that failed only because they waited for this one are queued again with it. Raises UnknownName, and
    JobConflict for a job that is under way or succeeded, one whose result another job makes now, and one whose
    dependency failed (resume that one).
    """
    job = job_table.get(workspace.database, job_id)
    if not job.resumable:
        raise JobConflict(f"Job {job_id} is {job.state}; only failed and cancelled jobs can be resumed.")
    check_use(job.options, workspace.actor.asker())
    if fresh:
        _drop_parts(workspace.artifacts, job)
    with workspace.database.writing() as connection:
        append_entry(connection, "resume", job.dataset_id, {"step": job.step, "job": job.job_id})
        _refuse_before_dependencies(connection, job)
        _requeue(connection, job)
        again = job_table.find(connection, job_id)
    assert again is not None
    return again


def delete(workspace: Workspace, job_id: str) -> None:
    """Forget a job that has ended: its row, its folder, and what it left half-made; the artifact it made stays.

    Raises UnknownName, and JobConflict while the job is under way.
    """
    job = job_table.get(workspace.database, job_id)
    if not job.state.final:
        raise JobConflict(f"Job {job_id} is under way ({job.state}). Cancel it first, then delete it.")
    with workspace.database.writing() as connection:
        query = "DELETE FROM jobs WHERE job_id = ? AND state = ? AND attempt = ?"
        if connection.execute(query, (job_id, job.state, job.attempt)).rowcount == 0:
            raise JobConflict(f"Job {job_id} changed in the meantime. Look at it again.")
        # Another job for the same result may still go on from these parts. Inside the transaction, so that the
        # row stays when they cannot be removed.
        if job.state is not JobState.SUCCEEDED and not _others(connection, job):
            _drop_parts(workspace.artifacts, job)
    JobFolder.of(workspace.path, job_id).remove()


def pending_results(database: Database, dataset_id: str) -> Iterator[Candidate]:
    """What jobs under way will make; a job that is being cancelled promises nothing."""
    query = (
        "SELECT kind, artifact_id, identity, inputs, sequence, submitted_at, job_id FROM jobs "
        "WHERE dataset_id = ? AND state IN ('queued', 'running') AND cancelled_at IS NULL"
    )
    with database.reading() as connection:
        under_way = connection.execute(query, (dataset_id,)).fetchall()
    for row in under_way:
        identity, inputs = orjson.loads(row["identity"]), orjson.loads(row["inputs"])
        named = row["kind"], row["artifact_id"], identity
        yield Candidate(*named, row["sequence"], row["submitted_at"], row["job_id"], inputs)


def _job(workspace: Workspace, plan: Plan, backend: str, resources: Resources, priority: int) -> Job:
    now = datetime.now(UTC)
    return Job(
        job_id=job_table.new_id(workspace.database, now),
        dataset_id=plan.dataset_id,
        step=plan.step.name,
        options=plan.options.model_dump(mode="json"),
        identity=plan.options.identity(),
        inputs=plan.inputs,
        input_kinds=plan.input_kinds,
        kind=plan.step.makes,
        artifact_id=plan.artifact_id,
        format_version=plan.step.format_version,
        waits_for=plan.waits_for,
        backend=backend,
        resources=resources,
        priority=priority,
        state=JobState.QUEUED,
        submitted_at=now.isoformat(timespec="microseconds"),
        sequence=next_number(workspace.path),
    )


def _record_done(database: Database, job: Job) -> Job:
    """The job that made the result; a row of its own when none is known (an import, a copied workspace).

    One that is under way has made it, too, and nobody has looked since: whoever waited for it was killed.
    """
    made = job_table.jobs_for_artifact(database, job.dataset_id, job.kind, job.artifact_id)
    makers = [other for other in made if other.state is JobState.SUCCEEDED or not other.state.final]
    if makers:
        return makers[0]
    with database.writing() as connection:
        job_table.insert(connection, job)
        job_table.change(
            connection,
            job,
            {"state": JobState.SUCCEEDED, "reason": ALREADY_COMPUTED, "finished_at": job.submitted_at},
        )
    return job_table.get(database, job.job_id)


def _already_there(store: ArtifactStore, plan: Plan, *, note: bool) -> bool:
    """Whether the result exists, every file as it was written; with ``note`` it then is the newest of its kind, for it was asked for just now."""
    artifact = store.find_whole(plan.dataset_id, plan.step.makes, plan.artifact_id)
    if artifact is not None and note:
        store.ask_again(artifact)
    return artifact is not None


def _attach(database: Database, job: Job) -> Submission | None:
    """The job under way for the same result, which takes over a higher priority.

    One that still waits also takes over where it runs: the place asked for last is the one that is meant, and the
    former may be down.
    """
    with database.writing() as connection:
        alike = job_table.select(
            connection,
            "WHERE dataset_id = ? AND kind = ? AND artifact_id = ? AND state IN ('queued', 'running')",
            (job.dataset_id, job.kind, job.artifact_id),
        )
        if not alike:
            return None
        columns: dict[str, object] = {"priority": max(alike[0].priority, job.priority)}
        place = (job.backend, job.resources)
        moves = alike[0].state is JobState.QUEUED and (alike[0].backend, alike[0].resources) != place
        if moves:
            columns |= {"backend": job.backend, "resources": job.resources, "reason": ""}
        job_table.change(connection, alike[0], columns)
        now = job_table.find(connection, alike[0].job_id)
        return None if now is None else Submission(now, attached=True, moved=moves)


def _apply(database: Database, job: Job, columns: job_table.Columns) -> bool:
    with database.writing() as connection:
        return job_table.change(connection, job, columns)


def _refuse_before_dependencies(connection: sqlite3.Connection, job: Job) -> None:
    for other_id in job.waits_for:
        other = job_table.find(connection, other_id)
        if other is not None and other.resumable:
            raise JobConflict(
                f"Job {job.job_id} waits for {other.step} (job {other_id}), which is {other.state}: resume that "
                "one, and this one follows."
            )


def _requeue(connection: sqlite3.Connection, job: Job) -> None:
    """Queue ``job`` again, and every job that failed only because this one did."""
    columns: dict[str, object] = {
        "state": JobState.QUEUED,
        "attempt": job.attempt + 1,
        "claims": 0,
        "handle": "",
        "reason": "",
        "error_kind": ErrorKind.NONE,
        "log_tail": "",
        "progress": Progress(),
        "beat_at": 0.0,
        "started_at": None,
        "finished_at": None,
        "cancelled_at": None,
    }
    try:
        changed = job_table.change(connection, job, columns)
    except sqlite3.IntegrityError as error:
        raise JobConflict(f"Another job is already making what job {job.job_id} would make.") from error
    if not changed:
        raise JobConflict(f"Job {job.job_id} changed in the meantime. Look at it again.")
    followers = job_table.select(
        connection,
        "WHERE state = 'failed' AND error_kind = ? "
        "AND EXISTS (SELECT 1 FROM json_each(jobs.waits_for) AS w WHERE w.value = ?)",
        (ErrorKind.DEPENDENCY, job.job_id),
    )
    for follower in followers:
        if not _under_way(connection, follower):
            _requeue(connection, follower)


def _others(connection: sqlite3.Connection, job: Job) -> list[Job]:
    where = "WHERE dataset_id = ? AND kind = ? AND artifact_id = ? AND state != 'succeeded'"
    return job_table.select(connection, where, (job.dataset_id, job.kind, job.artifact_id))


def _under_way(connection: sqlite3.Connection, job: Job) -> bool:
    where = "WHERE dataset_id = ? AND kind = ? AND artifact_id = ? AND state IN ('queued', 'running')"
    return bool(job_table.select(connection, where, (job.dataset_id, job.kind, job.artifact_id)))


def _drop_parts(store: ArtifactStore, job: Job) -> None:
    """Remove what a job left half-made; raises JobConflict while another process is writing the same artifact."""
    partial = store.artifact_path(job.dataset_id, job.kind, job.artifact_id)
    partial = partial.parent / f".{job.artifact_id}.partial"
    if partial.is_dir():
        with store.writing(job.dataset_id, job.kind, job.artifact_id) as writer:
            shutil.rmtree(writer.path, ignore_errors=True)
