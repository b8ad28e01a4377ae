"""What can be done with a refinement: its rows after any round, more rounds, controls at the same budget, a variation."""

from __future__ import annotations

import streamlit as st

from pages.parts.refinement.again import offer_more_rounds
from pages.parts.refinement.delete import offer_deletion
from pages.parts.refinement.picker import PICKER
from pages.shared.active import offer_to_keep
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import go_to
from pages.shared.plain_text import count_of
from pages.shared.runs.job_watch import CLONED
from pages.shared.runs.picker import forget
from tamis.actions.read_rows import ALL_ROWS
from tamis.actions.refinement_history import RefinementHistory
from tamis.actions.refinements import compare_with_controls, control_of, selection_after
from tamis.actions.runs import Run
from tamis.store.artifacts.store import Artifact


def show_refinement_actions(context: DatasetContext, run: Run, history: RefinementHistory) -> None:
    """One row of buttons, first what is done with the rows of one round."""
    assert run.artifact is not None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        number = _choose_round(run)
        selection = selection_after(context.workspace, run, number)
        _offer_rows(context, selection)
        offer_more_rounds(context, run, history)
        _offer_more(context, run, selection)
        offer_deletion(context, run)
    if selection is None:
        st.warning(
            f"The selection after round {number} was deleted. Clone the refinement to make it again: rounds that are "
            "still there are not computed twice.",
            icon=":material/link_off:",
        )


def _choose_round(run: Run) -> int:
    n_rounds = int(run.summary["n_rounds"])
    return int(
        st.selectbox(
            "Rows after", range(n_rounds, 0, -1), key=f"after_{run.run_id[:6]}", bind="query-params", width=170, label_visibility="collapsed",
            format_func="After round {}".format,
            help="Every round leaves a subset of its own.",
        )
    )  # fmt: skip


def _offer_rows(context: DatasetContext, selection: Artifact | None) -> None:
    here, gone = {"dataset": context.dataset_id}, selection is None
    identifier = selection.id if selection is not None else ""
    n_rows = count_of(int(selection.summary["n_selected"]), "row") if selection is not None else "rows"
    if st.button(f"Export {n_rows}", icon=":material/download:", disabled=gone, key="export_round"):
        go_to("export_data", here | {"rows": "selection", "selection": identifier})
    if st.button("Fine-tune on these", icon=":material/model_training:", disabled=gone, key="finetune_round"):
        go_to("finetuning", here | {"view": "new", "rows": "selection", "selection": identifier})
    if st.button("On the map", icon=":material/scatter_plot:", disabled=gone, key="map_of_round"):
        go_to("data_map", here | {"scope": ALL_ROWS.and_where("selected", True, identifier).to_url()})
    if selection is not None:
        offer_to_keep(context, selection, key="keep_round")


def _offer_more(context: DatasetContext, run: Run, selection: Artifact | None) -> None:
    """What is asked for seldom, so that the rest fits a line of 1280 pixels."""
    is_compared = control_of(run) == "none" and selection is not None
    if not is_compared and run.job is None:
        return
    with st.popover("More", icon=":material/more_horiz:"):
        if is_compared and selection is not None:
            _offer_controls(context, run, selection)
        if run.job is not None and st.button("Clone and change", icon=":material/content_copy:"):
            st.query_params.from_dict({"dataset": context.dataset_id, CLONED: run.job.job_id})
            st.rerun()


def _offer_controls(context: DatasetContext, run: Run, selection: Artifact) -> None:
    words = (
        "Draws static kMQ, random and kM-random at the same size from the same rows, and opens the comparison. Is the "
        "refinement any better than not refining?"
    )
    asked = asks(context.workspace, compare_with_controls, words=words)
    if not st.button("Compare with controls", icon=":material/compare:", **asked):
        return
    with errors_in_place():
        job = compare_with_controls(context.workspace, context.dataset_id, run, selection).job
        forget(PICKER.parameter)
        go_to("compare", {"dataset": context.dataset_id, "job": job.job_id})
