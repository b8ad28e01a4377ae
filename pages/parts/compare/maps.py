"""The maps of a comparison: one per method, all looking at one place, so that a move in one moves all."""

from __future__ import annotations

import streamlit as st

from pages.parts.compare.charts import method_colour, titles_of
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.colouring import paint_evenly
from pages.shared.map.map_view import MapContent, show_map_view
from pages.shared.plain_text import plain
from tamis.actions.comparisons import Comparison
from tamis.actions.map_tiles import MapTiles
from tamis.actions.selections import selected_rows
from tamis.store.artifacts.store import Artifact

PANEL_PX = 320


def show_maps(context: DatasetContext, comparison: Artifact, compared: Comparison) -> None:
    """A map per method with its picks over all other rows; of a method with several seeds, the first."""
    opened = queries.open_map(context)
    titles = titles_of(compared)
    per_line = _columns(len(titles))
    for first in range(0, len(titles), per_line):
        for place, cell in enumerate(st.columns(per_line, gap="small")):
            if first + place < len(titles):
                with cell:
                    st.markdown(f"**{plain(titles[first + place])}**")
                    _show_picks(context, opened, comparison, compared, first + place)


def _show_picks(
    context: DatasetContext, opened: MapTiles, comparison: Artifact, compared: Comparison, method: int
) -> None:
    chosen = compared.selections[compared.methods[method].selections[0]].id
    selection = context.view.artifact(chosen, "selection")
    column = queries.map_column(context, opened, "source")
    content = MapContent(
        column=column,
        painted=paint_evenly(column, method_colour(method)),
        kept=queries.bits_of_rows(context, opened, chosen, lambda: selected_rows(selection)),
        n_kept=int(selection.summary["n_selected"]),
        group=f"comparison {comparison.id}",
        height=PANEL_PX,
    )
    show_map_view(context, opened, content, key=f"maps_{comparison.id}_{method}", callbacks={})


def _columns(n: int) -> int:
    """Three or four side by side, whichever leaves fewer places empty."""
    return n if n <= 3 else min((4, 3), key=lambda columns: -n % columns)
