"""What runs, what waits and what ended last, as the tray in the bar asks for it between two runs of a page."""

from __future__ import annotations

from collections.abc import Mapping

from pages.shared.activity import address_of_result
from pages.shared.identity import asks
from pages.shared.server import hold_answer
from tamis.actions.artifact_names import names_of_jobs
from tamis.actions.datasets import dataset_names
from tamis.actions.job_words import (
    STATE_WORDS,
    in_line,
    job_headline,
    job_title,
    say_progress,
    say_what_is_before,
)
from tamis.actions.jobs import Job, JobState, active_jobs, cancel_job, list_jobs, run_job_first
from tamis.store.workspace import Workspace
from tamis.types import JSON

MOST_ENDED = 6
_ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


def hold_tray(workspace: Workspace) -> dict[str, JSON]:
    """Make the tray answerable; returns the name and the token that it is asked by."""
    name, token = hold_answer(f"{workspace.path}\0jobs tray", answer_tray)
    return {"name": name, "token": token}


def answer_tray(workspace: Workspace, asked: dict[str, JSON]) -> JSON:
    """Cancel the job that is named, or put it first; then the jobs as they stand, those that ended only for an ``open`` tray."""
    for name, act in (("cancel", cancel_job), ("first", run_job_first)):
        job_id = asked.get(name)
        if isinstance(job_id, str) and job_id:
            act(workspace, job_id)
    jobs = active_jobs(workspace)
    names = dataset_names(workspace)
    behind = say_what_is_before(workspace, jobs, names)
    may = not asks(workspace, cancel_job)["disabled"]
    running = [job for job in jobs if job.state is JobState.RUNNING]
    waiting = in_line([job for job in jobs if job.state is JobState.QUEUED])
    first = running or waiting
    return {
        "headline": job_headline(first[0]) if first else "",
        "running": [_under_way(job, names, say_progress(job), may) for job in running],
        "waiting": [
            _under_way(job, names, behind[job.job_id], may) | {"first": may and len(waiting) > 1}
            for job in waiting
        ],
        "ended": _ended(workspace, names) if asked.get("open") else None,
    }


def _under_way(job: Job, names: Mapping[str, str], words: str, may_cancel: bool) -> dict[str, JSON]:
    return _said(job, names) | {
        "words": "stopping …" if job.cancelling else words,
        "fraction": job.progress.fraction if job.state is JobState.RUNNING else None,
        "cancel": may_cancel and not job.cancelling,
    }


def _ended(workspace: Workspace, names: Mapping[str, str]) -> list[dict[str, JSON]]:
    """The last jobs that ended, the last first, each with what it made and the way there."""
    found = list_jobs(workspace, states=_ENDED, limit=4 * MOST_ENDED)
    jobs = sorted(found, key=lambda job: job.finished_at or "", reverse=True)[:MOST_ENDED]
    made = names_of_jobs(workspace, jobs)
    return [_ending(job, names, made.get(job.job_id, "")) for job in jobs]


def _ending(job: Job, names: Mapping[str, str], made: str) -> dict[str, JSON]:
    page, query = address_of_result(job)
    return _said(job, names) | {
        "state": str(job.state),
        "words": made
        if job.state is JobState.SUCCEEDED
        else f"{STATE_WORDS[job.state].lower()}: {job.reason}",
        "page": page,
        "query": query,
    }


def _said(job: Job, names: Mapping[str, str]) -> dict[str, JSON]:
    return {
        "id": job.job_id,
        "title": job_title(job),
        "dataset": names.get(job.dataset_id, job.dataset_id),
    }
