"""What runs right now: a line in the title row, and a part of a page that redraws itself until nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import duration, percent
from tamis.actions.jobs import Job, JobState, active_jobs
from tamis.steps import STEPS
from tamis.store.workspace import Workspace

REDRAW_S = 1.5
LOOK_S = 5.0  # while nothing runs: another tab, or the command line, may start something


def while_jobs_run(workspace: Workspace, draw: Callable[[Sequence[Job]], None]) -> None:
    """Draw now, and again every moment while jobs are under way; the whole page reruns when one starts or ends.

    A page has one of these at most: timers inside each other make the browser show old content.
    """
    drawn = {job.job_id: job.state for job in active_jobs(workspace)}

    def redraw() -> None:
        jobs = active_jobs(workspace)
        if {job.job_id: job.state for job in jobs} != drawn:
            st.rerun()
        draw(jobs)

    st.fragment(redraw, run_every=REDRAW_S if drawn else LOOK_S)()


def show_activity(workspace: Workspace) -> None:
    """One line that says what runs, how far it is, and links to the jobs; nothing when nothing runs."""
    while_jobs_run(workspace, _one_line)


def headline(job: Job) -> str:
    """The job in a few words: ``Embed · 45 % · 20 s left``."""
    title = STEPS[job.step].title if job.step in STEPS else job.step
    if job.state is JobState.QUEUED:
        return f"{title} · waiting"
    parts = [title]
    if job.progress.fraction is not None and job.progress.fraction > 0:
        parts.append(percent(job.progress.fraction))
    if job.progress.seconds_left:
        parts.append(f"{duration(job.progress.seconds_left)} left")
    if len(parts) == 1:
        parts.append(job.progress.stage or "starting")
    return " · ".join(parts)


def show_progress(job: Job) -> None:
    """A bar with what the job does now, in the worker's own words."""
    progress = job.progress
    if job.state is JobState.QUEUED:
        st.progress(0.0, text=f"{STEPS[job.step].title} · waiting for its turn")
        return
    parts = [STEPS[job.step].title, plain(progress.stage) or "starting"]
    if progress.total > 1:
        parts.append(f"{progress.done:,} of {progress.total:,}")
    if progress.rate and progress.rate >= 1:  # below, the time left says it better
        parts.append(f"{progress.rate:,.0f} per second")
    if progress.seconds_left:
        parts.append(f"{duration(progress.seconds_left)} left")
    if progress.message:
        parts.append(plain(progress.message))
    st.progress(progress.fraction or 0.0, text=" · ".join(parts))


def _one_line(jobs: Sequence[Job]) -> None:
    running = [job for job in jobs if job.state is JobState.RUNNING]
    if not jobs:
        return
    waiting = len(jobs) - len(running)
    if not running:
        label = f"{count_of(waiting, 'job')} waiting"
    else:
        label = headline(running[0])
        others = len(running) - 1 + waiting
        label += f" · {others} more" if others else ""
    link_to("job_list", label, icon=":material/progress_activity:")
