"""The figures of a refinement: weights as a heat map and as lines with their scores, and what each round spent."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from pages.parts.refinement.history import names_of, weights_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures import HUNDREDTHS_OF_A_PERCENT, WHOLE_PERCENTS
from pages.shared.plain_text import plain_in_figure, shorten
from pages.shared.wording import PERCENT_TICKS, as_percent
from tamis.actions.map_colours import GAINED, MUTED, PALETTE, diverging
from tamis.actions.refinement_history import RefinementHistory
from tamis.steps.refine.options import EXCLUDED, PINNED
from tamis.types import Bools, Float64s, Int64s

CHANGE, WEIGHT = "Change", "Weight"
MOST_WORDED = 48  # clusters up to which each has a line with a name and numbers
MOST_BARS = 9
START = "start"


def weight_heatmap(context: DatasetContext, history: RefinementHistory, shown: str) -> None:
    """All clusters by rounds, those that gained most on top."""
    dark = st.context.theme.type == "dark"
    order = _order(history)
    ids = history.cluster_ids[order]
    columns = range(history.n_rounds + 1)
    table = np.stack([_values(history, number, shown)[order] for number in columns], axis=1)
    names = names_of(context, ids)
    worded = len(ids) <= MOST_WORDED
    by_hand = history.set_by_hand()[order]
    figure = go.Figure(_heatmap(table, shown, [names[int(i)] for i in ids], dark=dark, worded=worded))
    _mark_excluded(figure, by_hand == EXCLUDED, dark=dark, worded=worded)
    figure.update_layout(
        height=min(900, 58 + len(ids) * 30) if worded else 620,
        margin={"l": 0, "r": 0, "t": 4, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        xaxis={
            "tickvals": list(columns), "ticktext": [START, *(f"round {n}" for n in columns if n)], "side": "top",
            "showgrid": False, "fixedrange": True,
        },
        yaxis={
            "tickvals": list(range(len(ids))) if worded else [], "autorange": "reversed", "showgrid": False, "fixedrange": True,
            "ticktext": [_tick(names[int(i)], hand[-1]) for i, hand in zip(ids, by_hand, strict=True)] if worded else [],
            "automargin": True,
        },
    )  # fmt: skip
    st.plotly_chart(
        figure, config={"displayModeBar": False}, key=f"weights_{history.artifact_id}_{shown}",
        alt=f"{shown} of every cluster's weight in every round",
    )  # fmt: skip
    _say_by_hand(by_hand)


def weight_lines(context: DatasetContext, history: RefinementHistory, chosen: list[int]) -> None:
    """Weights of some clusters over rounds, and below them the mean score of their rows with its standard error."""
    if not chosen:
        st.caption("Choose clusters to draw.")
        return
    table = _line_table(context, history, chosen)
    names = list(dict.fromkeys(table["cluster"]))
    colour = alt.Color(
        "cluster:N", title=None, scale=alt.Scale(domain=names, range=PALETTE[: len(names)]),
        legend=alt.Legend(orient="bottom", columns=2, labelLimit=230, symbolType="circle", symbolOpacity=1),
    )  # fmt: skip
    rounds = alt.X(
        "round:Q", title="Round", scale=alt.Scale(domain=[0, max(history.n_rounds, 1)], nice=False, padding=12),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False, tickCount=min(history.n_rounds + 1, 12)),
    )  # fmt: skip
    base = alt.Chart(table).encode(x=rounds, color=colour, tooltip=_tooltip())
    weight = base.mark_line(strokeWidth=2, point={"size": 45, "filled": True}).encode(
        y=alt.Y("weight:Q", title="Weight", axis=alt.Axis(labelExpr=PERCENT_TICKS, tickCount=5)),
        x=rounds.title(None),
        color=colour.legend(None),
    )
    scored = base.transform_filter("isValid(datum.score)")
    score_axis = alt.Y("score:Q", title="Mean score", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4))
    lines = scored.mark_line(strokeWidth=1.5, opacity=0.55).encode(y=score_axis)
    points = scored.mark_point(size=45, filled=True, opacity=1).encode(y=score_axis)
    bars = (
        scored.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=1.5)
        .encode(y=alt.Y("low:Q", title="Mean score"), y2="high:Q")
    )
    # Two charts of one width: charts joined into one do not take the width of the page.
    st.altair_chart(weight.properties(height=190), alt="Weights of chosen clusters over rounds")
    below = alt.layer(lines, bars, points).properties(
        height=210 + 26 * -(-len(names) // 2)
    )  # the legend's part of it
    st.altair_chart(below, alt="Mean scores of chosen clusters over rounds with their standard errors")


def budget_chart(context: DatasetContext, history: RefinementHistory) -> None:
    """What each round took from the clusters that got most, and from all others together."""
    weights = weights_of(history)
    per_round = weights[weights["round"] > 0]
    totals = per_round.groupby("cluster_id")["budget"].sum().sort_values(ascending=False, kind="stable")
    top = [int(i) for i in totals.index[:MOST_BARS]]
    names = names_of(context, history.cluster_ids)
    others = f"{len(totals) - len(top):,} others"
    table = per_round[["round", "cluster_id", "budget"]].copy()
    table["cluster"] = [shorten(names[int(i)], 36) if int(i) in top else others for i in table["cluster_id"]]
    table = table.groupby(["round", "cluster"], as_index=False).agg({"budget": "sum"})
    order = [*(shorten(names[i], 36) for i in top), *([others] if len(totals) > len(top) else [])]
    table["place"] = [order.index(name) for name in table["cluster"]]
    share = table["budget"] / table.groupby("round")["budget"].transform("sum").replace(0, np.nan)
    table["share"] = share
    chart = (
        alt.Chart(table)
        .mark_bar(size=30)
        .encode(
            y=alt.Y("round:O", title="Round", axis=alt.Axis(ticks=False, labelAngle=0)),
            x=alt.X("budget:Q", title="Rows", axis=alt.Axis(tickMinStep=1)),
            order=alt.Order("place:Q"),
            color=alt.Color(
                "cluster:N", title=None, scale=alt.Scale(domain=order, range=[*PALETTE[: len(top)], MUTED]),
                legend=alt.Legend(orient="bottom", columns=4, labelLimit=260, symbolType="circle", symbolOpacity=1),
            ),
            tooltip=[
                alt.Tooltip("cluster:N", title="Cluster"), alt.Tooltip("round:O", title="Round"),
                alt.Tooltip("budget:Q", title="Rows", format=","), alt.Tooltip("share:Q", title="Of the round", format=WHOLE_PERCENTS),
            ],
        )
        .properties(height=alt.Step(42))
    )  # fmt: skip
    st.altair_chart(chart, alt="Rows that each round took from each cluster")


def _mark_excluded(figure: go.Figure, excluded: Bools, *, dark: bool, worded: bool) -> None:
    """A grey cell with a dash wherever a cluster was left out, over whatever its weight says."""
    if not excluded.any():
        return
    grey = "#3D4745" if dark else "#D3DAD8"
    words = np.where(excluded, "–", "")
    figure.add_trace(
        go.Heatmap(
            z=np.where(excluded, 1.0, np.nan), colorscale=[[0, grey], [1, grey]], showscale=False, xgap=2,
            ygap=1 if worded else 0, text=words, texttemplate="%{text}" if worded else None,
            textfont={"color": "#A9B5B2" if dark else "#5B6866"}, hovertemplate="%{x}: excluded by hand<extra></extra>",
        )
    )  # fmt: skip


def _tick(name: str, hand: str) -> str:
    """The name of a cluster, with what was set by hand for it in the last round."""
    text = {"": "", EXCLUDED: "excluded", PINNED: "pinned"}.get(hand, f"×{hand}")
    return plain_in_figure(shorten(name, 34)) + (f"  <i>{text}</i>" if text else "")


def _say_by_hand(by_hand: NDArray[np.object_]) -> None:
    """A legend in words for what was set by hand."""
    parts = []
    if (by_hand == EXCLUDED).any():
        parts.append("Grey: excluded by hand, so no row was taken.")
    if (by_hand[:, -1] == PINNED).any():
        parts.append("Pinned: keeps its weight whatever its rows score.")
    if parts:
        st.caption(" ".join(parts))


def _heatmap(table: Float64s, shown: str, names: list[str], *, dark: bool, worded: bool) -> go.Heatmap:
    labels = np.array([[plain_in_figure(name)] * table.shape[1] for name in names], dtype=object)
    common = {
        "customdata": labels, "xgap": 2, "ygap": 1 if worded else 0, "showscale": not worded,
        "colorbar": {"thickness": 8, "outlinewidth": 0, "len": 0.6},
    }  # fmt: skip
    if shown == WEIGHT:
        shares = [[as_percent(weight, 1) for weight in line] for line in table.tolist()]
        scale = [[0.0, "#1A2321" if dark else "#F4F6F5"], [1.0, GAINED]]
        return go.Heatmap(
            z=table, colorscale=scale, zmin=0, text=shares, texttemplate="%{text}" if worded else None,
            hovertemplate="%{customdata}<br>%{x}: weight %{text}<extra></extra>", **common,
        )  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log2(table)
    known = np.abs(logs[np.isfinite(logs)])
    most = max(1.0, float(known.max()) if len(known) else 1.0)
    told = np.array([[_times(value) for value in line] for line in table], dtype=object)
    return go.Heatmap(
        z=np.clip(logs, -most, most), zmin=-most, zmax=most, colorscale=[list(stop) for stop in diverging(dark=dark)],
        text=told, texttemplate="%{text}" if worded else None,
        hovertemplate="%{customdata}<br>%{x}: %{text} of its first weight<extra></extra>", **common,
    )  # fmt: skip


def _times(value: float) -> str:
    return "" if not np.isfinite(value) else f"×{value:.2f}" if value < 10 else f"×{value:.0f}"


def _values(history: RefinementHistory, number: int, shown: str) -> Float64s:
    return history.of_round(number, "weight") if shown == WEIGHT else history.change(number)


def _order(history: RefinementHistory) -> Int64s:
    """Those that gained most first; without a first weight last."""
    order: Int64s = np.argsort(-np.nan_to_num(history.change(), nan=-1.0), kind="stable").astype(np.int64)
    return order


def _line_table(context: DatasetContext, history: RefinementHistory, chosen: list[int]) -> pd.DataFrame:
    names = {i: shorten(name, 40) for i, name in names_of(context, history.cluster_ids).items()}
    weights = weights_of(history)
    table = weights[weights["cluster_id"].isin(chosen)].copy()
    table["place"] = [chosen.index(int(i)) for i in table["cluster_id"]]
    table["cluster"] = [names[int(i)] for i in table["cluster_id"]]
    table["low"], table["high"] = (table["score"] + sign * table["standard_error"] for sign in (-1, 1))
    return table.sort_values(["place", "round"]).drop(columns="factor")


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("cluster:N", title="Cluster"),
        alt.Tooltip("round:Q", title="Round"),
        alt.Tooltip("weight:Q", title="Weight", format=HUNDREDTHS_OF_A_PERCENT),
        alt.Tooltip("score:Q", title="Mean score", format=".3f"),
        alt.Tooltip("standard_error:Q", title="Standard error", format=".3f"),
        alt.Tooltip("n_scored:Q", title="Rows scored"),
        alt.Tooltip("budget:Q", title="Rows taken"),
    ]
