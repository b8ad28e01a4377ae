"""What stands beside the map while no row is read: its clusters, or any of its columns."""

from __future__ import annotations

import streamlit as st

from pages.parts.data_map.cluster_panel import show_clusters
from pages.parts.data_map.facets import show_facets
from pages.shared.dataset_context import DatasetContext
from tamis.actions.read_rows import Scope

CLUSTERS, COLUMNS = "Clusters", "Columns"
TABS_PX = 44


def show_map_side(context: DatasetContext, scope: Scope, *, height: int, has_map: bool) -> None:
    """Clusters, or columns with what the filter leaves of each; without a map the clusters alone."""
    if not has_map:
        show_clusters(context, scope, height=height)
        return
    shown = st.segmented_control(
        "Beside the map", [CLUSTERS, COLUMNS], default=CLUSTERS, required=True, key="beside", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    if shown == COLUMNS:
        show_facets(context, scope)
    else:
        show_clusters(context, scope, height=height - TABS_PX)
