"""The map in the colours of what a round made of each cluster, with the rows that the round flagged on top."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.parts.refinement.charts import CHANGE, WEIGHT, diverging
from pages.parts.refinement.history import flags_of, weights_of
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.colouring import Shades
from pages.shared.map.map_figure import Dots, Extras, MapStyle, draw_map, spaced_labels
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, shorten
from tamis.actions.read_rows import ALL_ROWS
from tamis.actions.refinement_history import RefinementHistory

HEIGHT_PX = 520
FLAGGED = "#F0C000"
MOST_FLAGS = 4000


def show_map(context: DatasetContext, history: RefinementHistory) -> None:
    """The map with a slider over rounds."""
    if context.view.layout is None:
        st.caption("There is no map of this dataset yet.")
        link_to("data_map", "Make one", query={"dataset": context.dataset_id})
        return
    shown, number = _choose(history)
    flags = flags_of(history)
    flagged = np.unique(flags.loc[flags["round"] == number, "example_id"].to_numpy(dtype=np.int64))
    values = history.change(number) if shown == CHANGE else history.of_round(number, "weight")
    if shown == CHANGE:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log2(values)
    style = MapStyle(dark=st.context.theme.type == "dark", height=HEIGHT_PX)
    key = f"{context.key}:{context.names.revision}:{history.artifact_id}"
    figure = _figure(key, (shown, number), style, _context=context, _history=history, _held=(values, flagged))
    st.plotly_chart(
        figure, config={"displayModeBar": False, "scrollZoom": True}, key=f"refine_map_{history.artifact_id}_{shown}_{number}",
        alt=f"Map of all rows, clusters coloured by their weight after round {number}, flagged rows on top",
    )  # fmt: skip
    text = f"Weights after round {number}"
    text += (
        ", as times the first weight on a scale of doublings (0: unchanged, 1: twice, −1: half)"
        if shown == CHANGE
        else ""
    )
    flag_text = (
        f"{count_of(len(flagged), 'row')} flagged in it" if len(flagged) else "no row was flagged in it"
    )
    st.caption(f"{text}; {flag_text}.")


def _choose(history: RefinementHistory) -> tuple[str, int]:
    """What colours the dots, and after which round."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        shown = st.segmented_control(
            "Colour", [CHANGE, WEIGHT], default=CHANGE, required=True, key="map_colour", bind="query-params",
            format_func={CHANGE: "Weight change", WEIGHT: "Weight"}.__getitem__,
        )  # fmt: skip
        if history.n_rounds == 1:
            return str(shown), 1
        number = st.slider(
            "Round", 1, history.n_rounds, history.n_rounds, key=f"map_round_{history.artifact_id[:6]}",
            bind="query-params", width=360,
        )  # fmt: skip
    return str(shown), int(number)


@st.cache_resource(max_entries=24, show_spinner=False)
def _figure(
    key: str,
    asked: tuple[str, int],
    style: MapStyle,
    *,
    _context: DatasetContext,
    _history: RefinementHistory,
    _held: tuple[np.ndarray, np.ndarray],
) -> go.Figure:
    values, flagged = _held
    rows = queries.drawn_rows(_context, ALL_ROWS)
    xy = np.asarray(queries.positions(_context))
    cluster_of = queries.cluster_of(_context)
    by_cluster = np.full(int(cluster_of.max(initial=-1)) + 2, np.nan, dtype=np.float32)
    by_cluster[_history.cluster_ids] = np.where(np.isfinite(values), values, np.nan)
    row_values = by_cluster[
        cluster_of[rows]
    ]  # the last place is for rows outside all clusters, whose id is -1
    names = {i: shorten(name, 32) for i, name in _context.names.names.items()}
    dots = Dots(
        rows=rows, xy=xy[rows], matched=np.isfinite(row_values),
        names=np.array([names.get(int(i), "") for i in cluster_of[rows]], dtype=object),
    )  # fmt: skip
    low, high = _ends(asked[0], _history)
    figure = draw_map(
        dots,
        Shades(_title(asked[0]), row_values, low, high),
        Extras(labels=_labels(_context, _history, xy)),
        style,
    )
    figure.update_traces(
        marker={"colorscale": [list(stop) for stop in _colour_stops(asked[0], style)]},
        selector=lambda trace: trace.marker.colorbar.title.text is not None,
    )
    return _with_flags(figure, xy, flagged, style)


def _colour_stops(shown: str, style: MapStyle) -> list[tuple[float, str]]:
    """Both sides of a change, or for a weight its upper side alone."""
    both = diverging(dark=style.dark)
    stops = [(0.0, both[2][1]), (1.0, both[4][1])] if shown == WEIGHT else both
    # The middle of the scale is near the page, which suits a table and not a dot.
    return [(at, style.faded if colour == both[2][1] else colour) for at, colour in stops]


def _with_flags(figure: go.Figure, xy: np.ndarray, flagged: np.ndarray, style: MapStyle) -> go.Figure:
    rows = flagged[:MOST_FLAGS]
    scatter = go.Scattergl if style.webgl else go.Scatter
    figure.add_trace(
        scatter(
            x=xy[rows, 0], y=xy[rows, 1], customdata=rows, mode="markers", name="Flagged", showlegend=False,
            marker={"symbol": "circle-open", "size": 11, "color": FLAGGED, "line": {"width": 2, "color": FLAGGED}},
            hovertemplate="flagged<br>row %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    return figure


def _labels(
    context: DatasetContext, history: RefinementHistory, xy: np.ndarray
) -> tuple[tuple[float, float, str], ...]:
    up, down = history.movers()
    span = np.ptp(xy, axis=0)
    named = {i: shorten(context.cluster_name(i), 24) for i in [*up, *down] if i >= 0}
    return spaced_labels(queries.cluster_middles(context), named, (float(span[0]), float(span[1])), most=8)


def _ends(shown: str, history: RefinementHistory) -> tuple[float, float]:
    """The same scale in every round, so that the slider shows movement."""
    if shown == WEIGHT:
        return 0.0, float(weights_of(history)["weight"].max()) or 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.abs(np.log2(np.concatenate([history.change(n) for n in range(1, history.n_rounds + 1)])))
    known = logs[np.isfinite(logs)]
    most = max(1.0, float(known.max()) if len(known) else 1.0)
    return -most, most


def _title(shown: str) -> str:
    return "Weight" if shown == WEIGHT else "Weight change (doublings)"
