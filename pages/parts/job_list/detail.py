"""One job: its state and progress, why it ended as it did, where its time went, what it read and what came of it."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.parts.job_list.actions import show_job_actions
from pages.parts.job_list.table import open_job
from pages.shared.activity import show_progress
from pages.shared.forms.run_target import say_target
from pages.shared.plain_text import plain
from pages.shared.runs.job_box import show_remark
from pages.shared.runs.job_words import ICONS, STATE_COLOURS
from pages.shared.wording import ago, duration, percent, sentence
from tamis.actions.datasets import dataset_names
from tamis.actions.job_words import STATE_WORDS
from tamis.actions.jobs import (
    Job,
    JobState,
    Link,
    elapsed_s,
    find_job,
    has_log,
    job_lineage,
    log_tail,
    read_log,
    read_metrics,
)
from tamis.actions.remedies import ERROR_WORDS, NEXT_STEPS
from tamis.actions.submit import repeat
from tamis.steps import STEPS
from tamis.store.workspace import Workspace

LOG_LINES = 14
SHOWN_BYTES, DOWNLOADED_BYTES = 1_000_000, 200_000_000


def show_head(workspace: Workspace, job: Job) -> None:
    """The way back, the title with the state, and what is known in one line."""
    if st.button("All jobs", icon=":material/arrow_back:", type="tertiary"):
        open_job("")
    name = dataset_names(workspace).get(job.dataset_id, job.dataset_id)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"{title_of(job)} · {plain(name)}", anchor=False, width="content")
        st.badge(STATE_WORDS[job.state], icon=ICONS[job.state], color=STATE_COLOURS[job.state])
    parts = [f"submitted {ago(job.submitted_at)}", plain(say_target(repeat(job).target))]
    if job.priority:
        parts.append(f"priority {job.priority}")
    seconds = elapsed_s(job)
    if seconds is not None:
        parts.append(f"{'runs for' if job.state is JobState.RUNNING else 'took'} {duration(seconds)}")
    if job.attempt > 1:
        parts.append(f"attempt {job.attempt}")
    if job.progress.peak_memory_gb:
        parts.append(f"{job.progress.peak_memory_gb:.1f} GB at most")
    st.caption(f"{' · '.join(parts)} · `{job.job_id}`")


def show_handle(job: Job) -> None:
    """Where it runs and what the backend calls it: what to look for on the cluster itself."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Runs on" if not job.state.final else "Ran on", width=64)
        st.markdown(plain(say_target(repeat(job).target)), width="content")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Handle", width=64)
        if job.handle:
            st.markdown(f"`{job.handle}`", width="content")
        else:
            st.caption("None yet: it has not been handed to the backend.")


def show_state(workspace: Workspace, job: Job) -> None:
    """The bar of a job under way, the reason of one that failed, and what can be done."""
    if not job.state.final:
        show_progress(job)
        show_remark(job)
        if job.cancelling:
            st.caption(
                "A person asked it to stop; it ends at its next report, or is ended after a few seconds."
            )
        if job.state is JobState.QUEUED and job.waits_for:
            _show_waiting(workspace, job)
    elif job.state is JobState.FAILED:
        named = ERROR_WORDS.get(job.error_kind, "")
        title = f"{title_of(job)} failed" + (f": {named}" if named else "")
        st.error(plain(job.reason), title=title, icon=":material/error:")
        if job.error_kind in NEXT_STEPS:
            st.caption(NEXT_STEPS[job.error_kind])
    elif job.state is JobState.CANCELLED:
        st.warning(plain(job.reason) or "It was cancelled.", icon=":material/block:")
    show_job_actions(workspace, job)


