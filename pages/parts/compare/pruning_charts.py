"""The pictures of a pruning: perplexity by calibration and evaluation set, and how far masks agree."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from tamis.actions.pruning import Cell, Pruning

DENSE, MAGNITUDE = "Dense model", "Magnitude, no calibration"
_AXIS = alt.Axis(title=None, labelLimit=260, labelOverlap=False, ticks=False, domain=False)


def perplexity_map(pruning: Pruning, titles: list[str], measured: list[str]) -> None:
    """A cell per calibration and evaluation set, coloured by how many times the dense model's perplexity it is."""
    lines = [(DENSE, [_still(value) for value in pruning.dense]), *zip(titles, pruning.cells, strict=True)]
    if pruning.magnitude:
        lines.append((MAGNITUDE, [_still(value) for value in pruning.magnitude]))
    records = [
        {
            "calibration": title, "evaluation": measured[e], "perplexity": cell.value, "times": cell.value / pruning.dense[e],
            "said": f"{cell.value:,.1f}" if cell.value < 1000 else f"{cell.value:,.0f}", "between": _between(cell),
        }
        for title, cells in lines
        for e, cell in enumerate(cells)
    ]  # fmt: skip
    _draw(
        pd.DataFrame(records),
        x=alt.X(
            "evaluation:N",
            sort=measured,
            axis=alt.Axis(title=None, labelAngle=0, labelLimit=260, orient="top"),
        ),
        y=alt.Y("calibration:N", sort=[title for title, _ in lines], axis=_AXIS),
        colour=alt.Color("times:Q", scale=alt.Scale(type="log", range=_ramp()), legend=None),
        tooltip=[
            alt.Tooltip("calibration:N", title="Calibrated by"),
            alt.Tooltip("evaluation:N", title="Measured on"),
            alt.Tooltip("perplexity:Q", format=",.2f"),
            alt.Tooltip("between:N", title="Over draws"),
            alt.Tooltip("times:Q", title="Times the dense model's", format=".2f"),
        ],
        said="Perplexity by calibration and evaluation set",
    )


def overlap_map(pruning: Pruning, titles: list[str]) -> None:
    """The Jaccard index of the masks of every two calibration sets."""
    records = [
        {"a": titles[i], "b": titles[j], "times": value, "said": "–" if value is None else f"{value:.2f}"}
        for i, line in enumerate(pruning.overlap)
        for j, value in enumerate(line)
    ]
    _draw(
        pd.DataFrame(records),
        x=alt.X("b:N", sort=titles, axis=alt.Axis(title=None, labelAngle=0, labelLimit=260, orient="top")),
        y=alt.Y("a:N", sort=titles, axis=_AXIS),
        colour=alt.Color("times:Q", scale=alt.Scale(domain=[0, 1], range=_ramp()), legend=None),
        tooltip=[
            alt.Tooltip("a:N", title="Masks of"),
            alt.Tooltip("b:N", title="and of"),
            alt.Tooltip("times:Q", title="share", format=".3f"),
        ],
        said="How far the masks of every two calibration sets agree",
    )


def _draw(
    table: pd.DataFrame, *, x: alt.X, y: alt.Y, colour: alt.Color, tooltip: list[alt.Tooltip], said: str
) -> None:
    base = alt.Chart(table).encode(x=x, y=y, tooltip=tooltip)
    dark = st.context.theme.type == "dark"
    cells = base.mark_rect(cornerRadius=3, stroke="#101615" if dark else "white", strokeWidth=2).encode(
        color=colour
    )
    text = base.mark_text(fontSize=12, color="#E8EEEC" if dark else "#17211F").encode(text="said:N")
    st.altair_chart(alt.layer(cells, text).properties(height=alt.Step(36)), alt=said)


def _ramp() -> list[str]:
    return ["#16211F", "#0B6B5E"] if st.context.theme.type == "dark" else ["#F2F7F6", "#7CC9BC"]


def _still(value: float) -> Cell:
    """A number that no draw changes."""
    return Cell(value=value, low=None, high=None, draws=[value])


def _between(cell: Cell) -> str:
    return "–" if cell.low is None or cell.high is None else f"{cell.low:.2f} to {cell.high:.2f}"
