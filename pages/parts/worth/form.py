"""Which mixtures are trained on, on how many tokens, and how long that would take here."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_model import ask_training, choose_model, show_timed_step
from pages.shared.forms.run_target import JobRequest, choose_target
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import FormDefaults, follow_job
from tamis.actions.forecast import missing_packages
from tamis.actions.worth import WorthRequest, estimate_worth, submit_worth
from tamis.recipes import RECIPES

FORM, STEP = "worth", "worth"
_ESTIMATE_HELP = "Loads the model, trains two steps and measures a few rows here and now; nothing is queued."


def show_worth_form(context: DatasetContext) -> None:
    """Tokens, runs and the recipe; a button that times one step, and one that starts."""
    if not _can_be_asked(context):
        return
    st.caption(
        "Similar clusters are joined to at most twelve. The model is trained on mixtures of them, three times in the dataset's own "
        "shares, always on exactly as many tokens, and measured on the same held-out rows. What the losses say of each "
        "cluster has an interval."
    )
    with st.container(width=760):
        model = choose_model(context, FormDefaults(), form=FORM)
        request = _ask(context, model.model)
        asked = JobRequest(
            dataset_id=context.dataset_id, step=STEP, values={}, problem="The rows are drawn first."
        )
        target = choose_target(context.workspace, asked, suffix=FORM)
        with st.container(horizontal=True):
            timed = st.button(
                "Estimate",
                icon=":material/timer:",
                **asks(context.workspace, estimate_worth, disabled=bool(model.problem), words=_ESTIMATE_HELP),
            )
            pressed = st.button(
                "Start the runs",
                type="primary",
                icon=":material/play_arrow:",
                **asks(context.workspace, submit_worth, disabled=bool(model.problem)),
            )
        if model.problem:
            st.error(plain(model.problem), icon=":material/error:")
        if timed:
            show_timed_step(lambda: estimate_worth(context.workspace, context.dataset_id, request).text)
        if pressed:
            with errors_in_place(), st.spinner("Holding rows out and counting tokens …"):
                follow_job(submit_worth(context.workspace, context.dataset_id, request, target=target))
                st.rerun()


def _can_be_asked(context: DatasetContext) -> bool:
    """Whether packages and clusters are there; says what is missing."""
    missing = missing_packages(RECIPES["sft_full"].extra)
    if missing:
        st.error(f"Needs {', '.join(missing)}: run pip install 'tamis[finetune]'.", icon=":material/error:")
    elif context.view.clustering is None:
        st.info(
            "Clusters are weighed, and this dataset has none yet: cluster it on the map.",
            icon=":material/info:",
        )
    return not missing and context.view.clustering is not None


def _ask(context: DatasetContext, model: str) -> WorthRequest:
    training = ask_training(context, FORM)
    runs = training.beside.number_input(
        "Mixtures", min_value=0, value=0, key="worth_runs",
        help="0: four for each super-cluster. With fewer no mixture is called better than the dataset's own.",
    )  # fmt: skip
    most = training.in_recipe.number_input(
        "Super-clusters at most", min_value=2, max_value=12, value=12, key="worth_most",
        help="Clusters that are alike are joined until there are so many, each of them with rows enough.",
    )  # fmt: skip
    return WorthRequest(model=model, runs=int(runs), most_clusters=int(most), **training.values)
