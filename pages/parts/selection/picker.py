"""The selections of a dataset: which of them is open, and the way to a new one."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.picker import RunPicker, asks_for_new, pick_from_list
from pages.shared.wording import selection_title
from tamis.actions.dataset_context import through_clustering
from tamis.actions.selections import BASELINE
from tamis.store.artifacts.store import Artifact

# A filter in the address is one to select from; the page of the rows means nothing for another selection.
PICKER = RunPicker(
    what="selection", results="Selections", new="New selection", parameter="selection", alone_starts=("scope",),
    of_one=("picks_page",),
)  # fmt: skip


def asks_for_form(context: DatasetContext) -> bool:
    """The switch between the selections there are and the form."""
    selections = context.view.selections
    if not selections:
        st.caption("No selection yet: choose a budget, see what it would pick, and start it.")
    return asks_for_new(PICKER, have_runs=bool(selections))


def pick_selection(context: DatasetContext) -> tuple[DatasetContext, Artifact]:
    """Choose one of the selections, and look at the dataset through the clustering that it was spread over."""
    by_id = {selection.id: selection for selection in context.view.selections}
    selection = pick_from_list(PICKER, by_id, _usual(list(by_id.values())), selection_title)
    own = selection.manifest.inputs.get("clustering", "")
    return through_clustering(context, own, selection_id=selection.id), selection


def _usual(selections: list[Artifact]) -> str:
    """The newest that is no baseline: a random pick is there to be compared with, not to be looked at first."""
    own = [selection for selection in selections if selection.manifest.options.get("method") != BASELINE]
    return (own or selections)[0].id
