"""What stands beside the map: its clusters, the row that is read, what a search has found, or any of its columns."""

from __future__ import annotations

import streamlit as st

from pages.parts.data_map.cluster_panel import show_clusters
from pages.parts.data_map.facets import show_facets
from pages.parts.data_map.results import PAGE, is_search, show_found_rows
from pages.parts.data_map.row_inspector import show_inspector
from pages.shared.dataset_context import DatasetContext
from tamis.actions.read_rows import Scope
from tamis.types import Int64s

CLUSTERS, ROW, RESULTS, COLUMNS = "Clusters", "Row", "Results", "Columns"
TAB = "beside"
_LED_BY = "beside_led_by"  # the row and the search that the tab was last changed for
TABS_PX = 44


def show_map_side(
    context: DatasetContext, scope: Scope, row: int | None, order: Int64s, *, height: int, has_map: bool
) -> None:
    """One of the tabs; a row that is opened, or a search, comes to the front. Columns need a map."""
    _bring_to_front(scope, row)
    tabs = [CLUSTERS, ROW, RESULTS] + ([COLUMNS] if has_map else [])
    shown = st.segmented_control(
        "Beside the map", tabs, default=CLUSTERS, required=True, key=TAB, bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    if shown == COLUMNS:
        show_facets(context, scope)
    elif shown == RESULTS:
        show_found_rows(context, scope)
    elif shown == CLUSTERS:
        show_clusters(context, scope, height=height - TABS_PX)
    elif row is not None:
        show_inspector(context, scope, row, order)
    else:
        st.caption("No row is open: click a point of the map, a result, or a row of the table.")


def _bring_to_front(scope: Scope, row: int | None) -> None:
    """Change the tab where a row was opened or closed since, or rows were looked for; a link keeps the tab it names."""
    search = scope.without("cluster").to_url() if is_search(scope) else ""
    before = st.session_state.get(_LED_BY)
    st.session_state[_LED_BY] = (row, search)
    if before is None:
        before = (row, search) if TAB in st.query_params else (None, "")
    if row != before[0]:
        st.session_state[TAB] = ROW if row is not None else (RESULTS if search else CLUSTERS)
    elif search != before[1]:
        st.session_state[PAGE] = 1
        if search:
            st.session_state[TAB] = RESULTS
        elif st.session_state.get(TAB) == RESULTS:
            st.session_state[TAB] = CLUSTERS
