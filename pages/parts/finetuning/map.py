"""The map with every cluster in the colour of what training did to it: loss change, or win rate in the blind vote."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages.parts.finetuning import stats
from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.colouring import Shades
from pages.shared.map.map_figure import Dots, Extras, MapStyle, draw_map, spaced_labels
from pages.shared.plain_text import shorten
from tamis.actions.evaluations import UNCLEAR
from tamis.actions.read_rows import ALL_ROWS
from tamis.actions.runs import Run
from tamis.actions.votes import vote_winners
from tamis.types import Float32s

CHANGE, WINS = "Loss change", "Win rate"
# Better is teal wherever it appears; the middle is grey, so that "nothing happened" does not shout.
DIVERGING = ("#0F9D8A", "#7FC4BA", "#A9B3B0", "#EBA186", "#E4632B")
# All in one colour where all clusters went one way; the strongest went furthest.
BETTER, WORSE = ("#0B7466", "#0F9D8A", "#A6DBD3"), ("#F5C9B6", "#E4632B", "#A63E12")
BETTER_IN_DARK, WORSE_IN_DARK = ("#4BE3CF", "#129181", "#14524A"), ("#6B3219", "#E4632B", "#FFB392")
HEIGHT_PX = 400
LEAST_END = 0.02  # of a scale of loss changes


def show_cluster_map(context: DatasetContext, run: Run, clusters: pd.DataFrame) -> None:
    """The map, and the choice of what its colours say where there are votes."""
    votes = vote_winners(context.workspace, context.dataset_id, run.run_id)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("**On the map**", width="content")
        shown = CHANGE
        if votes:
            shown = st.segmented_control(
                "Colour", [CHANGE, WINS], default=CHANGE, required=True, key="run_map", bind="query-params",
                label_visibility="collapsed",
            )  # fmt: skip
    told = clusters[clusters["verdict"] != UNCLEAR]
    values = {int(c): float(v) for c, v in zip(told["cluster_id"], told["change"], strict=True)}
    if shown == WINS and run.artifact is not None:
        wins = stats.cluster_wins(context, run.artifact, votes)
        wins = wins[wins["said"] != "open"]
        values = {int(c): float(v) for c, v in zip(wins["cluster_id"], wins["rate"], strict=True) if c >= 0}
    style = MapStyle(dark=st.context.theme.type == "dark", height=HEIGHT_PX)
    st.plotly_chart(
        _figure(
            f"{context.key}:{context.names.revision}",
            str(shown),
            tuple(values.items()),
            style,
            _context=context,
        ),
        config={"displayModeBar": False, "scrollZoom": True},
        key=f"run_map_{run.run_id}_{shown}",
        alt=f"Map of all rows, clusters coloured by {str(shown).lower()}",
    )
    st.caption(
        "Clusters without held-out rows, or whose change is not clear, are grey."
        if shown == CHANGE
        else "Clusters without votes, or not told apart by them, are grey."
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _figure(
    key: str, shown: str, values: tuple[tuple[int, float], ...], style: MapStyle, *, _context: DatasetContext
) -> go.Figure:
    rows = queries.drawn_rows(_context, ALL_ROWS)
    xy = np.asarray(queries.positions(_context))
    cluster_of = queries.cluster_of(_context)[rows]
    row_values = _spread(cluster_of, dict(values))
    names = {i: shorten(name, 32) for i, name in _context.names.names.items()}
    dots = Dots(
        rows=rows, xy=xy[rows], matched=np.isfinite(row_values),
        names=np.array([names.get(int(i), "") for i in cluster_of], dtype=object),
    )  # fmt: skip
    low, high = _ends(shown, [value for _, value in values])
    span = np.ptp(xy, axis=0)
    order = sorted(dict(values), key=lambda c: -abs(dict(values)[c] - (low + high) / 2))
    labels = spaced_labels(
        queries.cluster_middles(_context), {c: shorten(names.get(c, ""), 24) for c in order if c >= 0},
        (float(span[0]), float(span[1])), most=8,
    )  # fmt: skip
    figure = draw_map(dots, Shades(shown, row_values, low, high), Extras(labels=labels), style)
    colours: tuple[str, ...] = DIVERGING if shown == CHANGE else DIVERGING[::-1]
    if shown == CHANGE and _one_way([value for _, value in values]):
        better, worse = (BETTER_IN_DARK, WORSE_IN_DARK) if style.dark else (BETTER, WORSE)
        colours = better if low < 0 else worse
    scale = [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]
    return figure.update_traces(
        marker={"colorscale": scale}, selector=lambda t: t.marker.colorbar.title.text is not None
    )


def _spread(cluster_of: np.ndarray, values: dict[int, float]) -> Float32s:
    """The value of each row's cluster, NaN where it has none."""
    out = np.full(len(cluster_of), np.nan, dtype=np.float32)
    for cluster_id, value in values.items():
        out[cluster_of == cluster_id] = value
    return out


def _ends(shown: str, values: list[float]) -> tuple[float, float]:
    """A scale with "no change" in its middle, or from the least to the most where all went one way."""
    if shown == WINS:
        return 0.0, 1.0
    if _one_way(values):
        low, high = min(values), max(values)
        return low, high if high > low else low + 1e-6
    most = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    # Where next to nothing happened the ends stay where something would be seen, and the clusters in the middle.
    most = max(most, LEAST_END)
    return -most, most


def _one_way(values: list[float]) -> bool:
    """Whether all clusters became better, or all worse: then only how much is worth a colour."""
    return len(values) > 1 and (max(values) < -stats.SMALLEST_CHANGE or min(values) > stats.SMALLEST_CHANGE)
