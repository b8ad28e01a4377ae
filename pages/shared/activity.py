"""What runs right now: a part of a page that redraws itself until nothing runs, the bar of one job, and where its result is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared.plain_text import plain
from tamis.actions.campaigns import states_under_way
from tamis.actions.job_words import job_title, say_progress
from tamis.actions.jobs import Job, JobState, active_jobs
from tamis.store.workspace import Workspace

REDRAW_S = 1.5
LOOK_S = 5.0  # while nothing runs: another tab, or the command line, may start something
# Where the result of a step is looked at: page, and what its address says.
RESULTS: dict[str, Callable[[Job], tuple[str, dict[str, str]]]] = {
    "import": lambda job: ("overview", {}),
    "embed": lambda job: ("data_map", {}),
    "cluster": lambda job: ("data_map", {}),
    "project": lambda job: ("data_map", {}),
    "score": lambda job: ("scoring", {}),
    "select": lambda job: ("selection", {"selection": job.artifact_id}),
    "compare": lambda job: ("compare", {"comparison": job.artifact_id}),
    "propose": lambda job: ("review", {"proposals": job.artifact_id}),
    "examine": lambda job: ("augment", {"view": "new"}),
    "augment": lambda job: ("augment", {}),
    "curate": lambda job: ("overview", {}),
    "finetune": lambda job: ("finetuning", {"run": job.artifact_id}),
    "referee": lambda job: ("referee", {"referee": job.artifact_id}),
    "worth": lambda job: ("worth", {"worth": job.artifact_id}),
    "refine": lambda job: ("refinement", {"run": job.artifact_id}),
}


def while_jobs_run(workspace: Workspace, draw: Callable[[Sequence[Job]], None]) -> None:
    """Draw now, and again every moment while jobs are under way; the whole page reruns when one starts or ends, and when a
    campaign makes a move or begins to wait.

    A page has one of these at most: timers inside each other make the browser show old content.
    """
    drawn = {job.job_id: job.state for job in active_jobs(workspace)}
    campaigns = states_under_way(workspace)

    def redraw() -> None:
        jobs = active_jobs(workspace)
        if {job.job_id: job.state for job in jobs} != drawn or states_under_way(workspace) != campaigns:
            st.rerun()
        draw(jobs)

    st.fragment(redraw, run_every=REDRAW_S if drawn else LOOK_S)()


def follow_jobs(workspace: Workspace) -> None:
    """Draw the page anew when a job starts or ends; what runs meanwhile is in the tray of the bar."""
    while_jobs_run(workspace, lambda _: None)


def show_progress(job: Job) -> None:
    """A bar with what the job does now, in the worker's own words."""
    if job.state is JobState.QUEUED:
        st.progress(0.0, text=f"{job_title(job)} · waiting for its turn")
        return
    title, stage = job_title(job), job.progress.stage
    # Many a step's longest stage is called as the step is.
    words = (
        say_progress(job)[len(stage) :] if stage.casefold() == title.casefold() else f" · {say_progress(job)}"
    )
    st.progress(job.progress.fraction or 0.0, text=f"{title}{plain(words)}")


def address_of_result(job: Job) -> tuple[str, dict[str, str]]:
    """Where a job that ended is looked at: the page of what it made, else its own, and what the address says."""
    page, query = "job_list", {"job": job.job_id}
    if job.state is JobState.SUCCEEDED and job.step in RESULTS:
        page, query = RESULTS[job.step](job)
    return page, {"dataset": job.dataset_id} | query
