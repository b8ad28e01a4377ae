"""Which comparison is looked at, and whether it is one of those or a new one: both kept in the address."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import (
    count_of,
    plain,
    shorten,
)
from pages.shared.runs.job_watch import stop_following
from tamis.store.artifacts.store import Artifact

NEW, RESULTS = "New comparison", "Comparisons"
PARAMETER, VIEW = "comparison", "view"
OF_A_RESULT = ("only_of", "only_page")  # parameters that mean nothing for another comparison
_SWITCH, _PICKER = "comparison_switch", "comparison_picker"


def comparisons(context: DatasetContext) -> list[Artifact]:
    """Every comparison of the dataset, newest first."""
    return context.workspace.artifacts.list(context.dataset_id, "comparison")


def choose_view(context: DatasetContext) -> str:
    """The switch between the comparisons there are and the form."""
    found = comparisons(context)
    asked = st.query_params.get(VIEW) == "new" or not found
    st.session_state[_SWITCH] = NEW if asked else RESULTS
    chosen = st.segmented_control(
        "View", [RESULTS, NEW], required=True, key=_SWITCH, label_visibility="collapsed", on_change=_switched,
        disabled=not found,
    )  # fmt: skip
    return str(chosen)


def open_comparison(comparison_id: str) -> None:
    """Show a comparison, the one a job has just made, and forget the job."""
    stop_following()
    for name in (VIEW, *OF_A_RESULT):
        st.query_params.pop(name, None)
    st.query_params[PARAMETER] = comparison_id
    st.rerun()


def pick_comparison(context: DatasetContext) -> Artifact:
    """Choose one of the comparisons; the newest unless the address names another."""
    found = {one.id: one for one in comparisons(context)}
    asked = st.query_params.get(PARAMETER, "")
    if asked and asked not in found:
        st.warning(
            f"There is no comparison {plain(asked)} in this dataset: here is the newest.",
            icon=":material/link_off:",
        )
    st.session_state[_PICKER] = asked if asked in found else next(iter(found))
    chosen = st.selectbox(
        "Comparison", list(found), format_func=lambda i: _label_of(found[i]), key=_PICKER, on_change=_picked,
        label_visibility="collapsed",
    )  # fmt: skip
    return found[chosen]


def _label_of(comparison: Artifact) -> str:
    summary = comparison.summary
    named = shorten(", ".join(str(title) for title in summary["methods"]), 90)
    created = pd.Timestamp(comparison.manifest.created_at)
    said = [
        named,
        count_of(int(summary["n_selected"]), "row"),
        count_of(int(summary["n_selections"]), "selection"),
    ]
    return " · ".join([*said, f"{created:%d %b %H:%M}"])


def _picked() -> None:
    for name in OF_A_RESULT:
        st.query_params.pop(name, None)
    st.query_params[PARAMETER] = st.session_state[_PICKER]


def _switched() -> None:
    if st.session_state[_SWITCH] == NEW:
        st.query_params[VIEW] = "new"
    else:
        st.query_params.pop(VIEW, None)
