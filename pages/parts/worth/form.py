"""Which mixtures are trained on, on how many tokens, and how long that would take here."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_model import (
    ESTIMATE_HELP,
    StudyButtons,
    ask_training,
    can_train,
    choose_model,
    show_study_buttons,
)
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.runs.job_watch import FormDefaults
from tamis.actions.worth import WorthRequest, estimate_worth, submit_worth

FORM = STEP = "worth"


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
        where, blocked = (context.workspace, context.dataset_id, request), bool(model.problem)
        show_study_buttons(
            context,
            model,
            StudyButtons(
                STEP, "Start the runs", ":material/play_arrow:",
                estimating=asks(context.workspace, estimate_worth, disabled=blocked, words=ESTIMATE_HELP),
                starting=asks(context.workspace, submit_worth, disabled=blocked),
            ),
            estimate=lambda: estimate_worth(*where).text,
            submit=lambda target: submit_worth(*where, target=target),
        )  # fmt: skip


def _can_be_asked(context: DatasetContext) -> bool:
    """Whether packages and clusters are there; says what is missing."""
    if not can_train():
        return False
    if context.view.clustering is None:
        st.info(
            "Clusters are weighed, and this dataset has none yet: cluster it on the map.",
            icon=":material/info:",
        )
        link_to("data_map", "To the map", query={"dataset": context.dataset_id})
    return context.view.clustering is not None


def _ask(context: DatasetContext, model: str) -> WorthRequest:
    training = ask_training(context, FORM)
    runs = training.beside.number_input(
        "Mixtures", min_value=1, value=None, key="worth_runs", placeholder="4 a super-cluster",
        help="Empty: four for each super-cluster. With fewer no mixture is called better than the dataset's own.",
    )  # fmt: skip
    most = training.in_recipe.number_input(
        "Super-clusters at most", min_value=2, max_value=12, value=12, key="worth_most",
        help="Clusters that are alike are joined until there are so many, each of them with rows enough.",
    )  # fmt: skip
    return WorthRequest(model=model, runs=int(runs or 0), most_clusters=int(most), **training.values)
