"""The list of jobs: filters kept in the address, one page of rows, redrawn while something runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pages.shared.activity import while_jobs_run
from pages.shared.plain_text import shorten
from pages.shared.runs.job_words import STATE_COLOURS
from pages.shared.wording import ago, duration
from tamis.actions.artifact_names import names_of_jobs
from tamis.actions.datasets import dataset_names
from tamis.actions.job_words import STATE_WORDS
from tamis.actions.jobs import Job, JobState, count_jobs, elapsed_s, list_jobs
from tamis.steps import STEPS
from tamis.store.workspace import Workspace

PAGE_JOBS = 25
OPENED = "job"
PAGE = "jobs_page"


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are listed; empty means any."""

    states: tuple[JobState, ...] = ()
    dataset_id: str = ""
    step: str = ""


def choose_jobs(workspace: Workspace) -> JobFilter:
    """The filters: states, dataset and step."""
    names = dataset_names(workspace)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        place = st.container(width="content")
        st.space("stretch")
        dataset_id = _filter("Dataset", names, "in_dataset", "All datasets", 220)
        step = _filter(
            "Step", {name: step.title for name, step in STEPS.items()}, "in_step", "All steps", 150
        )
    with place:
        states = st.pills(
            "State", list(STATE_WORDS), selection_mode="multi", key="in_state", bind="query-params",
            format_func=lambda state: STATE_WORDS[state], label_visibility="collapsed", on_change=_first_page,
        )  # fmt: skip
    return JobFilter(tuple(states), dataset_id, step)


def show_jobs(workspace: Workspace, wanted: JobFilter) -> None:
    """Counts and one page of jobs; the timer runs only while a job is under way."""
    names = dataset_names(workspace)

    def draw(_: Sequence[Job]) -> None:
        counted = count_jobs(workspace, dataset_id=wanted.dataset_id, step=wanted.step)
        n_jobs = sum(counted[state] for state in wanted.states or JobState)
        n_pages = max(1, -(-n_jobs // PAGE_JOBS))
        if int(st.session_state.get(PAGE, 1)) > n_pages:
            st.session_state[PAGE] = n_pages
        place = st.container()
        page = st.pagination(n_pages, key=PAGE, bind="query-params") if n_pages > 1 else 1
        with place:
            _say_counts(counted)
            jobs_of_page = _page(workspace, wanted, page)
            if jobs_of_page:
                _show_table(workspace, jobs_of_page, names)
            else:
                _say_none(wanted)

    while_jobs_run(workspace, draw)


def open_job(job_id: str) -> None:
    """Show one job, or the list for an empty id."""
    # Not from a callback: inside a timed part of a page, that would draw only this part again.
    if job_id:
        st.query_params[OPENED] = job_id
    else:
        st.query_params.pop(OPENED, None)
    st.rerun()


def _filter(label: str, names: dict[str, str], key: str, every: str, width: int) -> str:
    return st.selectbox(
        label, ["", *names], format_func=lambda one: names.get(one, one) or every, key=key, bind="query-params",
        label_visibility="collapsed", width=width, on_change=_first_page,
    )  # fmt: skip


def _first_page() -> None:
    st.session_state.pop(PAGE, None)


def _page(workspace: Workspace, wanted: JobFilter, page: int) -> list[Job]:
    return list_jobs(
        workspace,
        states=wanted.states,
        dataset_id=wanted.dataset_id,
        step=wanted.step,
        limit=PAGE_JOBS,
        offset=(page - 1) * PAGE_JOBS,
    )


def _say_counts(counted: dict[JobState, int]) -> None:
    parts = [
        f":{STATE_COLOURS[s]}[**{counted[s]:,}**] {STATE_WORDS[s].lower()}" for s in JobState if counted[s]
    ]
    st.caption(" · ".join(parts) or "No jobs")


def _show_table(workspace: Workspace, jobs: list[Job], names: dict[str, str]) -> None:
    made = names_of_jobs(workspace, jobs)
    table = pd.DataFrame([_row(job, names, made.get(job.job_id, "")) for job in jobs])
    if table["progress"].isna().all():
        table = table.drop(columns="progress")
    event = st.dataframe(
        table,
        hide_index=True,
        key=f"jobs_table_{jobs[0].job_id}_{len(jobs)}",
        on_select="rerun",
        selection_mode="single-cell",
        column_config={
            "state": st.column_config.MultiselectColumn(
                "State", width=96, options=list(STATE_WORDS.values()), color=list(STATE_COLOURS.values())
            ),
            "step": st.column_config.TextColumn("Step", width=78),
            "dataset": st.column_config.TextColumn("Dataset", width=130),
            "submitted": st.column_config.TextColumn("Submitted", width=100),
            "took": st.column_config.TextColumn("Took", width=72),
            "progress": st.column_config.ProgressColumn("Progress", width=110, format="percent"),
            "says": st.column_config.TextColumn("What it says"),
        },
        height="content",
        alt="Jobs, newest first",
    )
    st.caption("Click a job to see its log, timings and options.")
    if event.selection.cells:
        open_job(jobs[event.selection.cells[0][0]].job_id)


def _row(job: Job, names: dict[str, str], made: str) -> dict[str, object]:
    seconds = elapsed_s(job)
    return {
        "state": [STATE_WORDS[job.state]],
        "step": STEPS[job.step].title if job.step in STEPS else job.step,
        "dataset": names.get(job.dataset_id, job.dataset_id),
        "submitted": ago(job.submitted_at),
        "took": "" if seconds is None else duration(seconds),
        "progress": job.progress.fraction if job.state is JobState.RUNNING else None,
        "says": shorten(job.reason or _says(job, made), 160),
    }


def _says(job: Job, made: str) -> str:
    if job.state is JobState.RUNNING:
        left = f"{duration(job.progress.seconds_left)} left" if job.progress.seconds_left else ""
        return " · ".join(part for part in (job.progress.stage, left, job.progress.message) if part)
    if job.state is JobState.QUEUED:
        return "waits for other jobs" if job.waits_for else "waits for its turn"
    return made


def _say_none(wanted: JobFilter) -> None:
    if wanted == JobFilter():
        st.info(
            "Jobs appear here as soon as something is imported, embedded, scored or selected.",
            title="Nothing has run yet",
        )
    else:
        st.caption("No job meets these filters.")
