"""The list of jobs: filters kept in the address, one page of rows, redrawn while something runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pages.shared.activity import while_jobs_run
from pages.shared.navigation import link_to
from pages.shared.plain_text import shorten
from pages.shared.runs.job_words import STATE_COLOURS
from pages.shared.wording import ago, duration
from tamis.actions.artifact_names import names_of_jobs
from tamis.actions.datasets import dataset_names
from tamis.actions.job_groups import JobGroup, page_of_groups
from tamis.actions.job_words import STATE_WORDS, job_title, say_progress, say_what_is_before
from tamis.actions.jobs import Job, JobState, count_jobs, elapsed_s, list_jobs
from tamis.steps import STEPS
from tamis.store.workspace import Workspace

PAGE_LINES = 25
OPENED = "job"
PAGE = "jobs_page"
UNFOLDED = "unfolded"  # the pipelines whose steps are listed, in the address


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
        n_pages = max(1, -(-_count_lines(workspace, wanted, counted) // PAGE_LINES))
        if int(st.session_state.get(PAGE, 1)) > n_pages:
            st.session_state[PAGE] = n_pages
        place = st.container()
        page = st.pagination(n_pages, key=PAGE, bind="query-params") if n_pages > 1 else 1
        with place:
            _say_counts(counted)
            lines = _page(workspace, wanted, (page - 1) * PAGE_LINES)
            if lines:
                _show_table(workspace, lines, names)
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


def _by_pipeline(wanted: JobFilter) -> bool:
    """Single jobs are listed where a filter asks for some of a pipeline."""
    return not (wanted.states or wanted.step)


def _count_lines(workspace: Workspace, wanted: JobFilter, counted: Mapping[JobState, int]) -> int:
    if _by_pipeline(wanted):
        return page_of_groups(workspace, dataset_id=wanted.dataset_id, limit=0)[1]
    return sum(counted[state] for state in wanted.states or JobState)


def _page(workspace: Workspace, wanted: JobFilter, offset: int) -> list[JobGroup | Job]:
    if _by_pipeline(wanted):
        groups, _ = page_of_groups(workspace, dataset_id=wanted.dataset_id, limit=PAGE_LINES, offset=offset)
        return _lines(groups)
    return list(
        list_jobs(
            workspace, states=wanted.states, dataset_id=wanted.dataset_id, step=wanted.step, limit=PAGE_LINES, offset=offset,
        )
    )  # fmt: skip


def _say_counts(counted: dict[JobState, int]) -> None:
    parts = [
        f":{STATE_COLOURS[s]}[**{counted[s]:,}**] {STATE_WORDS[s].lower()}" for s in JobState if counted[s]
    ]
    st.caption(" · ".join(parts) or "No jobs")


def _lines(groups: Sequence[JobGroup]) -> list[JobGroup | Job]:
    """One line a pipeline, below an unfolded one its steps."""
    unfolded, lines = st.query_params.get_all(UNFOLDED), list[JobGroup | Job]()
    for group in groups:
        if len(group.jobs) == 1:
            lines.append(group.jobs[0])
            continue
        lines.append(group)
        if group.group_id in unfolded:
            lines += group.jobs
    return lines


def _show_table(workspace: Workspace, lines: list[JobGroup | Job], names: dict[str, str]) -> None:
    table = _table(workspace, lines, names)
    event = st.dataframe(
        table,
        hide_index=True,
        key=f"jobs_table_{_id_of(lines[0])}_{len(lines)}",
        on_select="rerun",
        selection_mode="single-cell",
        column_config={
            "state": st.column_config.MultiselectColumn(
                "State", width=96, options=list(STATE_WORDS.values()), color=list(STATE_COLOURS.values())
            ),
            "step": st.column_config.TextColumn("Step", width=112),
            "dataset": st.column_config.TextColumn("Dataset", width=130),
            "submitted": st.column_config.TextColumn("Submitted", width=100),
            "took": st.column_config.TextColumn("Took", width=72),
            "progress": st.column_config.ProgressColumn(
                "Progress", width=110, format="%.0f %%", min_value=0, max_value=100
            ),
            "says": st.column_config.TextColumn("What it says"),
        },
        height="content",
        alt="Jobs, newest first; those that were queued together are one line",
    )
    st.caption("Click a job to see its log, timings and options, a pipeline to see its steps.")
    if event.selection.cells:
        _open(lines[event.selection.cells[0][0]])


def _table(workspace: Workspace, lines: list[JobGroup | Job], names: dict[str, str]) -> pd.DataFrame:
    jobs = [job for one in lines for job in (one.jobs if isinstance(one, JobGroup) else (one,))]
    words = names_of_jobs(workspace, jobs) | say_what_is_before(workspace, jobs, names)
    unfolded = st.query_params.get_all(UNFOLDED)
    opened = [one for one in lines if isinstance(one, JobGroup) and one.group_id in unfolded]
    inside = {job.job_id for group in opened for job in group.jobs}
    table = pd.DataFrame(
        [
            _group_row(one, names, words, is_open=one in opened)
            if isinstance(one, JobGroup)
            else _row(one, names, words.get(one.job_id, ""), inside=one.job_id in inside)
            for one in lines
        ]
    )
    return table.drop(columns="progress") if table["progress"].isna().all() else table


def _id_of(line: JobGroup | Job) -> str:
    return line.group_id if isinstance(line, JobGroup) else line.job_id


def _open(line: JobGroup | Job) -> None:
    """Open a job, or fold a pipeline out or in."""
    if isinstance(line, Job):
        open_job(line.job_id)
    else:
        unfolded = st.query_params.get_all(UNFOLDED)
        rest = [one for one in unfolded if one != line.group_id]
        st.query_params[UNFOLDED] = rest if len(rest) < len(unfolded) else [*unfolded, line.group_id]
        st.rerun()


def _group_row(
    group: JobGroup, names: dict[str, str], behind: Mapping[str, str], *, is_open: bool
) -> dict[str, object]:
    first = group.jobs[0]
    return {
        "state": [STATE_WORDS[group.state]],
        "step": f"{'▾' if is_open else '▸'} {len(group.jobs)} steps",
        "dataset": names.get(first.dataset_id, first.dataset_id),
        "submitted": ago(first.submitted_at),
        "took": "" if group.seconds is None else duration(group.seconds),
        "progress": _hundredths(group.fraction),
        "says": shorten(group.says(behind), 160),
    }


def _row(job: Job, names: dict[str, str], words: str, *, inside: bool) -> dict[str, object]:
    seconds = elapsed_s(job)
    return {
        "state": [STATE_WORDS[job.state]],
        "step": f"\u2003{job_title(job)}" if inside else job_title(job),
        "dataset": names.get(job.dataset_id, job.dataset_id),
        "submitted": ago(job.submitted_at),
        "took": "" if seconds is None else duration(seconds),
        "progress": _hundredths(job.progress.fraction) if job.state is JobState.RUNNING else None,
        "says": shorten(job.reason or (say_progress(job) if job.state is JobState.RUNNING else words), 160),
    }


def _say_none(wanted: JobFilter) -> None:
    if wanted == JobFilter():
        st.info(
            "Jobs appear here as soon as something is imported, embedded, scored or selected.",
            title="Nothing has run yet",
        )
        link_to("import_data", "Import a file")
    else:
        st.caption("No job meets these filters.")


def _hundredths(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
