"""Another dataset or a target over the map, as hollow marks where its rows or examples would lie."""

from __future__ import annotations

import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of
from tamis.actions.map_overlay import overlay_choices
from tamis.types import Float32s


def choose_overlay(context: DatasetContext) -> Float32s | None:
    """A switch, and once it is on the dataset or the target to lay over the map; where its rows or examples lie."""
    if context.view.embeddings is None or not st.toggle(
        "Lay another dataset or a target over it", key="overlay_on", bind="query-params"
    ):
        return None
    choices = overlay_choices(context)
    if not choices:
        st.caption("No other dataset was embedded like this one, and nothing was scored towards a target.")
        return None
    chosen = st.selectbox(
        "Laid over the map", list(choices), format_func=lambda one: choices.get(one, one), key="overlay", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    found = queries.overlay(context, str(chosen))
    shown = len(found.places)
    all_of_them = "All" if shown == found.n_rows else f"{shown:,} of"
    st.caption(f"{all_of_them} {count_of(found.n_rows, found.of)} as rings, each at its nearest rows here.")
    return found.places
