"""``tamis jobs …``: look at jobs and act on them."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

import orjson

from tamis.actions import jobs
from tamis.actions.jobs import Job, JobState, get_job, list_jobs, read_log, refresh_jobs
from tamis.cli.session import Session
from tamis.errors import UnknownName
from tamis.types import JSON

DONE = 0
WATCH_S = 1.0


def list_all(session: Session, parsed: argparse.Namespace) -> int:
    """Newest first; with --watch, keep jobs moving until none is queued or running."""
    refresh_jobs(session.workspace)
    while parsed.watch and list_jobs(session.workspace, states=jobs.ACTIVE, limit=1):
        for job in list_jobs(session.workspace, states=(JobState.RUNNING,)):
            session.say(progress_line(job))
        time.sleep(WATCH_S)
        refresh_jobs(session.workspace)
    found = list_jobs(
        session.workspace,
        states=_states(parsed.state),
        dataset_id=parsed.dataset,
        limit=parsed.limit,
    )
    for job in found:
        session.show(
            f"{job.job_id}  {job.state:10} {job.backend:6} {job.step:8} {job.dataset_id:28} {_remark(job)}".rstrip()
        )
    if not found:
        session.show("No jobs.")
    session.result({"jobs": [_as_json(job) for job in found]})
    return DONE


def show(session: Session, parsed: argparse.Namespace) -> int:
    """Everything about one job."""
    refresh_jobs(session.workspace)
    job = get_job(session.workspace, parsed.job_id)
    for line in _described(job):
        session.show(line)
    session.result(_as_json(job))
    return DONE


def _described(job: Job) -> list[str]:
    """A job for a person: how it stands, where it runs, what it was asked, what took how long."""
    resources = {k: v for k, v in job.resources.model_dump(exclude_defaults=True).items() if v}
    said = {
        "job": job.job_id,
        "state": progress_line(job),
        "dataset": job.dataset_id,
        "runs on": " ".join([job.backend, *(f"{key}={value}" for key, value in resources.items())]),
        "submitted": job.submitted_at[:19],
        "started": (job.started_at or "")[:19],
        "finished": (job.finished_at or "")[:19],
        "waits for": ", ".join(job.waits_for),
        "makes": f"{job.kind} {job.artifact_id}",
        "reason": job.reason,
        "peak memory": f"{job.progress.peak_memory_gb:.1f} GB" if job.progress.peak_memory_gb else "",
        "options": orjson.dumps(job.options).decode(),
        "inputs": orjson.dumps(job.inputs).decode() if job.inputs else "",
    }
    lines = [f"{key:12} {value}" for key, value in said.items() if value]
    return lines + [f"  {stage:20} {seconds:9,.1f} s" for stage, seconds in job.progress.timings.items()]


def _remark(job: Job) -> str:
    """What a list says of a job: how far it is while it runs, else why it ended or waits."""
    if job.state is JobState.RUNNING:
        return progress_line(job).partition(": ")[2]
    return job.reason.splitlines()[0] if job.reason else ""


def logs(session: Session, parsed: argparse.Namespace) -> int:
    """The whole log of one job."""
    job = get_job(session.workspace, parsed.job_id)
    text = read_log(session.workspace, job.job_id)
    session.show(text or "The log is empty so far.")
    session.result({"job_id": job.job_id, "log": text})
    return DONE


def cancel_job(session: Session, parsed: argparse.Namespace) -> int:
    """Ask a job to stop and see to it that it does."""
    job = jobs.cancel_job(session.workspace, parsed.job_id, with_inputs=parsed.with_inputs)[0]
    while not job.state.final:
        time.sleep(0.2)
        refresh_jobs(session.workspace)
        job = get_job(session.workspace, parsed.job_id)
    return _say_state(session, job)


def resume_job(session: Session, parsed: argparse.Namespace) -> int:
    """Queue a failed or cancelled job again; finished parts are used."""
    return _queue_again(session, parsed.job_id, fresh=False)


def retry_job(session: Session, parsed: argparse.Namespace) -> int:
    """Queue a failed or cancelled job again; its finished parts are thrown away."""
    return _queue_again(session, parsed.job_id, fresh=True)


def _queue_again(session: Session, job_id: str, *, fresh: bool) -> int:
    # First: a job whose worker was killed is running until somebody looks.
    refresh_jobs(session.workspace)
    jobs.resume_job(session.workspace, job_id, fresh=fresh)
    refresh_jobs(session.workspace)
    return _say_state(session, get_job(session.workspace, job_id))


def delete_job(session: Session, parsed: argparse.Namespace) -> int:
    """Forget a job that has ended, and what a failed one left behind."""
    jobs.delete_job(session.workspace, parsed.job_id)
    session.show(f"{parsed.job_id} deleted")
    session.result({"job_id": parsed.job_id, "deleted": True})
    return DONE


def progress_line(job: Job) -> str:
    """One line: step, stage, how far, how fast, how long still."""
    progress = job.progress
    if job.state is JobState.QUEUED:
        waiting = f" for {', '.join(job.waits_for)}" if job.waits_for else ""
        return f"{job.step}: queued{waiting}" + (f" ({job.reason})" if job.reason else "")
    if job.state is not JobState.RUNNING:
        return f"{job.step}: {job.state}"
    share = f" {progress.fraction:.0%}" if progress.fraction is not None else ""
    # Below one a second, the time left says it better.
    rate = f", {progress.rate:,.0f}/s" if progress.rate and progress.rate >= 1 else ""
    left = f", {progress.seconds_left:,.0f} s left" if progress.seconds_left else ""
    message = f" ({progress.message})" if progress.message else ""
    remark = f" [{job.backend}: {job.reason}]" if job.reason else ""
    return f"{job.step}: {progress.stage or 'starting'}{share}{rate}{left}{message}{remark}"


def _states(names: list[str]) -> list[JobState]:
    known = [state.value for state in JobState]
    for name in names:
        if name not in known:
            raise UnknownName("job state", name, known)
    return [JobState(name) for name in names]


def _say_state(session: Session, job: Job) -> int:
    session.show(f"{job.job_id} {job.state}")
    session.result({"job_id": job.job_id, "state": job.state, "artifact_id": job.artifact_id})
    return DONE


def _as_json(job: Job) -> dict[str, JSON]:
    return asdict(job) | {
        "resources": job.resources.model_dump(mode="json"),
        "progress": job.progress.model_dump(mode="json"),
    }
