"""The figures of a selection: rows per cluster, how a number is spread, and where the picks lie on the map."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures import TENTHS_OF_A_PERCENT
from pages.shared.map.map_view import show_map_view
from pages.shared.plain_text import shorten, unlike
from pages.shared.wording import PERCENT_TICKS
from tamis.actions.map_colours import PALETTE, paint_column
from tamis.actions.map_picture import MapContent
from tamis.actions.read_rows import ALL_ROWS
from tamis.actions.selections import PICKED, RANDOM, WHOLE, selected_rows
from tamis.store.artifacts.store import Artifact

MAX_BARS = 24
EXPECTED = "By size alone"
BAR_PX = 27
CLUSTER_AXIS = alt.Axis(labelLimit=190, labelOverlap=False, labelFontSize=12, ticks=False)


def cluster_chart(table: pd.DataFrame, *, picked_label: str = PICKED) -> None:
    """A bar for the rows of each cluster, a tick where its share by size would end, a dot for a random pick."""
    shown = _largest(table)
    ink = "#E8EEEC" if st.context.theme.type == "dark" else "#17211F"
    colour = _scale(ink, [picked_label, EXPECTED, *([RANDOM] if "random" in shown else [])])
    base = alt.Chart(shown).encode(
        y=alt.Y("cluster:N", sort=list(shown["cluster"]), title=None, axis=CLUSTER_AXIS)
    )
    tooltip = [
        alt.Tooltip("name:N", title="Cluster"),
        alt.Tooltip("of:N", title="Picked"),
        alt.Tooltip("expected:Q", title="In proportion", format=",.1f"),
        alt.Tooltip("ratio:Q", title="Over proportion", format=".2f"),
    ]
    bars = base.mark_bar(height=13, cornerRadiusEnd=2, opacity=0.85).encode(
        x=alt.X("picked:Q", title="Rows picked", axis=alt.Axis(tickMinStep=1, tickCount=6)),
        color=alt.Color(
            "kind:N",
            scale=colour,
            title=None,
            legend=alt.Legend(orient="top", symbolType="circle", symbolOpacity=1),
        ),
        tooltip=tooltip,
    )
    layers = [bars.transform_calculate(kind=f"'{picked_label}'")]
    tick = base.mark_tick(thickness=2, size=19, opacity=1).encode(
        x="expected:Q", color=alt.Color("kind:N", scale=colour), tooltip=tooltip
    )
    layers.append(tick.transform_calculate(kind=f"'{EXPECTED}'"))
    if "random" in shown:
        ring = base.mark_point(size=75, filled=True, opacity=1, stroke="white", strokeWidth=1.2).encode(
            x="random:Q",
            color=alt.Color("kind:N", scale=colour),
            tooltip=[*tooltip[:2], alt.Tooltip("random:Q", title="Random pick")],
        )
        layers.append(ring.transform_calculate(kind=f"'{RANDOM}'"))
    chart = alt.layer(*layers).properties(height=alt.Step(BAR_PX))
    st.altair_chart(chart, alt="Rows picked per cluster beside the cluster's share by size")
    if len(table) > MAX_BARS:
        st.caption(f"The {MAX_BARS} largest of {len(table):,} clusters; the table below has all.")


def _largest(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.head(MAX_BARS).copy()
    shown["cluster"] = unlike([shorten(name, 30) for name in shown["name"]])
    shown["of"] = [
        f"{picked:,} of {size:,}" for picked, size in zip(shown["picked"], shown["size"], strict=True)
    ]
    return shown


def histogram_chart(table: pd.DataFrame, title: str, *, logarithmic: bool = False, height: int = 220) -> None:
    """Histograms over each other as shares: the whole as an area, picks and random pick as lines."""
    names = [name for name in (WHOLE, PICKED, RANDOM) if (table["rows"] == name).any()]
    colour = alt.Scale(domain=names, range=["#94A3A0", PALETTE[0], PALETTE[1]][: len(names)])
    scale = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(nice=False, zero=False)
    base = alt.Chart(table).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6, grid=False)),
        y=alt.Y(
            "share_fraction:Q", title="Share of rows", axis=alt.Axis(labelExpr=PERCENT_TICKS, tickCount=4)
        ),
        color=alt.Color("rows:N", scale=colour, title=None, legend=alt.Legend(orient="top", symbolOpacity=1)),
        tooltip=[
            alt.Tooltip("rows:N", title="Rows"),
            alt.Tooltip("low:Q", title="From", format=",.3~f"),
            alt.Tooltip("high:Q", title="To", format=",.3~f"),
            alt.Tooltip("share_fraction:Q", title="Share", format=TENTHS_OF_A_PERCENT),
            alt.Tooltip("count:Q", title="Rows", format=","),
        ],
    )
    area = base.mark_area(interpolate="step-after", opacity=0.35).transform_filter(alt.datum.rows == WHOLE)
    lines = base.mark_line(interpolate="step-after", strokeWidth=2).transform_filter(alt.datum.rows != WHOLE)
    st.altair_chart(
        alt.layer(area, lines).properties(height=height), alt=f"{title}: all rows, picks and random pick"
    )


def selection_map(context: DatasetContext, selection: Artifact, *, height: int) -> None:
    """The map with the picks in the colours of their clusters and all other rows behind them."""
    opened = queries.open_map(context)
    colour = "cluster" if context.view.clustering is not None else "source"
    column = queries.map_column(context, opened, colour)
    kept = queries.bits_of_rows(context, opened, selection.id, lambda: selected_rows(selection))
    content = MapContent(
        column=column,
        painted=paint_column(context, colour, colour, column, ALL_ROWS),
        kept=kept,
        n_kept=int(selection.summary["n_selected"]),
        height=height,
    )
    show_map_view(context, opened, content, key=f"picks_{selection.id}", callbacks={})


def _scale(ink: str, names: list[str]) -> alt.Scale:
    colours = {EXPECTED: ink, RANDOM: PALETTE[1]}
    return alt.Scale(domain=names, range=[colours.get(name, PALETTE[0]) for name in names])
