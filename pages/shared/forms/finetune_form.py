"""The form of a fine-tuning run: rows, model, recipe, evaluation and place, with what it will take beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_forecast import show_finetune_forecast
from pages.shared.forms.finetune_model import ChosenModel, choose_model, choose_tasks
from pages.shared.forms.finetune_rows import ChosenTraining, choose_held_out, choose_training_rows
from pages.shared.forms.options_form import Form, FormField, draw_field, draw_options
from pages.shared.forms.planned import plan_of
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import FormDefaults, cloned_defaults, start_job
from tamis.actions.forecast import missing_packages
from tamis.actions.submit import PlannedRun, RunTarget, submit
from tamis.actions.training import SMOKE_STEPS, hold_out_again, smoke_test
from tamis.errors import CurationError
from tamis.recipes import RECIPES
from tamis.registry import Options
from tamis.steps.finetune.options import FinetuneOptions
from tamis.types import JSON

STEP = "finetune"
BASICS = ("learning_rate", "num_train_epochs", "per_device_train_batch_size", "max_length")
EVALUATION = ("held_out_fraction", "n_generate")
# TRL's names stay in the help, for whoever knows them.
LABELS = {
    "num_train_epochs": "Epochs",
    "per_device_train_batch_size": "Batch size",
    "max_length": "Longest row (tokens)",
    "held_out_fraction": "Held-out share",
    "n_generate": "Answers to compare",
    "max_held_out": "Held-out rows at most",
    "max_new_tokens": "Longest answer (tokens)",
    "lm_eval_limit": "Rows of each task at most",
}
# Some that small models are often asked; any other name can be typed.
SMOKE_HELP = (
    f"The same run with {SMOKE_STEPS} steps and 2 answers: whether all of it works here, in a minute or so. It times a step, "
    "from which the time of the whole run is told."
)
MORE = ("max_held_out", "max_new_tokens", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneFormValues:
    """What the form holds; ``problem`` says why it cannot be submitted."""

    training: ChosenTraining
    values: Mapping[str, JSON]
    planned: PlannedRun | None = None
    problem: str = ""


def show_finetune_form(context: DatasetContext) -> None:
    """The form, and beside it what the run will read."""
    start = cloned_defaults(context.workspace, STEP)
    left, right = st.columns([0.52, 0.48], gap="large")
    with left:
        filled = _draw_form(context, start)
        asked = JobRequest(
            dataset_id=context.dataset_id, step=STEP, values=filled.values, problem=filled.problem
        )
        target = choose_target(context.workspace, asked, start=start.target, suffix=start.suffix)
        _show_submit(context, filled, target)
    with right:
        if filled.planned is not None and len(filled.training.rows):
            show_finetune_forecast(context, filled.planned, filled.training.rows)
        elif filled.planned is None:
            st.caption("What the run will take appears here when the form is complete.")


def _draw_form(context: DatasetContext, start: FormDefaults) -> FinetuneFormValues:
    training = choose_training_rows(context, start)
    model = choose_model(context, start)
    recipe, recipe_options = draw_recipe(start)
    values = _draw_evaluation(context, start)
    values |= {"model": model.model, "recipe": recipe, "recipe_options": recipe_options, **training.values}
    if context.view.clustering is not None:
        # Named, because a random pick has none of its own to report by.
        values["clustering"] = context.view.clustering.id
    problem = _problem(training, model, recipe)
    try:
        planned = plan_of(context, STEP, {**values, "model": model.model or "none"})
    except CurationError as error:
        return FinetuneFormValues(training=training, values=values, problem=problem or str(error))
    return FinetuneFormValues(training=training, values=values, planned=planned, problem=problem)


def draw_recipe(start: FormDefaults, *, form: str = STEP) -> tuple[str, dict[str, JSON]]:
    """The recipe with its options, few of them unfolded; ``form`` tells the widgets of several forms apart."""
    suffix = f"_{start.suffix}" if start.suffix else ""
    first = str(start.values.get("recipe") or next(iter(RECIPES)))
    recipe = str(
        st.pills(
            "Recipe", list(RECIPES), format_func=lambda name: RECIPES[name].title, default=first, required=True,
            key=f"{form}_recipe{suffix}", bind="query-params", persist_state="session", wrap=True,
        )
    )  # fmt: skip
    st.caption(RECIPES[recipe].summary)
    given = start.values.get("recipe_options") if recipe == start.values.get("recipe") else {}
    fields = Form(name=f"{form}_{recipe}", start=given or {}, suffix=start.suffix)
    options = RECIPES[recipe].options
    values = _draw_in_columns(options, fields, BASICS)
    with st.expander("More options of the recipe", icon=":material/tune:", key=fields.key("more")):
        values |= draw_options(options, replace(fields, skip=BASICS))
    return recipe, values


def _draw_evaluation(context: DatasetContext, start: FormDefaults) -> dict[str, JSON]:
    form = Form(name=STEP, start=start.values, suffix=start.suffix)
    values = _draw_in_columns(FinetuneOptions, form, EVALUATION)
    if not values["held_out_fraction"]:
        values["n_generate"] = 0
    with st.expander("More about the evaluation", icon=":material/tune:", key=form.key("more")):
        same = choose_held_out(context)
        if same is not None:
            values["held_out"] = hold_out_again(context.workspace, context.dataset_id, same)
        values |= _draw_in_columns(FinetuneOptions, form, MORE)
        values |= _draw_tasks(form)
    return values


def _draw_tasks(form: Form) -> dict[str, JSON]:
    """Tasks of the lm-evaluation-harness, where it is installed."""
    given = [str(task) for task in form.start.get("lm_eval_tasks") or ()]
    who = "Base and tuned model both answer them after training."
    chosen = choose_tasks(form.key("lm_eval_tasks"), who, given)
    if not chosen:
        return {}
    return {"lm_eval_tasks": chosen, **_draw_in_columns(FinetuneOptions, form, ("lm_eval_limit",))}


def _draw_in_columns(options: type[Options], form: Form, names: Collection[str]) -> dict[str, JSON]:
    """Some of the fields, two beside each other."""
    values: dict[str, JSON] = {}
    renamed = {name: _draw_renamed for name in names if name in LABELS}
    columns = st.columns(2, gap="small")
    for i, name in enumerate(names):
        others = [other for other in options.model_fields if other != name]
        with columns[i % 2]:
            values |= draw_options(options, replace(form, skip=others, instead=renamed))
    return values


def _draw_renamed(drawn: FormField) -> JSON:
    return draw_field(replace(drawn, label=LABELS[drawn.name], help=f"{drawn.help} (`{drawn.name}`)"))


def _problem(training: ChosenTraining, model: ChosenModel, recipe: str) -> str:
    missing = missing_packages(RECIPES[recipe].extra)
    if missing:
        return f"Fine-tuning needs {', '.join(missing)}: run pip install 'tamis[finetune]' and start the app again."
    if not len(training.rows):
        return "No row is left to train on: choose others."
    return model.problem


def _show_submit(context: DatasetContext, filled: FinetuneFormValues, target: RunTarget) -> None:
    n = len(filled.training.rows)
    asked = asks(context.workspace, submit, disabled=bool(filled.problem))
    with st.container(horizontal=True, gap="small"):
        pressed = st.button(
            f"Fine-tune on {count_of(n, 'row')}", type="primary", icon=":material/model_training:", key="submit_finetune", **asked,
        )  # fmt: skip
        smoke = st.button(
            "Smoke test", icon=":material/bolt:", key="smoke_finetune", disabled=asked["disabled"], help=asked["help"] or SMOKE_HELP,
        )  # fmt: skip
    if filled.problem:
        st.error(plain(filled.problem), icon=":material/error:")
    if pressed:
        start_job(context.workspace, context.dataset_id, STEP, filled.values, target=target)
    elif smoke:
        start_job(context.workspace, context.dataset_id, STEP, smoke_test(filled.values), target=target)
