"""The maps of a comparison: one per method, all looking at one place, so that a move in one moves all."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.parts.compare.charts import method_colour, titles_of
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.map_view import show_map_view
from pages.shared.plain_text import plain
from tamis.actions.comparisons import Comparison
from tamis.actions.map_colours import paint_evenly, paint_groups
from tamis.actions.map_picture import MapContent
from tamis.actions.map_tiles import MapTiles, group_rows, pack_rows_as_bits
from tamis.actions.selections import selected_rows
from tamis.store.artifacts.store import Artifact

PANEL_PX, TOGETHER_PX = 320, 560
BOTH = {"light": "#17211F", "dark": "#F4F6F5"}  # what two have in common


def show_maps(context: DatasetContext, comparison: Artifact, compared: Comparison) -> None:
    """A map per method with its picks over all other rows, or two methods on one; of several seeds, the first."""
    opened = queries.open_map(context)
    titles = titles_of(compared)
    together = st.segmented_control(
        "Maps", [False, True], default=False, required=True, key=f"maps_together_{comparison.id[:6]}",
        format_func=lambda one: "Two on one map" if one else "One map each", label_visibility="collapsed",
    ) if len(titles) > 1 else False  # fmt: skip
    if together:
        _show_two(context, opened, comparison, compared)
        return
    per_line = _columns(len(titles))
    for first in range(0, len(titles), per_line):
        for place, cell in enumerate(st.columns(per_line, gap="small")):
            if first + place < len(titles):
                with cell:
                    st.markdown(f"**{plain(titles[first + place])}**")
                    _show_picks(context, opened, comparison, compared, first + place)


def _show_two(context: DatasetContext, opened: MapTiles, comparison: Artifact, compared: Comparison) -> None:
    """What the first picked alone, the second alone, and both; all other rows faintly."""
    titles = titles_of(compared)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        chosen = [
            st.selectbox(
                label, range(len(titles)), index=at, format_func=lambda one: titles[one], key=f"maps_{label}_{comparison.id[:6]}",
                label_visibility="collapsed", width=300,
            )
            for at, label in enumerate(("First", "Second"))
        ]  # fmt: skip
    mine, theirs = (selected_rows(_selection_of(context, compared, int(one or 0))) for one in chosen)
    both, either = np.intersect1d(mine, theirs), np.union1d(mine, theirs)
    first, second = (f"only {titles[int(one or 0)]}" for one in chosen)
    groups = {first: mine, second: theirs, "both": both}
    if chosen[0] == chosen[1]:
        groups = {"both": both}
    column = group_rows(opened, groups, context.n_rows)
    colours = [
        method_colour(int(chosen[0] or 0)),
        method_colour(int(chosen[1] or 0)),
        BOTH["dark" if st.context.theme.type == "dark" else "light"],
    ][-len(groups) :]
    content = MapContent(
        column=column,
        painted=paint_groups(column, "Picked by", colours),
        kept=pack_rows_as_bits(opened, either, context.n_rows),
        n_kept=len(either),
        height=TOGETHER_PX,
    )
    show_map_view(context, opened, content, key=f"maps_two_{comparison.id}", callbacks={})


def _selection_of(context: DatasetContext, compared: Comparison, method: int) -> Artifact:
    chosen = compared.selections[compared.methods[method].selections[0]].id
    return context.view.artifact(chosen, "selection")


def _show_picks(
    context: DatasetContext, opened: MapTiles, comparison: Artifact, compared: Comparison, method: int
) -> None:
    selection = _selection_of(context, compared, method)
    column = queries.map_column(context, opened, "source")
    content = MapContent(
        column=column,
        painted=paint_evenly(column, method_colour(method)),
        kept=queries.bits_of_rows(context, opened, selection.id, lambda: selected_rows(selection)),
        n_kept=int(selection.summary["n_selected"]),
        group=f"comparison {comparison.id}",
        height=PANEL_PX,
    )
    show_map_view(context, opened, content, key=f"maps_{comparison.id}_{method}", callbacks={})


def _columns(n: int) -> int:
    """Three or four side by side, whichever leaves fewer places empty."""
    return n if n <= 3 else min((4, 3), key=lambda columns: -n % columns)
