"""Map: see what a dataset is made of, find rows by any of their traits, read them, and act on everything that matches."""

from __future__ import annotations

import streamlit as st

from pages.parts.data_map.jobs import show_layout_note, show_missing_map
from pages.parts.data_map.look import choose_look
from pages.parts.data_map.panel import show_data_map
from pages.parts.data_map.row_table import choose_order, show_row_table
from pages.parts.data_map.side import show_map_side
from pages.parts.data_map.sieve import choose_sieve
from pages.parts.data_map.tag_bar import show_tag_actions
from pages.shared.active import say_in_view
from pages.shared.address import read_row, read_scope, show_deferred_error
from pages.shared.dataset_context import open_dataset_context
from pages.shared.frame import draw_head, open_page
from pages.shared.rows.scope_bar import show_nothing_matches, show_scope_bar

SIDE_HEIGHT = 460

with open_page("Map", wide=True) as dataset:
    show_deferred_error()
    context = open_dataset_context(dataset)
    scope, row = read_scope(), read_row()
    has_map = context.view.layout is not None
    # A search may say how the table is sorted, and the table's controls in which order "next" goes: so the bar runs before
    # them, and they before the rest of what stands above them.
    above, below = st.container(), st.container()
    with above:
        draw_head("Map", dataset.workspace, about=say_in_view(dataset.name, context, dataset.selection_id))
        # How wide each is, is said in the frame's style: the panel as wide as its lists need, the picture all the rest.
        left, right = st.columns([0.74, 0.26], gap="small")
    panel = right.container(gap="xsmall", key="map_panel")
    with panel:
        show_scope_bar(context, scope)
        # Beside the picture, because how many rows match is what a lasso is asked.
        show_tag_actions(context, scope)
    with below:
        order = choose_order(context, scope)
        if len(order):
            show_row_table(context, order)
        else:
            show_nothing_matches(scope)
    with panel:
        colour, rings = choose_look(context) if has_map else ("", None)
        if has_map:
            choose_sieve(context)
        show_layout_note(context)
        # Without a map there is nothing to be as high as.
        side = st.container(
            height=SIDE_HEIGHT if has_map else "content",
            border=False,
            autoscroll=False,
            key="beside_map" if has_map else "beside_table",
        )
    with left:
        if has_map:
            show_data_map(context, scope, colour, rings=rings)
        else:
            show_missing_map(context)
    with side:
        show_map_side(context, scope, row, order, height=SIDE_HEIGHT, has_map=has_map)
