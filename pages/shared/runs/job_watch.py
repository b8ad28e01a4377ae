"""Submitting a step from a page, and its job in place until it ends: progress, failure, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from pages.shared.activity import show_progress, while_jobs_run
from pages.shared.forms.run_target import RunPlace
from pages.shared.frame import errors_in_place
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from tamis.errors import UnknownName
from tamis.jobs import job_table
from tamis.jobs.backends import BACKENDS, backend_row
from tamis.jobs.model import Job, JobState
from tamis.jobs.scheduler.queue import (
    cancel,
    resume,
    submit,
)
from tamis.steps import STEPS
from tamis.store.workspace import Workspace
from tamis.types import JSON

FOLLOWED, CLONED = "job", "clone"


@dataclass(frozen=True, slots=True)
class Start:
    """What a form starts with: the options and the place of the job that is cloned, and a mark that tells its
    widgets apart.
    """

    values: Mapping[str, JSON] = field(default_factory=dict)
    suffix: str = ""
    place: RunPlace = RunPlace()


def find_job(workspace: Workspace, job_id: str) -> Job | None:
    """A job by its id, or None when there is none."""
    try:
        return job_table.get(workspace.database, job_id)
    except UnknownName:
        return None


def cloned_start(workspace: Workspace, step: str) -> Start:
    """The options of the job that ``?clone=`` names, its exact inputs included; nothing without one."""
    job_id = st.query_params.get(CLONED, "")
    if not job_id:
        return Start()
    job = find_job(workspace, job_id)
    if job is None or job.step != step:
        st.warning(f"There is no {step} job {plain(job_id)} to clone any more.", icon=":material/link_off:")
        return Start()
    pointers = {role: job.inputs[role] for role in STEPS[step].options.POINTERS if role in job.inputs}
    place = RunPlace(job.backend, job.resources.model_dump(exclude_defaults=True), job.priority)
    return Start({**job.options, **pointers}, job.job_id[-4:], place)


def followed_job(workspace: Workspace, step: str, dataset_id: str) -> Job | None:
    """The job that this page started and follows, named by ``?job=``."""
    job = find_job(workspace, st.query_params.get(FOLLOWED, ""))
    return job if job is not None and (job.step, job.dataset_id) == (step, dataset_id) else None


def start_job(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    values: Mapping[str, JSON],
    *,
    place: RunPlace | None = None,
) -> None:
    """Queue a step and follow its job; what is wrong with the options is said where this is called.

    Without a place it runs on this machine.
    """
    chosen = place or RunPlace()
    with errors_in_place():
        done = submit(
            workspace, dataset_id, step, values,
            backend=chosen.backend, resources=chosen.resources, priority=chosen.priority,
        )  # fmt: skip
        if done.already_done:
            st.toast("Made before with the same options and inputs: here it is.", icon=":material/bolt:")
        elif done.moved:
            title = backend_row(done.job.backend).title
            st.toast(
                f"A job for exactly this was waiting; it now waits for {plain(title)}.", icon=":material/dns:"
            )
        elif done.attached:
            st.toast("A job for exactly this runs already.", icon=":material/link:")
        st.query_params[FOLLOWED] = done.job.job_id
        st.rerun()


def stop_following() -> None:
    """Forget the job this page follows."""
    st.query_params.pop(FOLLOWED, None)


def show_jobs_in_place(workspace: Workspace, followed: Job | None) -> None:
    """The followed job with its bar and a cancel button, one line for others; redrawn until nothing runs."""

    def draw(jobs: Sequence[Job]) -> None:
        mine = next((job for job in jobs if followed is not None and job.job_id == followed.job_id), None)
        if mine is not None:
            _show_running(workspace, mine)
        others = len(jobs) - (mine is not None)
        if others:
            more = "more " if mine is not None else ""
            link_to(
                "job_list", f"{count_of(others, f'{more}job')} under way", icon=":material/progress_activity:"
            )

    while_jobs_run(workspace, draw)
    if followed is not None and followed.resumable:
        show_failure(workspace, followed)


def show_failure(workspace: Workspace, job: Job) -> None:
    """Why a job ended without a result, and what can be done about it."""
    title = STEPS[job.step].title if job.step in STEPS else job.step
    if job.state is JobState.CANCELLED:
        st.warning(
            plain(job.reason) or "It was cancelled.", title=f"{title} was cancelled", icon=":material/block:"
        )
    else:
        st.error(plain(job.reason), title=f"{title} failed", icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Try again", icon=":material/replay:", key=f"again_{job.job_id}"):
            with errors_in_place():
                resume(workspace, job.job_id)
                st.rerun()
        link_to("job_list", "See the log", icon=":material/article:", query={"job": job.job_id})
        st.button("Dismiss", type="tertiary", on_click=stop_following, key=f"dismiss_{job.job_id}")


def show_remark(job: Job) -> None:
    """What the backend says of a job that waits for it or that it cannot see now."""
    if job.reason and not job.state.final:
        title = backend_row(job.backend).title if job.backend in BACKENDS else job.backend
        st.caption(f":material/dns: {plain(title)}: {plain(job.reason)}")


def _show_running(workspace: Workspace, job: Job) -> None:
    with st.container(border=True):
        show_progress(job)
        show_remark(job)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if job.cancelling:
                st.caption("Stopping …", width="content")
            elif st.button("Cancel", icon=":material/stop:", key=f"stop_{job.job_id}"):
                with errors_in_place():
                    cancel(workspace, job.job_id)
                    st.rerun()
            link_to("job_list", "Details", icon=":material/article:", query={"job": job.job_id})
