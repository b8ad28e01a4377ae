"""What is said of jobs wherever they are shown: what one is called, what it does now, and what one that waits waits behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tamis.jobs import job_table
from tamis.jobs.backends import BACKENDS, backend_row, shares_machine
from tamis.jobs.model import ACTIVE, Job, JobState
from tamis.jobs.scheduler.lanes import is_short_job
from tamis.reprs import duration, percent
from tamis.steps import STEPS
from tamis.store.workspace import Workspace

STATE_WORDS = {
    JobState.QUEUED: "Waiting",
    JobState.RUNNING: "Running",
    JobState.SUCCEEDED: "Done",
    JobState.FAILED: "Failed",
    JobState.CANCELLED: "Cancelled",
}
_MOST = 500


def job_title(job: Job) -> str:
    """What its step is called; its name where this version does not know it."""
    return STEPS[job.step].title if job.step in STEPS else job.step


def job_headline(job: Job) -> str:
    """A job under way in a few words: ``Embed · 45 % · 20 s left``."""
    if job.state is JobState.QUEUED:
        return f"{job_title(job)} · waiting"
    progress, parts = job.progress, [job_title(job)]
    if progress.fraction is not None and progress.fraction > 0:
        parts.append(percent(progress.fraction))
    if progress.seconds_left:
        parts.append(f"{duration(progress.seconds_left)} left")
    stage = progress.stage or "starting"
    if len(parts) == 1 and stage.casefold() != parts[0].casefold():
        parts.append(stage)
    return " · ".join(parts)


def say_progress(job: Job) -> str:
    """What a running job does now, in the worker's own words: stage, how far, how fast, how long still."""
    progress = job.progress
    parts = [progress.stage or "starting"]
    if progress.total > 1:
        parts.append(f"{progress.done:,} of {progress.total:,}")
    if progress.rate and progress.rate >= 1:  # below, the time left says it better
        parts.append(f"{progress.rate:,.0f} per second")
    if progress.tokens:
        parts.append(f"{progress.tokens:,} tokens")
    if progress.seconds_left:
        parts.append(f"{duration(progress.seconds_left)} left")
    if progress.message:
        parts.append(progress.message)
    return " · ".join(parts)


def say_what_is_before(workspace: Workspace, jobs: Sequence[Job], names: Mapping[str, str]) -> dict[str, str]:
    """What each of these jobs that waits is behind, by job id: what it reads, the place it goes to, or who is before it.

    ``names`` are those of the datasets.
    """
    waiting = [job for job in jobs if job.state is JobState.QUEUED]
    if not waiting:
        return {}
    active = job_table.list_jobs(workspace.database, states=ACTIVE, limit=_MOST)
    by_id = {job.job_id: job for job in active}
    running = [job for job in active if job.state is JobState.RUNNING and shares_machine(job.backend)]
    line = in_line([job for job in active if job.state is JobState.QUEUED and not _inputs(job, by_id)])
    return {job.job_id: _behind(job, by_id, running, line, names) for job in waiting}


def in_line(waiting: Sequence[Job]) -> list[Job]:
    """Jobs that wait, in the order in which they start."""
    return sorted(waiting, key=lambda job: (-job.priority, job.job_id))


def _inputs(job: Job, by_id: Mapping[str, Job]) -> list[Job]:
    return [by_id[one] for one in job.waits_for if one in by_id]


def _behind(
    job: Job, by_id: Mapping[str, Job], running: Sequence[Job], line: Sequence[Job], names: Mapping[str, str]
) -> str:
    needed = _inputs(job, by_id)
    if needed:
        return f"waits for {_listed([job_title(one) for one in needed])}, which it needs"
    if job.reason:
        title = backend_row(job.backend).title if job.backend in BACKENDS else job.backend
        return f"{title}: {job.reason}"
    if not shares_machine(job.backend):
        return f"goes to {backend_row(job.backend).title}"
    # Short jobs have a place of their own, so each is behind others of its kind.
    lane = is_short_job(job)
    here = [one for one in line if shares_machine(one.backend) and is_short_job(one) == lane]
    ahead = [one for one in running if is_short_job(one) == lane]
    place = next((at for at, one in enumerate(here) if one.job_id == job.job_id), 0)
    before = here[place - 1] if place else ahead[0] if ahead else None
    if before is None:
        return "starts now"
    about = names.get(before.dataset_id, before.dataset_id)
    return f"behind {job_title(before)} of {about}" + (f" · {place + 1} in the queue" if place else "")


def _listed(titles: Sequence[str]) -> str:
    return " and ".join([", ".join(titles[:-1]), titles[-1]] if len(titles) > 1 else titles)
