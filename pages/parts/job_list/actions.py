"""What a person can do with one job: look at its result, cancel, resume, start anew, clone and change, delete."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from pages.parts.job_list.step_form import DATASET, PAGES, STEP, general_steps
from pages.shared.activity import RESULTS, address_of_result
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import go_to
from pages.shared.plain_text import count_of
from pages.shared.runs.job_watch import CLONED
from tamis.actions.jobs import Job, JobState, cancel_job, delete_job, resume_job, run_job_first
from tamis.store.workspace import Workspace

# Their forms start with the job that ``?clone=`` names.
CLONING_PAGES = ("select", "score", "finetune", "refine", "propose", "augment")


def show_job_actions(workspace: Workspace, job: Job) -> None:
    """The buttons that make sense in the state the job is in."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if job.state is JobState.SUCCEEDED and job.step in RESULTS:
            page, query = address_of_result(job)
            if st.button("Open the result", type="primary", icon=":material/open_in_new:"):
                go_to(page, query)
        can_stop = not job.state.final and not job.cancelling
        if can_stop and st.button("Cancel", icon=":material/stop:", **asks(workspace, cancel_job)):
            with errors_in_place():
                cancel_job(workspace, job.job_id)
                st.rerun()
        if job.state is JobState.QUEUED and st.button(
            "Run first", icon=":material/low_priority:",
            **asks(workspace, run_job_first, words="Before all other jobs that wait, with those it needs."),
        ):  # fmt: skip
            with errors_in_place():
                run_job_first(workspace, job.job_id)
                st.rerun()
        waits = job.state is JobState.QUEUED and bool(job.waits_for)
        if waits and st.button(
            "Cancel all of it", icon=":material/stop_circle:",
            **asks(workspace, cancel_job, words="This job, and those it waits for that no other job needs."),
        ):  # fmt: skip
            with errors_in_place():
                n = len(cancel_job(workspace, job.job_id, with_inputs=True))
                st.toast(f"{count_of(n, 'job')} cancelled.", icon=":material/block:")
                st.rerun()
        if job.resumable:
            _offer_resuming(workspace, job)
        _offer_clone(job)
        if job.state.final:
            _offer_deletion(workspace, job)


def _offer_clone(job: Job) -> None:
    """The form of the step with the options of this job; an import and a comparison are not cloned."""
    general = job.step in general_steps()
    if not general and job.step not in CLONING_PAGES:
        return
    if st.button("Clone and change", icon=":material/content_copy:"):
        # A batch is a dataset of its own; its form is that of the dataset which it was written for.
        about = job.options.get("parent") if job.step == "augment" else ""
        query = {DATASET: str(about or job.dataset_id), CLONED: job.job_id}
        if not general:
            go_to(PAGES[job.step], query)
        st.query_params.from_dict({STEP: job.step} | query)
        st.rerun()


def _offer_resuming(workspace: Workspace, job: Job) -> None:
    ways: dict[str, tuple[Literal["primary", "secondary"], str, str, bool]] = {
        "Resume": ("primary", ":material/play_arrow:", "Go on from the finished parts.", False),
        "Start over": (
            "secondary",
            ":material/replay:",
            "Throw the finished parts away and do everything again.",
            True,
        ),
    }
    for label, (kind, icon, words, fresh) in ways.items():
        if st.button(label, type=kind, icon=icon, **asks(workspace, resume_job, words=words)):
            with errors_in_place():
                resume_job(workspace, job.job_id, fresh=fresh)
                st.rerun()


def _offer_deletion(workspace: Workspace, job: Job) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        kept = job.state is JobState.SUCCEEDED
        st.caption(
            "Forgets the job and its log. What it made stays."
            if kept
            else "Forgets the job, its log and what it left half-made."
        )
        if st.button(
            "Delete this job",
            type="primary",
            icon=":material/delete:",
            key=f"delete_{job.job_id}",
            **asks(workspace, delete_job),
        ):
            with errors_in_place():
                delete_job(workspace, job.job_id)
                st.query_params.pop("job", None)
                st.toast("The job is deleted.", icon=":material/delete:")
                st.rerun()
