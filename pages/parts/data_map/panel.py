"""The map on the page: which points are drawn and why, and what a click, a lasso or a box on it means."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.colouring import colour_choices, colour_rows
from pages.shared.map.map_figure import Dots, Extras, MapStyle, Polygon, draw_map, spaced_labels
from pages.shared.plain_text import plain_in_figure, shorten
from tamis.actions.map_rows import MAX_DRAWN, MAX_SURELY_DRAWN
from tamis.actions.read_rows import Scope
from tamis.types import Float32s

CHART = "map_chart"
MAX_SVG = 5_000
MAX_LASSO_CORNERS = 400
CONFIG = {
    "scrollZoom": True,
    "displayModeBar": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["toImage", "autoScale2d"],
}


def show_data_map(context: DatasetContext, scope: Scope, *, height: int = 600) -> None:
    """Draw the map with its controls; a lasso or a box becomes part of the filter, a click opens a row."""
    colour, webgl = _controls(context)
    style = MapStyle(dark=st.context.theme.type == "dark", webgl=webgl, height=height)
    mark = _marked_row(context)
    figure = _figure(
        context.key,
        (context.tags.revision, context.names.revision),
        (scope.to_url(), colour, style, mark),
        _context=context,
        _scope=scope,
    )
    st.plotly_chart(
        figure,
        key=CHART,
        on_select=partial(_take_selection, context.view.require("layout").id),
        config=CONFIG,
        alt="Map of all rows: similar rows lie close together",
    )
    _say_what_is_drawn(context, scope, webgl)


def _controls(context: DatasetContext) -> tuple[str, bool]:
    choices = colour_choices(context)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Colour by", width="content")
        colour = st.selectbox(
            "Colour by",
            list(choices),
            format_func=lambda key: choices.get(key, key),
            key="colour",
            bind="query-params",
            persist_state="session",
            label_visibility="collapsed",
            width=220,
        )
        st.space("stretch")
        webgl = not st.toggle(
            "Draw without WebGL",
            key="plain_map",
            bind="query-params",
            persist_state="session",
            help=f"For browsers that leave the map blank. Draws at most {MAX_SVG:,} points.",
        )
    return colour or next(iter(choices)), webgl


def _marked_row(context: DatasetContext) -> int | None:
    row = address.read_row()
    if row is None or row >= context.n_rows:
        return None
    # In a new session nothing was clicked yet, so a row that is open came with the link.
    return row if st.session_state.get("marked_row", row) == row else None


@st.cache_resource(max_entries=12, show_spinner=False)
def _figure(
    key: str,
    revisions: tuple[int, int],
    drawn: tuple[str, str, MapStyle, int | None],
    *,
    _context: DatasetContext,
    _scope: Scope,
) -> go.Figure:
    _, colour, style, mark = drawn
    xy = queries.positions(_context)
    rows = queries.drawn_rows(_context, _scope)
    if not style.webgl and len(rows) > MAX_SVG:
        rows = rows[np.linspace(0, len(rows) - 1, MAX_SVG).astype(np.int64)]
    matched = np.zeros(_context.n_rows, dtype=bool)
    matched[queries.matches(_context, _scope)] = True
    names = _short_names(_context)
    dots = Dots(
        rows=rows,
        xy=np.asarray(xy[rows]),
        matched=matched[rows],
        names=np.array([names[int(i)] for i in queries.cluster_of(_context)[rows]], dtype=object),
    )
    extras = Extras(
        labels=_labels(_context, _scope, xy) if colour == "cluster" else (),
        outlines=tuple(_outlines(_context, _scope)),
        mark=None if mark is None else (float(xy[mark, 0]), float(xy[mark, 1])),
        density=queries.density(_context) if _context.n_rows > MAX_DRAWN else None,
    )
    return draw_map(dots, colour_rows(_context, colour, rows), extras, style)


def _short_names(context: DatasetContext) -> dict[int, str]:
    if context.view.clustering is None:
        return {-1: "not clustered"}
    return {i: plain_in_figure(shorten(name, 32)) for i, name in context.names.names.items()}


def _labels(context: DatasetContext, scope: Scope, xy: Float32s) -> tuple[tuple[float, float, str], ...]:
    if context.view.clustering is None:
        return ()
    # Only what the eye should go to: clusters that the filter leaves something of, those with most rows first.
    counts = Counter(queries.cluster_of(context)[queries.matches(context, scope)].tolist())
    names = {i: shorten(context.cluster_name(i), 24) for i, _ in counts.most_common() if i >= 0}
    span = np.nanmax(xy, axis=0) - np.nanmin(xy, axis=0)
    return spaced_labels(queries.cluster_middles(context), names, (float(span[0]), float(span[1])))


def _outlines(context: DatasetContext, scope: Scope) -> list[Polygon]:
    shapes: list[Polygon] = []
    layout = context.view.require("layout").id
    for condition in scope.conditions:
        if condition.on not in ("", layout):
            continue  # drawn on another layout: its shape means nothing here, its rows still do
        if condition.kind == "lasso":
            shapes.append(condition.value)
        elif condition.kind == "box":
            (x0, x1), (y0, y1) = condition.value
            shapes.append(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    return shapes


def _take_selection(layout: str) -> None:
    """Turn what was drawn into a filter at once: the next figure forgets plotly's own selection."""
    state: Any = st.session_state.get(CHART)
    selection = state["selection"] if state else None
    if not selection:
        return
    if selection["lasso"]:
        drawn = selection["lasso"][-1]
        corners = list(zip(drawn["x"], drawn["y"], strict=True))
        step = -(-len(corners) // MAX_LASSO_CORNERS)
        address.replace_region("lasso", corners[::step], layout)
    elif selection["box"]:
        drawn = selection["box"][-1]
        address.replace_region("box", [sorted(drawn["x"]), sorted(drawn["y"])], layout)
    elif selection["points"]:
        clicked = selection["points"][-1].get("customdata")
        row = clicked[0] if isinstance(clicked, list) else clicked
        if row is not None:
            address.open_row(int(row), mark=False)


def _say_what_is_drawn(context: DatasetContext, scope: Scope, webgl: bool) -> None:
    n_rows = context.n_rows
    most = MAX_DRAWN if webgl else MAX_SVG
    if n_rows <= most:
        st.caption("Click a point to read it, scroll to zoom. Lasso and box are in the bar above the map.")
        return
    kept = "as many as are readable without WebGL."
    if webgl:
        all_matching = bool(scope.conditions) and len(queries.matches(context, scope)) <= MAX_SURELY_DRAWN
        kept = "sampled by cluster; selected and tagged rows "
        kept += "and all that match are among them." if all_matching else "are among them."
    st.caption(f"{most:,} of {n_rows:,} points drawn, {kept} Filters and lassos act on all rows.")
