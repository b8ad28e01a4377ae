"""What the compared methods are worth to a model: all of them trained alike, and their loss on the same held-out rows."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.parts.compare.training_charts import show_losses
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_form import draw_recipe
from pages.shared.forms.finetune_model import choose_model
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.finetune_runs import STEP
from pages.shared.runs.job_watch import FormDefaults
from tamis.actions.artifact_names import model_name
from tamis.actions.comparisons import Comparison
from tamis.actions.finetune_grid import (
    MAX_GRID_RUNS,
    TrainingGrid,
    grid_runs,
    method_losses,
    n_left,
    runs_of_methods,
    submit_training_grid,
    training_grids,
)
from tamis.actions.forecast import missing_packages
from tamis.actions.jobs import JobState
from tamis.actions.runs import Run
from tamis.errors import CurationError
from tamis.recipes import RECIPES

FORM = "grid"
USUAL_HELD_OUT = 200


def show_training(context: DatasetContext, comparison: Comparison) -> None:
    """The results there are, and the button that trains the whole grid."""
    grids = training_grids(context.workspace, context.dataset_id, comparison)
    st.subheader("What a model learns from each", anchor=False)
    if grids:
        runs = _choose_grid(grids)
        _show_progress(runs)
        _show_results(context, comparison, runs)
    with st.expander(
        "Train all of them alike" if not grids else "Train them again, otherwise",
        icon=":material/model_training:",
    ):
        _show_form(context, comparison)


def _choose_grid(grids: dict[str, list[Run]]) -> list[Run]:
    if len(grids) == 1:
        return next(iter(grids.values()))
    names = list(grids)
    chosen = st.selectbox(
        "Training",
        names,
        format_func=lambda one: _say_grid(grids[one]),
        key="compare_training",
        label_visibility="collapsed",
    )
    return grids[str(chosen)]


def _say_grid(runs: list[Run]) -> str:
    options = runs[0].options
    recipe = RECIPES[options["recipe"]].title if options.get("recipe") in RECIPES else ""
    started = pd.Timestamp(max(run.created_at for run in runs))
    rate = (options.get("recipe_options") or {}).get("learning_rate")
    return (
        f"{model_name(str(options.get('model')))} · {recipe} · learning rate {rate:g} · {started:%d %b %H:%M}"
    )


def _show_progress(runs: list[Run]) -> None:
    """How many runs are done, under way and failed."""
    done = sum(run.state is JobState.SUCCEEDED for run in runs)
    ended = [run for run in runs if run.state in (JobState.FAILED, JobState.CANCELLED)]
    if done < len(runs):
        st.progress(done / len(runs), text=f"{done:,} of {count_of(len(runs), 'run')} trained")
    if ended:
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.caption(f":orange[{count_of(len(ended), 'run')} failed or cancelled.]", width="content")
            link_to("job_list", "See why", query={"in_step": STEP, "in_state": str(JobState.FAILED)})


def _show_results(context: DatasetContext, comparison: Comparison, runs: list[Run]) -> None:
    methods = runs_of_methods(comparison, runs)
    artifacts = [[run.artifact for run in own if run.artifact is not None] for own in methods]
    if not any(artifacts):
        st.caption("The first numbers appear when a run is done.")
        return
    clusters = (
        dict(enumerate(queries.cluster_of(context).tolist())) if context.view.clustering is not None else None
    )
    show_losses(context, comparison, method_losses(artifacts, clusters))


def _show_form(context: DatasetContext, comparison: Comparison) -> None:
    missing = missing_packages(RECIPES["sft_lora"].extra)
    if missing:
        st.error(f"Needs {', '.join(missing)}: run pip install 'tamis[finetune]'.", icon=":material/error:")
        return
    selections = tuple(one.id for one in comparison.selections)
    left = n_left(context.workspace.artifacts, context.dataset_id, selections)
    st.caption(
        "Every selection trains the same model with the same recipe, seeds and number of steps. All are then measured on "
        f"the same rows, drawn among the {left:,} that none of them picked."
    )
    if not left:
        st.error(
            "Every row is in one of these selections, so none is left to measure on.", icon=":material/error:"
        )
        return
    with st.container(width=760):
        model = choose_model(context, FormDefaults(), form=FORM)
        recipe, recipe_options = draw_recipe(FormDefaults(), form=FORM)
        first, second = st.columns(2, gap="small")
        n_held_out = first.number_input(
            "Held-out rows", min_value=1, max_value=left, value=min(USUAL_HELD_OUT, left), key="grid_held_out"
        )
        n_seeds = second.number_input(
            "Training seeds", min_value=1, max_value=max(1, MAX_GRID_RUNS // len(selections)), value=1, key="grid_seeds",
            help="Runs of each selection. Selections of one method with several seeds give a spread already.",
        )  # fmt: skip
        grid = TrainingGrid(
            selections=selections, n_held_out=int(n_held_out), n_seeds=int(n_seeds),
            clustering=context.view.clustering.id if context.view.clustering is not None else "",
            options={"model": model.model, "recipe": recipe, "recipe_options": recipe_options, "n_generate": 0},
        )  # fmt: skip
        _show_submit(context, grid, model.problem)


def _show_submit(context: DatasetContext, grid: TrainingGrid, problem: str) -> None:
    requests: list[dict[str, object]] = []
    if not problem:
        try:
            requests = grid_runs(context.workspace.artifacts, context.dataset_id, grid)
        except CurationError as error:
            problem = str(error)
    # The check looks at one run: they differ by their rows alone.
    asked = JobRequest(
        dataset_id=context.dataset_id, step=STEP, values=requests[0] if requests else {}, problem=problem
    )
    target = choose_target(context.workspace, asked, suffix=FORM)
    if requests:
        steps = requests[0]["recipe_options"]["max_steps"]  # type: ignore[index]
        st.caption(f"{count_of(len(requests), 'run')} of {count_of(int(steps), 'step')} each.")
    pressed = st.button(
        f"Train {count_of(len(requests), 'run')}", type="primary", icon=":material/model_training:",
        key="submit_training_grid", **asks(context.workspace, submit_training_grid, disabled=bool(problem)),
    )  # fmt: skip
    if problem:
        st.error(plain(problem), icon=":material/error:")
    if pressed:
        with errors_in_place():
            submit_training_grid(context.workspace, context.dataset_id, grid, target=target)
            st.rerun()
