"""One refinement, open in place: under way with the rounds that have landed, ended early, or finished with its parts."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.parts.refinement.actions import show_refinement_actions
from pages.parts.refinement.compare import show_beside
from pages.parts.refinement.curves import show_round_model_curves
from pages.parts.refinement.delete import offer_deletion
from pages.parts.refinement.factors import say_factors
from pages.parts.refinement.flags import show_flags
from pages.parts.refinement.history import history_of
from pages.parts.refinement.map import show_map
from pages.parts.refinement.movers import show_movers
from pages.parts.refinement.results import show_refinement_numbers, show_rounds, show_weights
from pages.shared.activity import while_jobs_run
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_box import say_other_jobs, show_run_in_place
from pages.shared.runs.job_watch import CLONED
from pages.shared.runs.job_words import ICONS, STATE_COLOURS, show_options
from pages.shared.wording import ago
from tamis.actions.artifact_names import CONTROLS, model_name, name_runs
from tamis.actions.dataset_context import through_clustering
from tamis.actions.job_words import STATE_WORDS
from tamis.actions.jobs import Job, JobState, find_job, resume_job
from tamis.actions.refinement_history import RefinementHistory
from tamis.actions.refinements import STEP, control_of, is_cheap, is_static, n_rounds_asked, rounds_so_far
from tamis.actions.remedies import NEXT_STEPS, ran_out_of_memory
from tamis.actions.runs import Run, list_runs
from tamis.store.artifacts.store import Artifact

PARTS = ["Weights", "Movers", "Map", "Flagged rows", "Rounds", "Compare", "Options"]
MEMORY_HINT = (
    "It was memory: let the recipe compute fewer rows at once (per_device_train_batch_size), cut rows shorter (max_length), "
    "or take the cheap mode, which trains nothing."
)


def show_refinement(context: DatasetContext, run: Run) -> None:
    """Everything about one refinement, through the clustering whose weights it moves."""
    context = through_clustering(context, run.inputs.get("clustering", ""))
    _show_head(context, run)
    if run.artifact is not None:
        while_jobs_run(context.workspace, lambda jobs: say_other_jobs(run, jobs))
        _show_finished(context, run)
        return
    n_drawn = len(rounds_so_far(context.workspace, run))
    while_jobs_run(context.workspace, lambda jobs: _show_under_way(context, run, n_drawn, jobs))
    if run.state in (JobState.FAILED, JobState.CANCELLED) and run.job is not None:
        _show_ended(context, run, run.job)


def _show_head(context: DatasetContext, run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(plain(_name(context, run)), anchor=False, width="content")
        st.badge(STATE_WORDS[run.state], icon=ICONS[run.state], color=STATE_COLOURS[run.state])
        if is_cheap(run):
            words = "Nothing was trained: the base model answered and was scored in every round."
            st.badge("Cheap mode", icon=":material/savings:", color="orange", help=words)
        if control_of(run) != "none":
            st.badge(f"Control: {CONTROLS[control_of(run)]}", icon=":material/science:", color="violet")
    factors = run.options.get("cluster_factors") or {}
    parts = [count_of(n_rounds_asked(context.workspace, run), "round")]
    if not is_static(run):
        parts.append(f"model {plain(model_name(str(run.options.get('model', ''))))}")
    if factors:
        parts.append(say_factors(factors, context.names.names))
    parts += ["decisions respected"] if "decisions" in run.inputs else []
    parts += [f"continues `{run.inputs['continue_from'][:8]}`"] if "continue_from" in run.inputs else []
    st.caption(" · ".join([*parts, f"started {ago(run.created_at)}", f"`{run.run_id}`"]))


def _name(context: DatasetContext, run: Run) -> str:
    names = name_runs(context.workspace, list_runs(context.workspace, context.dataset_id, STEP))
    return names.get(run.run_id, "")


def _show_under_way(context: DatasetContext, run: Run, n_drawn: int, jobs: Sequence[Job]) -> None:
    chain = rounds_so_far(context.workspace, run)
    if len(chain) != n_drawn:
        st.rerun()  # the list above counts the rounds too
    mine = show_run_in_place(context.workspace, run, jobs, stopping="Stopping: what is finished is kept …")
    _show_so_far(context, run, chain, training=mine is not None and mine.progress.stage.endswith("train"))
    say_other_jobs(run, jobs)


def _show_so_far(context: DatasetContext, run: Run, chain: Sequence[Artifact], *, training: bool) -> None:
    """What the finished rounds have to say, each as soon as it is there."""
    history = history_of(context, run, chain)
    asked = n_rounds_asked(context.workspace, run)
    if history is None:
        st.caption(f"Weights and flags appear here with the first of {count_of(asked, 'round')}.")
    show_round_model_curves(context, run, chain, live=training)
    if history is not None:
        st.markdown(f"**{history.n_rounds} of {count_of(asked, 'round')} finished**")
        show_weights(context, history, live=True)
        show_rounds(context, history, live=True)


def _show_ended(context: DatasetContext, run: Run, job: Job) -> None:
    now = find_job(context.workspace, job.job_id) or job
    chain = rounds_so_far(context.workspace, run)
    n_rounds = len(chain)
    kept = f"{count_of(n_rounds, 'round')} finished and kept; it goes on from there when it is resumed."
    if now.state is JobState.CANCELLED:
        st.warning(kept, title="The refinement was cancelled", icon=":material/block:")
    else:
        st.error(plain(now.reason), title="The refinement failed", icon=":material/error:")
        hint = MEMORY_HINT if ran_out_of_memory(now) else NEXT_STEPS.get(now.error_kind, "")
        st.caption(" ".join([hint, kept] if hint else [kept]))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Resume",
            type="primary",
            icon=":material/play_arrow:",
            **asks(context.workspace, resume_job, words="Go on from the last finished stage."),
        ):
            with errors_in_place():
                resume_job(context.workspace, job.job_id)
                st.rerun()
        if st.button("Change the options", icon=":material/tune:"):
            st.query_params.from_dict({"dataset": context.dataset_id, CLONED: job.job_id})
            st.rerun()
        link_to("job_list", "See the log", icon=":material/article:", query={"job": job.job_id})
        offer_deletion(context, run)


def _show_finished(context: DatasetContext, run: Run) -> None:
    chain = rounds_so_far(context.workspace, run)
    history = history_of(context, run, chain)
    assert history is not None
    show_refinement_actions(context, run, history)
    if not chain:
        st.warning(
            "Rounds of this refinement were deleted: its weights and flags are here, its answers are not, and it cannot be "
            "continued.",
            icon=":material/link_off:",
        )
    show_refinement_numbers(run, history)
    part = st.segmented_control(
        "Part", PARTS, default=PARTS[0], required=True, key="part", bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    _show_part(context, run, history, str(part))


def _show_part(context: DatasetContext, run: Run, history: RefinementHistory, part: str) -> None:
    if part == "Movers":
        show_movers(context, history)
    elif part == "Map":
        show_map(context, run, history)
    elif part == "Flagged rows":
        show_flags(context, run, history)
    elif part == "Rounds":
        show_rounds(context, history)
        show_round_model_curves(context, run, history.rounds)
    elif part == "Compare":
        show_beside(context, run, history)
    elif part == "Options":
        if run.job is not None:
            show_options(run.job)
        else:
            st.json(dict(run.options), expanded=2)
    else:
        show_weights(context, history)
