"""Any step with all its options: for the steps that have no page of their own, and to clone and change their jobs."""

from __future__ import annotations

import streamlit as st

from pages.shared.forms.options_form import Form, draw_options
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.identity import asks
from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import CLONED, cloned_defaults, start_job
from tamis.actions.datasets import dataset_names
from tamis.actions.submit import check_options, submit
from tamis.errors import CurationError
from tamis.steps import STEPS
from tamis.store.workspace import Workspace
from tamis.types import JSON

STEP = "start"
DATASET = "dataset"
# Steps with a page of their own, where their form shows more than their options.
PAGES = {
    "import": "import_data",
    "score": "scoring",
    "select": "selection",
    "compare": "compare",
    "referee": "referee",
    "worth": "worth",
    "finetune": "finetuning",
    "refine": "refinement",
    "propose": "review",
    "augment": "augment",
    "curate": "review",
}


def general_steps() -> list[str]:
    """The steps that are started with the form of this module."""
    return [name for name in STEPS if name not in PAGES]


def asked_step() -> str:
    """The step whose form the address asks for; empty for none."""
    asked = st.query_params.get(STEP, "")
    return asked if asked in general_steps() else ""


def offer_step_form() -> None:
    """The way to the form."""
    if st.button(
        "Run a step", icon=":material/play_arrow:", help="With all its options, and where you choose."
    ):
        st.query_params[STEP] = general_steps()[0]
        st.rerun()


def leave_step_form() -> None:
    """Forget the form and what it was about."""
    for name in (STEP, CLONED):
        st.query_params.pop(name, None)


def show_step_form(workspace: Workspace, step: str) -> None:
    """The dataset, the step, its options, and where it runs."""
    if st.button("All jobs", icon=":material/arrow_back:", type="tertiary"):
        leave_step_form()
        st.rerun()
    names = dataset_names(workspace)
    if not names:
        st.info("Import a dataset first: a step needs one.", icon=":material/inbox:")
        return
    st.subheader("Run a step", anchor=False)
    start = cloned_defaults(workspace, step)
    # What a clone starts with would otherwise be hidden below the widgets of the last form.
    form = Form(name=step, start=start.values, suffix=start.suffix)
    with st.container(width=760):
        dataset_id = _choose_dataset(names)
        st.segmented_control(
            "Step", general_steps(), default=step, required=True, format_func=lambda name: STEPS[name].title,
            key=f"step_of_form_{step}", on_change=_changed_step, args=(f"step_of_form_{step}",),
        )  # fmt: skip
        st.caption(STEPS[step].summary)
        values = draw_options(STEPS[step].options, form)
        values |= {role: start.values[role] for role in STEPS[step].options.POINTERS if role in start.values}
        asked = JobRequest(
            dataset_id=dataset_id,
            step=step,
            values=values,
            problem=_problem(workspace, step, values),
        )
        target = choose_target(workspace, asked, start=start.target, suffix=start.suffix)
        pressed = st.button(
            STEPS[step].title,
            type="primary",
            icon=":material/play_arrow:",
            key="submit_step",
            **asks(workspace, submit, disabled=bool(asked.problem)),
        )
        if asked.problem:
            st.error(plain(asked.problem), icon=":material/error:")
    if pressed:
        start_job(workspace, dataset_id, step, values, target=target)


def _choose_dataset(names: dict[str, str]) -> str:
    asked = st.query_params.get(DATASET, "")
    options = list(names)
    return st.selectbox(
        "Dataset", options, index=options.index(asked) if asked in names else 0,
        format_func=lambda dataset_id: names[dataset_id], key="dataset_of_step", on_change=_changed_dataset,
    )  # fmt: skip


def _changed_dataset() -> None:
    st.query_params[DATASET] = st.session_state["dataset_of_step"]


def _changed_step(key: str) -> None:
    leave_step_form()
    st.query_params[STEP] = st.session_state[key]


def _problem(workspace: Workspace, step: str, values: dict[str, JSON]) -> str:
    """What is wrong with the options; that an input is missing is said when the step is submitted."""
    try:
        check_options(workspace, step, values)
    except CurationError as error:
        return str(error)
    return ""
