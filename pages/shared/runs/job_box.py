"""Jobs in place until they end: how far each is, a way to stop it, and what can be done when it failed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shared.activity import show_progress, while_jobs_run
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import stop_following
from tamis.actions.jobs import BACKENDS, Job, JobState, backend_row, cancel_job, resume_job
from tamis.actions.runs import Run
from tamis.steps import STEPS
from tamis.store.workspace import Workspace


def show_job_box(workspace: Workspace, job: Job, *, stopping: str = "Stopping …") -> None:
    """A job under way: its bar in the worker's own words, a way to stop it, and the way to its page."""
    with st.container(border=True):
        show_progress(job)
        show_remark(job)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if job.cancelling:
                st.caption(stopping, width="content")
            elif st.button(
                "Cancel", icon=":material/stop:", key=f"stop_{job.job_id}", **asks(workspace, cancel_job)
            ):
                with errors_in_place():
                    cancel_job(workspace, job.job_id)
                    st.rerun()
            link_to("job_list", "Details", icon=":material/article:", query={"job": job.job_id})


def show_remark(job: Job) -> None:
    """What the backend says of a job that waits for it or that it cannot see now."""
    if job.reason and not job.state.final:
        title = backend_row(job.backend).title if job.backend in BACKENDS else job.backend
        st.caption(f":material/dns: {plain(title)}: {plain(job.reason)}")


def show_jobs_in_place(workspace: Workspace, followed: Job | None) -> None:
    """The followed job with its box, one line for others; redrawn until nothing runs."""

    def draw(jobs: Sequence[Job]) -> None:
        mine = next((job for job in jobs if followed is not None and job.job_id == followed.job_id), None)
        if mine is not None:
            show_job_box(workspace, mine)
        _say_others(len(jobs) - (mine is not None), more=mine is not None)

    while_jobs_run(workspace, draw)
    if followed is not None and followed.resumable:
        _show_failure(workspace, followed)


def show_run_in_place(workspace: Workspace, run: Run, jobs: Sequence[Job], *, stopping: str) -> Job | None:
    """The box of the job under way that makes this run, and return it; None when it is not one of them.

    The rest of the page was drawn for the state that the run had then: a later one draws all of it again.
    """
    mine = next((job for job in jobs if job.artifact_id == run.run_id), None)
    if mine is None:
        return None
    if run.job is not None and run.job.state is not mine.state:
        st.rerun()
    show_job_box(workspace, mine, stopping=stopping)
    return mine


def say_other_jobs(run: Run, jobs: Sequence[Job]) -> None:
    """A link to the jobs under way that are not this run's."""
    _say_others(sum(job.artifact_id != run.run_id for job in jobs), more=False)


def _say_others(number: int, *, more: bool) -> None:
    if number:
        label = f"{count_of(number, 'more job' if more else 'job')} under way"
        link_to("job_list", label, icon=":material/progress_activity:")


def _show_failure(workspace: Workspace, job: Job) -> None:
    """Why a job ended without a result, and what can be done about it."""
    title = STEPS[job.step].title if job.step in STEPS else job.step
    if job.state is JobState.CANCELLED:
        st.warning(
            plain(job.reason) or "It was cancelled.", title=f"{title} was cancelled", icon=":material/block:"
        )
    else:
        st.error(plain(job.reason), title=f"{title} failed", icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Try again", icon=":material/replay:", key=f"again_{job.job_id}", **asks(workspace, resume_job)
        ):
            with errors_in_place():
                resume_job(workspace, job.job_id)
                st.rerun()
        link_to("job_list", "See the log", icon=":material/article:", query={"job": job.job_id})
        st.button("Dismiss", type="tertiary", on_click=stop_following, key=f"dismiss_{job.job_id}")
