"""Deleting a refinement, finished or ended before, once it is said what goes and what stays."""

from __future__ import annotations

import streamlit as st

from pages.parts.refinement.picker import PICKER
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.plain_text import count_of
from pages.shared.runs.picker import forget
from pages.shared.wording import size
from tamis.actions.delete_refinement import DeletionPlan, delete_refinement, plan_deletion
from tamis.actions.runs import Run


def offer_deletion(context: DatasetContext, run: Run) -> None:
    """The popover that asks again."""
    with st.popover("Delete", icon=":material/delete:"):
        for said in say_leaving(plan_deletion(context.workspace, context.dataset_id, run)):
            st.markdown(said)
        st.caption(
            "For good: nothing of it goes to the trash. Decisions, tags and what was fine-tuned on its rows stay."
            + (" Its job stays too, so that it can be made again." if run.artifact is not None else "")
        )
        if st.button(
            "Delete this refinement", type="primary", icon=":material/delete:", key=f"delete_{run.run_id}"
        ):
            with errors_in_place():
                delete_refinement(context.workspace, context.dataset_id, run)
                forget(PICKER.parameter)
                st.toast("The refinement is deleted.", icon=":material/delete:")
                st.rerun()


def say_leaving(going: DeletionPlan) -> list[str]:
    """What goes and what stays, a line each."""
    trained = " with round models, answers and scores" if going.has_models else " with answers and scores"
    parts = [count_of(len(going.rounds), "round") + trained] if going.rounds else []
    parts += [count_of(len(going.selections), "selection")] if going.selections else []
    parts += ["its weights and flags"] if going.refinement is not None else []
    said = [
        f"**Goes:** {', '.join(parts)} ({size(going.n_bytes)})."
        if parts
        else "**Goes:** its job; there is nothing else."
    ]
    kept = []
    if going.kept_rounds:
        kept.append(
            f"{count_of(len(going.kept_rounds), 'round')} that another refinement or model is built on"
        )
    if going.kept_selections:
        kept.append(
            f"{count_of(len(going.kept_selections), 'selection')} that others share or something was made from"
        )
    return [*said, f"**Stays:** {', '.join(kept)}."] if kept else said
