"""The selections of a dataset: which of them is open, and the way to a new one."""

from __future__ import annotations

import streamlit as st

from pages.shared.active import listed_selections
from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.picker import RunPicker, asks_for_new, pick_from_list
from tamis.actions.artifact_names import names_in_view
from tamis.actions.dataset_context import through_clustering
from tamis.store.artifacts.store import Artifact

# A filter in the address is one to select from; the page of the rows means nothing for another selection.
PICKER = RunPicker(
    what="selection", results="Selections", new="New selection", parameter="selection", alone_starts=("scope",),
    of_one=("picks_page",),
)  # fmt: skip


def asks_for_form(context: DatasetContext) -> bool:
    """The switch between the selections there are and the form."""
    selections = listed_selections(context, PICKER.parameter)
    if not selections:
        st.caption("No selection yet: choose a budget, see what it would pick, and start it.")
    return asks_for_new(PICKER, have_runs=bool(selections))


def pick_selection(context: DatasetContext) -> tuple[DatasetContext, Artifact]:
    """Choose one of the selections, the active one unless the address names another, and look at the dataset through the
    clustering that it was spread over.
    """
    by_id = {selection.id: selection for selection in listed_selections(context, PICKER.parameter)}
    names = names_in_view(context.view, "selection")
    active = context.view.selection
    usual = active.id if active is not None and active.id in by_id else next(iter(by_id))
    selection = pick_from_list(PICKER, by_id, usual, lambda one: names[one.id])
    own = selection.manifest.inputs.get("clustering", "")
    return through_clustering(context, own, selection_id=selection.id), selection
