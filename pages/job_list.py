"""Jobs: everything that runs, waits or has ended; one job with its progress, log, timings, options and lineage."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.parts.job_list.detail import (
    show_handle,
    show_head,
    show_lineage,
    show_log,
    show_metrics,
    show_state,
    show_timings,
    show_whole_log,
)
from pages.parts.job_list.step_form import asked_step, leave_step_form, offer_step_form, show_step_form
from pages.parts.job_list.table import OPENED, choose_jobs, show_jobs
from pages.shared.activity import while_jobs_run
from pages.shared.forms.campaigns import offer_campaign, show_campaigns
from pages.shared.frame import open_workspace_page
from pages.shared.plain_text import plain
from pages.shared.runs.job_words import show_options
from tamis.actions.jobs import Job, find_job
from tamis.store.workspace import Workspace


def show_job(workspace: Workspace, job: Job) -> None:
    def draw(_: Sequence[Job]) -> None:
        now = find_job(workspace, job.job_id) or job
        show_head(workspace, now)
        show_state(workspace, now)
        left, right = st.columns(2, gap="medium")
        with left, st.container(border=True, height="stretch"):
            st.markdown("**Where the time went**")
            show_timings(now)
        with right, st.container(border=True, height="stretch"):
            st.markdown("**Read and made**")
            show_lineage(workspace, now)
            show_handle(now)
        show_metrics(workspace, now)
        st.markdown("**Log**")
        show_log(workspace, now)

    while_jobs_run(workspace, draw)
    show_whole_log(workspace, job)
    st.markdown("**Options**")
    show_options(job)


with open_workspace_page("Jobs", activity=False) as workspace:
    job_id = st.query_params.get(OPENED, "")
    step = asked_step()
    opened = find_job(workspace, job_id) if job_id else None
    if job_id and opened is None:
        st.warning(f"There is no job {plain(job_id)} any more: it was deleted.", icon=":material/link_off:")
    if opened is not None:
        leave_step_form()
        show_job(workspace, opened)
    elif step:
        show_step_form(workspace, step)
    else:
        with st.container(horizontal=True, gap="small"):
            offer_step_form()
            offer_campaign(workspace)
        show_campaigns(workspace, offered=False)
        show_jobs(workspace, choose_jobs(workspace))
