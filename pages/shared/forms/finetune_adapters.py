"""What was trained in this workspace, as choices of a form: adapters of runs, and the round models of refinements' rounds."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.options_form import FormField, draw_field
from pages.shared.plain_text import count_of
from pages.shared.wording import ago
from tamis.actions.artifact_names import artifact_names, model_name
from tamis.actions.datasets import dataset_names
from tamis.actions.models import KnownAdapter, RoundModel, trained_models
from tamis.llms import TransformersOptions
from tamis.steps.refine.gaps import GAPS
from tamis.store.workspace import Workspace
from tamis.types import JSON


def trained_titles(workspace: Workspace) -> dict[str, str]:
    """Titles by ``adapter:ID``: what was fine-tuned first, then the round models of refinements by run and round."""
    trained = trained_models(workspace)
    datasets = {one.dataset_id for one in trained if isinstance(one, KnownAdapter)}
    names = {dataset_id: artifact_names(workspace, dataset_id, "adapter") for dataset_id in datasets}
    called = dataset_names(workspace) if len(datasets) > 1 else {}
    return {
        one.model: _say_round_model(one)
        if isinstance(one, RoundModel)
        else " · ".join(
            filter(None, [names[one.dataset_id][one.artifact_id], called.get(one.dataset_id, "")])
        )
        for one in trained
    }


def draw_llm_model(context: DatasetContext, drawn: FormField) -> JSON:
    """The model of a local language model: typed, or one that was trained in this workspace."""
    titles = trained_titles(context.workspace)
    if not titles or drawn.info is not TransformersOptions.model_fields["model"]:
        return draw_field(drawn)  # an endpoint has models of its own

    def take() -> None:
        chosen = st.session_state[f"{drawn.key}_trained"]
        if chosen:
            st.session_state[drawn.key] = chosen

    typed = draw_field(drawn)
    chosen_trained = typed if typed in titles else None
    if st.session_state.get(f"{drawn.key}_trained") != chosen_trained:
        st.session_state[f"{drawn.key}_trained"] = chosen_trained  # what is typed is what counts
    st.selectbox(
        "Trained in this workspace", list(titles), index=None, format_func=lambda one: titles.get(one, one),
        key=f"{drawn.key}_trained", on_change=take, placeholder="Take one that was trained here",
        label_visibility="collapsed",
    )  # fmt: skip
    return typed


def _say_round_model(round_model: RoundModel) -> str:
    title = GAPS[round_model.scorer].title if round_model.scorer in GAPS else round_model.scorer
    run = f"Refinement {round_model.refinement[:6]}" if round_model.refinement else "Unfinished refinement"
    parts = [
        f"{run}, round {round_model.round}",
        title,
        model_name(round_model.base),
        count_of(round_model.n_train, "row"),
    ]
    return " · ".join([*parts, ago(round_model.created_at), round_model.artifact_id[:8]])
