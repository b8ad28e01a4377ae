"""One run, open in place: under way with live curves, failed with what can be done, or finished with its parts."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.parts.finetuning.actions import show_adapter_actions
from pages.parts.finetuning.answers import show_answers
from pages.parts.finetuning.results import show_evaluation, show_finetune_numbers
from pages.parts.finetuning.tasks import show_tasks
from pages.parts.finetuning.tokens import show_tokens
from pages.parts.finetuning.votes import show_vote
from pages.shared.activity import while_jobs_run
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.runs.finetune_curves import show_training_curves
from pages.shared.runs.finetune_runs import (
    curves_of,
    finetune_runs,
    finetune_titles,
    recipe_title,
    rows_title,
)
from pages.shared.runs.job_box import say_other_jobs, show_run_in_place
from pages.shared.runs.job_watch import CLONED, start_job
from pages.shared.runs.job_words import ICONS, STATE_COLOURS, show_options
from pages.shared.wording import ago
from tamis.actions.artifact_names import model_name
from tamis.actions.job_words import STATE_WORDS
from tamis.actions.jobs import Job, JobState, find_job, resume_job
from tamis.actions.remedies import NEXT_STEPS, with_smaller_batch
from tamis.actions.runs import Run
from tamis.actions.submit import submit
from tamis.store.artifacts.store import Artifact

PARTS = ["Evaluation", "Answers", "Tokens", "Blind vote", "Curves", "Options"]


def show_finetune_run(context: DatasetContext, run: Run) -> None:
    """Everything about one run."""
    _show_head(context, run)
    if run.artifact is not None:
        while_jobs_run(context.workspace, lambda jobs: say_other_jobs(run, jobs))
        _show_finished(context, run)
        return
    assert run.job is not None
    # Above the choice, and drawn after it, because it shows what was chosen.
    place = st.container()
    beside = _choose_beside(context, run)
    with place:
        while_jobs_run(context.workspace, lambda jobs: _show_under_way(context, run, beside, jobs))
        if run.state in (JobState.FAILED, JobState.CANCELLED):
            _show_ended(context, run, run.job)
            show_training_curves(_curves(context, run, beside))


def _show_head(context: DatasetContext, run: Run) -> None:
    model = model_name(str(run.options.get("model", "")))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(plain(model), anchor=False, width="content")
        st.badge(STATE_WORDS[run.state], icon=ICONS[run.state], color=STATE_COLOURS[run.state])
    parts = [
        recipe_title(run),
        plain(shorten(rows_title(context, run), 90)),
        f"asked for {ago(run.created_at)}",
    ]
    st.caption(f"{' · '.join(parts)} · `{run.run_id}`")


def _show_under_way(context: DatasetContext, run: Run, beside: list[Run], jobs: Sequence[Job]) -> None:
    mine = show_run_in_place(
        context.workspace, run, jobs, stopping="Stopping: a checkpoint is written first …"
    )
    if mine is not None:
        show_training_curves(_curves(context, Run(run.run_id, None, mine), beside))
    say_other_jobs(run, jobs)


def _show_ended(context: DatasetContext, run: Run, job: Job) -> None:
    now = find_job(context.workspace, job.job_id) or job
    if now.state is JobState.CANCELLED:
        st.warning(
            "It goes on from its last checkpoint when it is resumed.",
            title="The run was cancelled",
            icon=":material/block:",
        )
    else:
        st.error(plain(now.reason), title="The run failed", icon=":material/error:")
        if now.error_kind in NEXT_STEPS:
            st.caption(NEXT_STEPS[now.error_kind])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Resume",
            type="primary",
            icon=":material/play_arrow:",
            **asks(context.workspace, resume_job, words="Go on from the last checkpoint."),
        ):
            with errors_in_place():
                resume_job(context.workspace, job.job_id)
                st.rerun()
        _offer_remedies(context, now)
        link_to("job_list", "See the log", icon=":material/article:", query={"job": job.job_id})


def _offer_remedies(context: DatasetContext, job: Job) -> None:
    """Buttons for what fits the reason."""
    smaller = with_smaller_batch(job)
    words = "The same rows per step, computed in more and smaller batches, so the result stays comparable."
    if smaller is not None and st.button(
        f"Run with batches of {smaller.batch}",
        icon=":material/compress:",
        **asks(context.workspace, submit, words=words),
    ):
        again = smaller.request
        start_job(context.workspace, again.dataset_id, again.step, again.options, target=again.target)
    if st.button("Change the options", icon=":material/tune:"):
        st.query_params.from_dict({"dataset": context.dataset_id, CLONED: job.job_id})
        st.rerun()


def _show_finished(context: DatasetContext, run: Run) -> None:
    assert run.artifact is not None
    show_adapter_actions(context, run, run.artifact)
    show_finetune_numbers(context, run)
    part = st.segmented_control(
        "Part",
        PARTS,
        default=PARTS[0],
        required=True,
        key="part",
        bind="query-params",
        label_visibility="collapsed",
    )
    if part == "Answers":
        show_answers(context, run.artifact)
    elif part == "Tokens":
        show_tokens(context, run)
    elif part == "Blind vote":
        # Of its own, because a vote should not draw the whole page again.
        st.fragment(show_vote)(context, run)
    elif part == "Curves":
        show_training_curves(_curves(context, run, _choose_beside(context, run)))
    elif part == "Options":
        _show_options(run, run.artifact)
    else:
        show_evaluation(context, run)
        show_tasks(run)


def _choose_beside(context: DatasetContext, run: Run) -> list[Run]:
    """Other runs whose curves are drawn over those of this one."""
    others = {
        one.run_id: one
        for one in finetune_runs(context.workspace, context.dataset_id)
        if one.run_id != run.run_id
    }
    if not others:
        return []
    titles = finetune_titles(context)
    chosen = st.multiselect(
        "Beside", list(others), format_func=lambda one: titles.get(one, one), key="beside", bind="query-params",
        placeholder="Draw the curves of other runs over these", label_visibility="collapsed", max_selections=7,
    )  # fmt: skip
    return [others[one] for one in chosen if one in others]


def _curves(context: DatasetContext, run: Run, beside: list[Run]) -> dict[str, pd.DataFrame]:
    shown = [run, *beside]
    titles = finetune_titles(context)
    return {shorten(titles[one.run_id], 60): curves_of(context.workspace, one) for one in shown}


def _show_options(run: Run, artifact: Artifact) -> None:
    if run.job is not None:
        show_options(run.job)
    else:
        st.json(artifact.manifest.options, expanded=2)
    digest = run.summary.get("train_sha256")
    if digest:
        st.caption(f"Training file: {count_of(int(run.number('n_train')), 'row')}, SHA-256 `{digest}`")
    fit = run.summary.get("fit") or {}
    if fit.get("text"):
        st.caption(plain(str(fit["text"])))
