"""The job behind a run while it is under way: how far it is, and a way to stop it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shared.activity import show_progress
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of
from pages.shared.runs.job_watch import show_remark
from pages.shared.runs.runs import Run
from tamis.jobs.model import Job
from tamis.jobs.scheduler.queue import cancel


def show_run_box(context: DatasetContext, run: Run, jobs: Sequence[Job], *, stopping: str) -> Job | None:
    """Progress of the run among the jobs under way, and return its job; None when it is not one of them.

    The rest of the page was drawn for the state that the run had then: a later one draws all of it again.
    """
    mine = next((job for job in jobs if job.artifact_id == run.run_id), None)
    if mine is None:
        return None
    if run.job is not None and run.job.state is not mine.state:
        st.rerun()
    with st.container(border=True):
        show_progress(mine)
        show_remark(mine)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if mine.cancelling:
                st.caption(stopping, width="content")
            elif st.button("Cancel", icon=":material/stop:", key=f"stop_{mine.job_id}"):
                with errors_in_place():
                    cancel(context.workspace, mine.job_id)
                    st.rerun()
            link_to("job_list", "Details", icon=":material/article:", query={"job": mine.job_id})
    return mine


def say_others(run: Run, jobs: Sequence[Job]) -> None:
    """A link to the jobs under way that are not this run's."""
    others = [job for job in jobs if job.artifact_id != run.run_id]
    if others:
        link_to("job_list", f"{count_of(len(others), 'job')} under way", icon=":material/progress_activity:")
