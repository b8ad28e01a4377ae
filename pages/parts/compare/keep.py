"""Keeping the selection of a compared method: what a comparison drew is its own until then."""

from __future__ import annotations

import streamlit as st

from pages.shared.active import make_active
from pages.shared.dataset_context import DatasetContext
from tamis.actions.comparisons import Comparison

KEEP, ACTIVATE = "Keep as selection", "Make active"
KEEP_HELP = (
    "What a comparison draws is its own. Kept, it is one of the dataset's selections and the active one: map, fine-tuning and "
    "export go by it. Of a method with several seeds, the first."
)


def keep_labels(context: DatasetContext, comparison: Comparison) -> list[str | None]:
    """What the button of each method says; None for the one that is active."""
    kept = {one.id for one in context.view.selections}
    firsts = [_first(comparison, method) for method in range(len(comparison.methods))]
    active = context.active_selection_id
    return [None if one == active else ACTIVATE if one in kept else KEEP for one in firsts]


def keep_clicked(context: DatasetContext, comparison: Comparison) -> None:
    """Keep the selection of the method whose button was pressed; from its callback."""
    clicked = st.session_state.get("keep_method")
    if clicked is not None:
        keep_method(context, comparison, int(clicked["row"]))


def keep_method(context: DatasetContext, comparison: Comparison, method: int) -> None:
    """Keep the first selection of a method and make it the active one; from a callback."""
    make_active(context.workspace, context.dataset_id, _first(comparison, method))
    st.toast("Kept, and the active selection now.", icon=":material/bookmark_added:")


def _first(comparison: Comparison, method: int) -> str:
    return comparison.selections[comparison.methods[method].selections[0]].id
