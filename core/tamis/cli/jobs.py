"""``tamis jobs …``: look at jobs and act on them."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tamis.cli.command import group
from tamis.cli.session import Session
from tamis.cli.waiting import progress_line
from tamis.errors import UnknownName
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.jobs.model import Job, JobState

WATCH_S, POLL_S = 1.0, 0.2

job_argument = click.argument("job_id", help="Id of the job, as in the list.")


@group("tamis jobs list", "tamis jobs logs 20260101-120000-ab12", alone="list")
def jobs() -> None:
    """List, show, cancel, resume, retry and delete jobs."""


@jobs.command("list", examples=["tamis jobs list --state failed", "tamis jobs list --watch"])
@click.option("--dataset", default="", metavar="ID", help="Only jobs of this dataset.")
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only jobs in this state; repeat it.")
@click.option("--limit", default=50, show_default=True, help="The newest so many.")
@click.option("--watch", is_flag=True, help="Keep jobs moving and print until none is left.")
def list_jobs(session: Session, dataset: str, states: tuple[str, ...], limit: int, watch: bool) -> None:
    """List jobs, the newest first."""
    from tamis.actions import jobs as actions
    from tamis.actions.artifact_names import names_of_jobs

    workspace = session.workspace
    wanted = [_state(name) for name in states]
    actions.refresh_jobs(workspace)
    while watch and (active := actions.active_jobs(workspace)):
        for job in active:
            if job.state == "running":
                session.say(progress_line(job))
        time.sleep(WATCH_S)
        actions.refresh_jobs(workspace)
    listed = actions.list_jobs(workspace, states=wanted, dataset_id=dataset, limit=limit)
    made = names_of_jobs(workspace, listed)
    for job in listed:
        remark = _remark(job) or made.get(job.job_id, "")
        line = f"{job.job_id}  {job.state:10} {job.backend:6} {job.step:8} {job.dataset_id:28} {remark}"
        session.show(line.rstrip())
    if not listed:
        session.show("No jobs.")
    session.result({"jobs": [_as_json(job) | {"made": made.get(job.job_id, "")} for job in listed]})


@jobs.command("show", examples=["tamis jobs show 20260101-120000-ab12"])
@job_argument
def show_job(session: Session, job_id: str) -> None:
    """Show everything about one job."""
    from tamis.actions.jobs import get_job, refresh_jobs

    refresh_jobs(session.workspace)
    job = get_job(session.workspace, job_id)
    session.show("\n".join(_described(job)))
    session.result(_as_json(job))


@jobs.command("logs", examples=["tamis jobs logs 20260101-120000-ab12"])
@job_argument
def show_log(session: Session, job_id: str) -> None:
    """Print the log of one job."""
    from tamis.actions.jobs import get_job, read_log

    text = read_log(session.workspace, get_job(session.workspace, job_id).job_id)
    session.show(text.replace("\r", "\n") or "The log is empty so far.")  # progress bars draw over themselves
    session.result({"job_id": job_id, "log": text})


@jobs.command("cancel", examples=["tamis jobs cancel 20260101-120000-ab12 --with-inputs"])
@job_argument
@click.option("--with-inputs", is_flag=True, help="And the jobs it waits for that no other job needs.")
def cancel(session: Session, job_id: str, with_inputs: bool) -> None:
    """Cancel a queued or running job."""
    from tamis.actions import jobs as actions

    job = actions.cancel_job(session.workspace, job_id, with_inputs=with_inputs)[0]
    while not job.state.final:
        time.sleep(POLL_S)
        actions.refresh_jobs(session.workspace)
        job = actions.get_job(session.workspace, job_id)
    _say_state(session, job)


@jobs.command("first", examples=["tamis jobs first 20260101-120000-ab12"])
@job_argument
def run_first(session: Session, job_id: str) -> None:
    """Put a job that waits before all others, with the jobs that it needs."""
    from tamis.actions import jobs as actions

    job = actions.run_job_first(session.workspace, job_id)
    actions.refresh_jobs(session.workspace)
    _say_state(session, actions.get_job(session.workspace, job.job_id))


@jobs.command("resume", examples=["tamis jobs resume 20260101-120000-ab12"])
@job_argument
def resume(session: Session, job_id: str) -> None:
    """Go on with a failed or cancelled job from its finished parts."""
    _queue_again(session, job_id, fresh=False)


@jobs.command("retry", examples=["tamis jobs retry 20260101-120000-ab12"])
@job_argument
def retry(session: Session, job_id: str) -> None:
    """Do a failed or cancelled job again from the beginning."""
    _queue_again(session, job_id, fresh=True)


@jobs.command("delete", examples=["tamis jobs delete 20260101-120000-ab12"])
@job_argument
def delete(session: Session, job_id: str) -> None:
    """Forget a finished job and what a failed one left behind."""
    from tamis.actions.jobs import delete_job

    delete_job(session.workspace, job_id)
    session.show(f"{job_id} deleted")
    session.result({"job_id": job_id, "deleted": True})


def _state(name: str) -> JobState:
    from tamis.actions.jobs import JobState

    if name not in [*JobState]:
        raise UnknownName("job state", name, JobState)
    return JobState(name)


def _queue_again(session: Session, job_id: str, *, fresh: bool) -> None:
    from tamis.actions import jobs as actions

    # First: a job whose worker was killed is running until somebody looks.
    actions.refresh_jobs(session.workspace)
    actions.resume_job(session.workspace, job_id, fresh=fresh)
    actions.refresh_jobs(session.workspace)
    _say_state(session, actions.get_job(session.workspace, job_id))


def _described(job: Job) -> list[str]:
    """A job for a person: how it stands, where it runs, what it was asked, what took how long."""
    import orjson

    resources = {k: v for k, v in job.resources.model_dump(exclude_defaults=True).items() if v}
    values = {
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
    lines = [f"{key:12} {value}" for key, value in values.items() if value]
    return lines + [f"  {stage:20} {seconds:9,.1f} s" for stage, seconds in job.progress.timings.items()]


def _remark(job: Job) -> str:
    """What a list says of a job: how far it is while it runs, else why it ended or waits."""
    if job.state == "running":
        return progress_line(job).partition(": ")[2]
    return job.reason.splitlines()[0] if job.reason else ""


def _say_state(session: Session, job: Job) -> None:
    session.show(f"{job.job_id} {job.state}")
    session.result({"job_id": job.job_id, "state": job.state, "artifact_id": job.artifact_id})


def _as_json(job: Job) -> dict[str, JSON]:
    return asdict(job) | {
        "resources": job.resources.model_dump(mode="json"),
        "progress": job.progress.model_dump(mode="json"),
    }
