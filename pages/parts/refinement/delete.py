"""Deleting a refinement, finished or ended before, once it is said what goes and what stays."""

from __future__ import annotations

import streamlit as st

from pages.parts.refinement.picker import PICKER
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import count_of
from pages.shared.runs.picker import forget
from pages.shared.wording import size
from tamis.actions.delete_refinement import (
    ROUND,
    SELECTION,
    DeletionPlan,
    delete_refinement,
    plan_deletion,
    takes_models,
)
from tamis.actions.runs import Run


def offer_deletion(context: DatasetContext, run: Run) -> None:
    """The popover that asks again."""
    with st.popover("Delete", icon=":material/delete:"):
        plan = plan_deletion(context.workspace, context.dataset_id, run)
        for line in say_leaving(plan, is_finished=run.artifact is not None):
            st.markdown(line)
        st.caption(
            "For good: nothing of it goes to the trash. Decisions, tags and what was fine-tuned on its rows stay."
            + (" Its job stays too, so that it can be made again." if run.artifact is not None else "")
        )
        if st.button(
            "Delete this refinement",
            type="primary",
            icon=":material/delete:",
            key=f"delete_{run.run_id}",
            **asks(context.workspace, delete_refinement),
        ):
            with errors_in_place():
                delete_refinement(context.workspace, context.dataset_id, run)
                forget(PICKER.parameter)
                st.toast("The refinement is deleted.", icon=":material/delete:")
                st.rerun()


def say_leaving(going: DeletionPlan, *, is_finished: bool) -> list[str]:
    """What goes and what stays, a line each."""
    trained = " with round models, answers and scores" if takes_models(going) else " with answers and scores"
    n_rounds, n_selections = len(going.of(ROUND)), len(going.of(SELECTION))
    parts = [count_of(n_rounds, "round") + trained] if n_rounds else []
    parts += [count_of(n_selections, "selection")] if n_selections else []
    parts += ["its weights and flags"] if is_finished else []
    lines = [
        f"**Goes:** {', '.join(parts)} ({size(going.n_bytes)})."
        if parts
        else "**Goes:** its job; there is nothing else."
    ]
    kept = []
    if going.kept_of(ROUND):
        kept.append(
            f"{count_of(len(going.kept_of(ROUND)), 'round')} that another refinement or model is built on"
        )
    if going.kept_of(SELECTION):
        kept.append(
            f"{count_of(len(going.kept_of(SELECTION)), 'selection')} that others share or something was made from"
        )
    return [*lines, f"**Stays:** {', '.join(kept)}."] if kept else lines
