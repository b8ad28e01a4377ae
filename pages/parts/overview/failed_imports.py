"""Imports that failed and left no dataset."""

from __future__ import annotations

import streamlit as st

from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import plain
from tamis.actions.imports import failed_imports, import_name
from tamis.actions.jobs import Job, delete_job, resume_job
from tamis.store.workspace import Workspace


def show_failed_imports(workspace: Workspace) -> None:
    """The newest imports that failed and left no dataset, each to be tried again or dismissed."""
    for job in failed_imports(workspace):
        _show_failed(workspace, job)


def _show_failed(workspace: Workspace, job: Job) -> None:
    with st.container(border=True, gap="small"):
        st.error(
            plain(job.reason), title=f"{plain(import_name(job))} was not imported", icon=":material/error:"
        )
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if st.button(
                "Try again",
                key=f"again_{job.job_id}",
                icon=":material/replay:",
                **asks(workspace, resume_job),
            ):
                with errors_in_place():
                    resume_job(workspace, job.job_id)
                    st.rerun()
            if st.button(
                "Dismiss",
                key=f"dismiss_{job.job_id}",
                type="tertiary",
                icon=":material/close:",
                **asks(workspace, delete_job),
            ):
                with errors_in_place():
                    delete_job(workspace, job.job_id)
                    st.rerun()
            link_to("job_list", "See the log", query={"job": job.job_id})
