"""Imports under way and imports that failed: datasets that have jobs but no rows."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shared.frame import errors_in_place
from pages.shared.navigation import link_to
from pages.shared.plain_text import plain
from tamis.actions.jobs import Job, JobState, delete_job, list_jobs, resume_job
from tamis.store.workspace import Workspace

_SHOWN = 5


def open_imports(workspace: Workspace, jobs: Sequence[Job]) -> dict[str, str]:
    """Name of every dataset that is being imported for the first time."""
    importing = [job for job in jobs if job.step == "import"]
    present = set(workspace.artifacts.dataset_ids()) if importing else set()
    return {job.dataset_id: import_name(job) for job in importing if job.dataset_id not in present}


def import_name(job: Job) -> str:
    """The name that the dataset of an import will have."""
    return str(job.options.get("name") or job.dataset_id)


def show_failed_imports(workspace: Workspace) -> None:
    """The newest imports that failed and left no dataset, each to be tried again or dismissed."""
    failed = list_jobs(workspace, states=(JobState.FAILED,), step="import", limit=50)
    if not failed:
        return
    present = set(workspace.artifacts.dataset_ids())
    newest = {job.dataset_id: job for job in reversed(failed) if job.dataset_id not in present}
    for job in list(newest.values())[-_SHOWN:]:
        _show_failed(workspace, job)


def _show_failed(workspace: Workspace, job: Job) -> None:
    with st.container(border=True, gap="small"):
        st.error(
            plain(job.reason), title=f"{plain(import_name(job))} was not imported", icon=":material/error:"
        )
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if st.button("Try again", key=f"again_{job.job_id}", icon=":material/replay:"):
                with errors_in_place():
                    resume_job(workspace, job.job_id)
                    st.rerun()
            if st.button("Dismiss", key=f"dismiss_{job.job_id}", type="tertiary", icon=":material/close:"):
                with errors_in_place():
                    delete_job(workspace, job.job_id)
                    st.rerun()
            link_to("job_list", "See the log", query={"job": job.job_id})
