"""The stages of a dataset as a row of badges, the bar of the job that runs, and what failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared.activity import show_progress
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import BadgeColour
from tamis.actions.job_words import job_headline
from tamis.actions.jobs import JobState, resume_job
from tamis.actions.pipeline import Stage, StageState
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

_LOOKS: dict[StageState, tuple[BadgeColour, str]] = {
    StageState.DONE: ("green", ":material/check:"),
    StageState.OUTDATED: ("orange", ":material/history:"),
    StageState.RUNNING: ("blue", ":material/progress_activity:"),
    StageState.QUEUED: ("blue", ":material/schedule:"),
    StageState.FAILED: ("red", ":material/error:"),
    StageState.TODO: ("gray", ":material/radio_button_unchecked:"),
}


def show_strip(stages: Sequence[Stage], n_exports: int) -> None:
    """One badge per stage, from import to export, each with what it made as its tooltip."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        for stage in stages:
            color, icon = _LOOKS[stage.state]
            st.badge(stage.row.title, icon=icon, color=color, help=_explain(stage))
        exported = StageState.DONE if n_exports else StageState.TODO
        text = f"{count_of(n_exports, 'file')} written" if n_exports else "Nothing written yet"
        st.badge("Export", icon=_LOOKS[exported][1], color=_LOOKS[exported][0], help=text)


def show_running(stages: Sequence[Stage]) -> None:
    """A bar for the job of this dataset that runs, else a line for the one that is next."""
    running = [stage for stage in stages if stage.state is StageState.RUNNING and stage.job]
    queued = [stage for stage in stages if stage.state is StageState.QUEUED and stage.job]
    for stage in (running or queued)[:1]:
        if stage.job is not None:
            show_progress(stage.job)


def show_stage_failure(workspace: Workspace, stages: Sequence[Stage]) -> None:
    """The first failure with its reason, a way to its log, and a button that goes on from the finished parts."""
    failed = next((stage for stage in stages if stage.state is StageState.FAILED and stage.job), None)
    if failed is None or failed.job is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.error(plain(failed.job.reason), title=f"{failed.row.title} failed", icon=":material/error:")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button(
            "Try again",
            icon=":material/replay:",
            type="primary",
            key=f"resume_{failed.job.job_id}",
            **asks(workspace, resume_job),
        ):
            with errors_in_place():
                resume_job(workspace, failed.job.job_id)
                st.rerun()
        link_to("job_list", "See the log", query={"job": failed.job.job_id})


def _explain(stage: Stage) -> str:
    if stage.state is StageState.RUNNING and stage.job is not None:
        return plain(job_headline(stage.job))
    if stage.state is StageState.QUEUED:
        return "Waiting for its turn"
    if stage.state is StageState.FAILED and stage.job is not None:
        return plain(stage.job.reason)
    if stage.state is StageState.OUTDATED:
        return "Made from older embeddings than the newest; run it again"
    if stage.made:
        return plain(_MADE.get(stage.row.makes, _nothing)(stage.made))
    cancelled = stage.job is not None and stage.job.state is JobState.CANCELLED
    return "Cancelled; not done" if cancelled else "Not done yet"


def _nothing(made: Sequence[Artifact]) -> str:
    return f"{len(made)} made"


def _examples(made: Sequence[Artifact]) -> str:
    return count_of(int(made[0].summary["n_examples"]), "row")


def _embeddings(made: Sequence[Artifact]) -> str:
    name = str(made[0].manifest.options.get("encoder", ""))
    return f"{name}, {made[0].summary.get('dimension')} dimensions"


def _clustering(made: Sequence[Artifact]) -> str:
    return count_of(int(made[0].summary["n_clusters"]), "cluster")


def _projection(made: Sequence[Artifact]) -> str:
    return str(made[0].manifest.options.get("method", "map"))


def _scores(made: Sequence[Artifact]) -> str:
    return ", ".join(sorted({str(artifact.manifest.options.get("scorer")) for artifact in made}))


def _selection(made: Sequence[Artifact]) -> str:
    rows = made[0].summary.get("n_selected", made[0].summary.get("n_rows"))
    text = f"{made[0].manifest.options.get('method')}" + (f", {rows:,} rows" if isinstance(rows, int) else "")
    return text + (f"; {len(made)} selections" if len(made) > 1 else "")


_MADE: dict[str, Callable[[Sequence[Artifact]], str]] = {
    "examples": _examples,
    "embeddings": _embeddings,
    "clustering": _clustering,
    "projection": _projection,
    "scores": _scores,
    "selection": _selection,
}
