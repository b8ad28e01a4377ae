"""Examinations: which one says what was answered wrongly, how often by group, and a form that examines another model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import get_args

import streamlit as st

from pages.parts.augment.charts import accuracy_chart
from pages.parts.augment.runs import say_wrong
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_adapters import draw_llm_model
from pages.shared.forms.llm_forecast import show_models_forecast
from pages.shared.forms.options_form import Form, FormField, draw_choice, draw_options
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.job_watch import FormDefaults, start_job
from tamis.actions.artifact_names import artifact_names
from tamis.actions.augmenting import examination_groups
from tamis.actions.roles import why_not
from tamis.actions.submit import check_options, submit
from tamis.errors import CurationError
from tamis.llms import LLMS
from tamis.steps.augment.options import Mix
from tamis.steps.examine.options import ExamineOptions
from tamis.types import JSON

MIXES = {
    "all": "Each once",
    "even": "Evenly over groups",
    "proportional": "By wrong rows",
    "bad_case": "By √(1 − accuracy)",
    "bad_case_linear": "By 1 − accuracy",
}
ASKED = ("llm", "mark", "group", "temperature", "n", "max_new_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedChoice:
    """Options that name the wrong rows, in words, and why there are none."""

    values: dict[str, JSON] = field(default_factory=dict)
    said: str = ""
    problem: str = ""


def choose_examined(context: DatasetContext, start: FormDefaults) -> ExaminedChoice:
    """The examination whose wrong rows are meant, with its groups; where there is none, the form that makes one."""
    made = context.workspace.artifacts.list(context.dataset_id, "examination")
    if not made:
        st.caption(
            "No model was examined on these rows yet: let one answer them, and what it gets wrong is written from."
        )
        _show_examine_form(context)
        return ExaminedChoice(problem="Examine a model first, or write from other rows.")
    names = artifact_names(context.workspace, context.dataset_id, "examination")
    by_id = {one.id: one for one in made}
    chosen = st.selectbox(
        "Examination",
        list(by_id),
        format_func=names.__getitem__,
        key="augment_examination",
        bind="query-params",
    )
    summary = by_id[chosen].summary
    groups = examination_groups(by_id[chosen])
    if summary.get("judge_is_student"):
        st.caption(":material/info: The judge is the model that answered: it may be kind to itself.")
    if summary.get("measured_text"):
        st.caption(f":material/info: {plain(str(summary['measured_text']))}")
    values: dict[str, JSON] = {"parents": f"wrong:{chosen}"}
    if len(groups) > 1:
        accuracy_chart(groups)
        values["mix"] = st.selectbox(
            "Drawn from the groups", list(get_args(Mix)), format_func=MIXES.__getitem__, key="augment_mix",
            bind="query-params", help="How many rows each group of the examination gets; accuracies are shrunk, so that a group of one row says little.",
        )  # fmt: skip
    with st.expander("Examine another model", icon=":material/quiz:"):
        _show_examine_form(context)
    if not summary["n_wrong"]:
        return ExaminedChoice(
            problem="Nothing was answered wrongly: examine with another mark, or write from other rows."
        )
    return ExaminedChoice(values=values, said=say_wrong(summary))


def _show_examine_form(context: DatasetContext) -> None:
    skipped = [name for name in ExamineOptions.model_fields if name not in ASKED]
    form = Form(
        name="examine", skip=skipped,
        instead={"llm": _draw_student, "llm_options.model": partial(draw_llm_model, context)},
    )  # fmt: skip
    values = draw_options(ExamineOptions, form)
    problem = ""
    try:
        check_options(context.workspace, "examine", values)
    except CurationError as error:
        problem = str(error)
        st.error(plain(problem), icon=":material/error:")
    if not problem and not why_not(submit, context.workspace):
        show_models_forecast(context, "examine", values)
    if st.button(
        f"Examine on {count_of(context.n_rows, 'row')}", icon=":material/quiz:", key="start_examine",
        **asks(context.workspace, submit, disabled=bool(problem)),
    ):  # fmt: skip
        start_job(context.workspace, context.dataset_id, "examine", values)


def _draw_student(drawn: FormField) -> JSON:
    return draw_choice(replace(drawn, label="Model that answers"), LLMS)