def show_timings(job: Job) -> None:
    """Seconds per stage as bars: why it was slow."""
    timings = {stage: seconds for stage, seconds in job.progress.timings.items() if seconds > 0}
    if not timings:
        st.caption("No stage has been timed yet.")
        return
    whole = sum(timings.values())
    table = pd.DataFrame(
        [
            {"stage": sentence(s), "seconds": t, "said": f"{_fine(t)} · {percent(t / whole)}"}
            for s, t in timings.items()
        ]
    )
    base = alt.Chart(table).encode(
        y=alt.Y(
            "stage:N", sort=None, title=None, axis=alt.Axis(ticks=False, labelLimit=170, labelFontSize=12)
        ),
        x=alt.X(
            "seconds:Q", title=None, axis=None, scale=alt.Scale(domain=[0, max(timings.values()) * 1.45])
        ),
        tooltip=[
            alt.Tooltip("stage:N", title="Stage"),
            alt.Tooltip("seconds:Q", title="Seconds", format=",.2f"),
        ],
    )
    bars = base.mark_bar(height=13, cornerRadiusEnd=2, color="#0F9D8A")
    words = base.mark_text(align="left", dx=6, color="#8A9794", fontSize=12).encode(text="said:N")
    st.altair_chart(alt.layer(bars, words).properties(height=alt.Step(27)), alt="Seconds per stage")


def show_metrics(workspace: Workspace, job: Job) -> None:
    """The metrics that the step reported, one small chart each."""
    curves = read_metrics(workspace, job.job_id)
    if not curves:
        return
    st.markdown("**Curves**")
    columns = st.columns(min(3, len(curves)))
    for number, (name, points) in enumerate(curves.items()):
        table = pd.DataFrame({"position": [p.position for p in points], name: [p.value for p in points]})
        with columns[number % len(columns)], st.container(border=True):
            st.caption(plain(sentence(name)))
            st.line_chart(
                table, x="position", y=name, x_label="", y_label="", height=180, alt=f"{name} over time"
            )


def show_log(workspace: Workspace, job: Job) -> None:
    """The last lines of the log: where a failure says what it was."""
    lines = log_tail(workspace, job).splitlines()
    left_out = "…\n" if len(lines) > LOG_LINES else ""
    st.code(
        left_out + "\n".join(lines[-LOG_LINES:]) or "Nothing was printed.", language=None, wrap_lines=True
    )


def show_whole_log(workspace: Workspace, job: Job) -> None:
    """The log from its beginning, read only when asked for."""
    if not has_log(workspace, job.job_id):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        whole = st.toggle("Whole log", key="whole_log")
        st.download_button(
            "Download",
            data=lambda: read_log(workspace, job.job_id, limit_bytes=DOWNLOADED_BYTES),
            file_name=f"{job.job_id}.log.txt",
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
        )
    if whole:
        text = read_log(workspace, job.job_id, limit_bytes=SHOWN_BYTES)
        st.code(text or "Nothing was printed.", language=None, height=480, wrap_lines=True)


def show_lineage(workspace: Workspace, job: Job) -> None:
    """What the job read and which jobs made that, what it made, and what was made from it."""
    lineage = job_lineage(workspace, job)
    with st.container(gap="xsmall"):
        for link in lineage.read:
            _artifact_line("Read", link)
        _artifact_line("Made" if lineage.made else "Makes", Link(job.kind, job.artifact_id, None))
        for link in lineage.used_by:
            _artifact_line("Used by", link)
    if lineage.made is not None and lineage.made.summary:
        with st.expander("Summary of the result", icon=":material/data_object:"):
            st.json(lineage.made.summary, expanded=1)


def title_of(job: Job) -> str:
    """What the step is called; its name when this version does not know it."""
    return STEPS[job.step].title if job.step in STEPS else plain(job.step)


def _show_waiting(workspace: Workspace, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Waits for", width="content")
        for other_id in job.waits_for:
            _job_button(find_job(workspace, other_id), "")


def _artifact_line(word: str, link: Link) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(word, width=64)
        st.markdown(f"{plain(link.kind)} `{link.artifact_id}`", width="content")
        _job_button(link.maker, link.artifact_id)


def _job_button(job: Job | None, artifact_id: str) -> None:
    if job is not None and st.button(
        f"{title_of(job)} job",
        type="tertiary",
        icon=":material/arrow_outward:",
        key=f"to_{job.job_id}_{artifact_id}",
    ):
        open_job(job.job_id)


def _fine(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
