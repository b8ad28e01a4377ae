"""The maps of a comparison: one panel per method, all on the same axes, so that a zoom in one moves all."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from pages.parts.compare.charts import method_colour, titles_of
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.map_figure import MapStyle
from pages.shared.plain_text import plain_in_figure, shorten
from tamis.actions.comparisons import Comparison
from tamis.actions.selections import selected_rows
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s

PANEL_PX = 300
MAX_DOTS = 60_000  # of all panels together


def show_maps(context: DatasetContext, comparison: Artifact, compared: Comparison) -> None:
    """One figure with a panel per method; of a method with several seeds, the first."""
    columns = _columns(len(compared.methods))
    style = MapStyle(
        dark=st.context.theme.type == "dark", height=PANEL_PX * -(-len(compared.methods) // columns)
    )
    figure = _figure(context.key, comparison.id, style, _context=context, _found=compared)
    st.plotly_chart(
        figure, config={"displayModeBar": False, "scrollZoom": True}, key=f"maps_{comparison.id}",
        alt="One map per method with its picks highlighted",
    )  # fmt: skip


@st.cache_resource(max_entries=4, show_spinner=False)
def _figure(
    key: str, comparison_id: str, style: MapStyle, *, _context: DatasetContext, _found: Comparison
) -> go.Figure:
    titles = [plain_in_figure(title) for title in titles_of(_found)]
    columns = _columns(len(titles))
    n_lines = -(-len(titles) // columns)
    figure = make_subplots(
        rows=n_lines, cols=columns, subplot_titles=titles, shared_xaxes="all", shared_yaxes="all",
        horizontal_spacing=0.012, vertical_spacing=min(0.06, 0.2 / n_lines),
    )  # fmt: skip
    xy = np.asarray(queries.positions(_context))
    everyone = _thinned(np.arange(len(xy)), MAX_DOTS // (2 * len(titles)))
    names = {i: shorten(name, 32) for i, name in _context.names.names.items()}
    cluster_of = queries.cluster_of(_context)
    for i, method in enumerate(_found.methods):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        figure.add_trace(_dots(xy, everyone, style.faded, 3.0, opacity=0.8), **place)
        chosen = _found.selections[method.selections[0]].id
        rows = selected_rows(_context.view.artifact(chosen, "selection"))
        rows = _thinned(rows, MAX_DOTS // (2 * len(titles)))
        hover = [f"{names.get(int(cluster_of[row]), '')}<br>row {row}" for row in rows]
        figure.add_trace(_dots(xy, rows, method_colour(i), 6.0, hover=hover), **place)
    figure.update_xaxes(visible=False, matches="x")
    figure.update_yaxes(visible=False, matches="y")
    figure.update_layout(
        height=style.height, margin={"l": 0, "r": 0, "t": 26, "b": 0}, dragmode="pan", showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", hovermode="closest",
    )  # fmt: skip
    figure.update_annotations(font={"size": 13, "color": style.ink, "weight": 600})
    return figure


def _dots(
    xy: np.ndarray,
    rows: Int64s,
    colour: str,
    size: float,
    *,
    opacity: float = 0.9,
    hover: list[str] | None = None,
) -> go.Scattergl:
    return go.Scattergl(
        x=xy[rows, 0], y=xy[rows, 1], mode="markers", marker={"color": colour, "size": size, "opacity": opacity},
        text=hover, hoverinfo="text" if hover else "skip", hovertemplate="%{text}<extra></extra>" if hover else None,
    )  # fmt: skip


def _columns(n: int) -> int:
    """Three or four side by side, whichever leaves fewer places empty."""
    return n if n <= 3 else min((4, 3), key=lambda columns: -n % columns)


def _thinned(rows: Int64s, most: int) -> Int64s:
    """At most so many of the rows, evenly over their order."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
