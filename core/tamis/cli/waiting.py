"""A job in the foreground: queued, followed line by line, and what it ended with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tamis.cli.exit_codes import DONE, FAILED
from tamis.cli.session import Session, as_percent
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.submit import Submission
    from tamis.jobs.model import Job


def follow(session: Session, submission: Submission) -> Job:
    """Wait for a job and say how it goes, no line twice in a row; returns it ended."""
    from tamis.actions.jobs import wait_for_job

    say_attached(session, submission)
    last = ""

    def say(job: Job) -> None:
        nonlocal last
        line = progress_line(job)
        if line != last:
            session.say(line)
        last = line

    return wait_for_job(session.workspace, submission.job.job_id, on_progress=say)


def say_first(session: Session, submission: Submission) -> None:
    """What is made before a job, because it reads it and it is not there."""
    for job in submission.first:
        session.say(
            f"tamis: {job.kind} of this dataset are not there yet and are made first: {job.step} {job.job_id}."
        )


def end(session: Session, job: Job, values: Mapping[str, JSON]) -> int:
    """Say why a job did not succeed, hand over the answer, and return the exit code."""
    answer = {"job_id": job.job_id, "state": job.state, **values}
    if job.state == "succeeded":
        session.result(answer)
        return DONE
    session.say(f"tamis: {job.step} {job.state}: {job.reason}\n  log: tamis jobs logs {job.job_id}")
    session.result(answer | {"reason": job.reason})
    return FAILED


def end_all(session: Session, made: Sequence[Submission], *, wait: bool) -> int:
    """Wait for several jobs, or do not, say where each stands, and return the exit code."""
    from tamis.actions.jobs import refresh_jobs

    refresh_jobs(session.workspace)
    jobs = [follow(session, one) if wait else one.job for one in made]
    for job in jobs:
        session.show(f"{job.job_id} {job.step} {job.state}" + (f": {job.reason}" if job.reason else ""))
    shown = ("job_id", "step", "state", "artifact_id", "reason")
    session.result({"jobs": [{name: getattr(job, name) for name in shown} for job in jobs]})
    return DONE if not wait or all(job.state == "succeeded" for job in jobs) else FAILED


def say_attached(session: Session, submission: Submission) -> None:
    """That nothing new was queued, and where what runs instead is; or that what is there is damaged and made again."""
    job = submission.job
    if submission.mends:
        session.say(
            f"tamis: the {job.kind} that were made so before are damaged ({'; '.join(submission.mends[:3])}) and are made again."
        )
    if submission.moved:
        session.say(f"tamis: job {job.job_id} waited for exactly this; it now waits for {job.backend}.")
    elif submission.attached:
        session.say(f"tamis: job {job.job_id} on {job.backend} makes exactly this already.")


def progress_line(job: Job) -> str:
    """One line: step, stage, how far, how fast, how long still."""
    progress = job.progress
    if job.state == "queued":
        waiting = f" for {', '.join(job.waits_for)}" if job.waits_for else ""
        return f"{job.step}: queued{waiting}" + (f" ({job.reason})" if job.reason else "")
    if job.state != "running":
        return f"{job.step}: {job.state}"
    share = f" {as_percent(progress.fraction)}" if progress.fraction is not None else ""
    # Below one a second, the time left says it better.
    rate = f", {progress.rate:,.0f}/s" if progress.rate and progress.rate >= 1 else ""
    left = f", {progress.seconds_left:,.0f} s left" if progress.seconds_left else ""
    message = f" ({progress.message})" if progress.message else ""
    remark = f" [{job.backend}: {job.reason}]" if job.reason else ""
    return f"{job.step}: {progress.stage or 'starting'}{share}{rate}{left}{message}{remark}"
