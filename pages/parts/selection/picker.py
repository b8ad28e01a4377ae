"""Which selection is looked at, and whether it is one of those or a new one: both kept in the address."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.figures.selection_stats import BASELINE, label_of
from pages.shared.frame import OpenDataset
from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import CLONED, stop_following
from tamis.actions.dataset_context import through_clustering
from tamis.store.artifacts.store import Artifact

NEW, RESULTS = "New selection", "Selections"
PARAMETER = "selection"
VIEW = "view"
_SWITCH = "selection_switch"
_PICKER = "selection_picker"


def choose_view(context: DatasetContext) -> str:
    """The switch between the selections there are and the form."""
    if not context.view.selections:
        st.caption("No selection yet: choose a budget, see what it would pick, and start it.")
        return NEW
    # Not bound to the address: links, jobs that end and the switch itself all decide what is shown.
    asked = st.query_params.get(VIEW) == "new" or CLONED in st.query_params
    by_filter = "scope" in st.query_params and PARAMETER not in st.query_params
    st.session_state[_SWITCH] = NEW if asked or by_filter else RESULTS
    chosen = st.segmented_control(
        "View", [RESULTS, NEW], required=True, key=_SWITCH, label_visibility="collapsed", on_change=_switched,
    )  # fmt: skip
    return str(chosen)


def open_selection(selection_id: str) -> None:
    """Show a selection, the one a job has just made, and forget the job and what it was cloned from."""
    stop_following()
    for name in (CLONED, VIEW, "scope"):
        st.query_params.pop(name, None)
    st.query_params[PARAMETER] = selection_id
    st.rerun()


def pick_selection(dataset: OpenDataset, context: DatasetContext) -> tuple[DatasetContext, Artifact]:
    """Choose one of the selections, and look at the dataset through the clustering that it was spread over."""
    found = {selection.id: selection for selection in context.view.selections}
    asked = st.query_params.get(PARAMETER, "")
    if asked and asked not in found:
        st.warning(
            f"There is no selection {plain(asked)} in this dataset: here is the newest.",
            icon=":material/link_off:",
        )
    st.session_state[_PICKER] = asked if asked in found else _newest(list(found.values()))
    chosen = st.selectbox(
        "Selection", list(found), format_func=lambda i: label_of(found[i]), key=_PICKER, on_change=_picked,
        label_visibility="collapsed",
    )  # fmt: skip
    selection = found[chosen]
    own = selection.manifest.inputs.get("clustering", "")
    return through_clustering(context, own, selection_id=selection.id), selection


def _newest(selections: list[Artifact]) -> str:
    """The newest that is no baseline: a random pick is there to be compared with, not to be looked at first."""
    own = [selection for selection in selections if selection.manifest.options.get("method") != BASELINE]
    return (own or selections)[0].id


def _picked() -> None:
    st.query_params[PARAMETER] = st.session_state[_PICKER]
    st.session_state.pop("picks_page", None)


def _switched() -> None:
    for name in (CLONED, "scope"):
        st.query_params.pop(name, None)
    if st.session_state[_SWITCH] == NEW:
        st.query_params[VIEW] = "new"
    else:
        st.query_params.pop(VIEW, None)
