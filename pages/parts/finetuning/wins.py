"""The result of the blind vote: win rate of the tuned model, overall and per cluster, with its interval."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared.figures import WHOLE_PERCENTS
from pages.shared.figures.selection_charts import CLUSTER_AXIS, MAX_BARS
from pages.shared.plain_text import shorten
from pages.shared.wording import PERCENT_TICKS, percent
from tamis.actions.map_colours import PALETTE
from tamis.actions.votes import EVERY

UNDECIDED = "#8A9794"
VERDICTS = {
    "wins": "better than the base model",
    "loses": "worse than the base model",
    "open": "not told apart from the base model by these votes",
}


def show_wins(wins: pd.DataFrame) -> None:
    """One sentence, and a dot with its interval per cluster."""
    whole = wins.iloc[0]
    verdict = VERDICTS[whole["said"]]
    n, n_groups = int(whole["n"]), int(whole["n_groups"])
    together = "" if n == n_groups else f", in {n_groups:,} groups of like rows that count once"
    st.markdown(
        f"**{percent(whole['rate'])}** of {n:,} votes for the tuned model{together} "
        f"(between {percent(whole['low'])} and {percent(whole['high'])}): {verdict}."
    )
    if len(wins) > 1:
        _chart(wins)
    st.caption(
        "A tie counts half, and rows with like prompts or of one family count once. Intervals: 95 %, Wilson. Clusters are "
        "called won or lost by sign tests that are looked at together (Benjamini and Hochberg at 5 %), never on fewer than "
        "six votes or groups."
    )


def _chart(wins: pd.DataFrame) -> None:
    rest = wins[wins["cluster_id"] != EVERY].sort_values("n", ascending=False).head(MAX_BARS)
    shown = pd.concat([wins[wins["cluster_id"] == EVERY], rest.sort_values("rate", ascending=False)])
    shown = shown.assign(
        label=[f"{shorten(name, 26)} ({n})" for name, n in zip(shown["cluster"], shown["n"], strict=True)],
        kind=[said.capitalize() for said in shown["said"]],
    )
    kinds = ["Wins", "Open", "Loses"]
    base = alt.Chart(shown).encode(
        y=alt.Y("label:N", sort=list(shown["label"]), title=None, axis=CLUSTER_AXIS),
        color=alt.Color(
            "kind:N", scale=alt.Scale(domain=kinds, range=[PALETTE[0], UNDECIDED, PALETTE[1]]), title=None,
            legend=alt.Legend(orient="top", symbolOpacity=1),
        ),
        tooltip=[
            alt.Tooltip("cluster:N", title="Cluster"), alt.Tooltip("won:Q", title="Won"),
            alt.Tooltip("tied:Q", title="Tied"), alt.Tooltip("lost:Q", title="Lost"),
            alt.Tooltip("rate:Q", title="Win rate", format=WHOLE_PERCENTS),
            alt.Tooltip("low:Q", title="From", format=WHOLE_PERCENTS), alt.Tooltip("high:Q", title="To", format=WHOLE_PERCENTS),
        ],
    )  # fmt: skip
    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(labelExpr=PERCENT_TICKS, tickCount=5)
    half = alt.Chart(pd.DataFrame({"x": [0.5]})).mark_rule(strokeDash=[4, 3], color=UNDECIDED)
    reach = base.mark_rule(strokeWidth=4, opacity=0.45).encode(
        x=alt.X("low:Q", scale=scale, axis=axis, title="Win rate of the tuned model"), x2="high:Q"
    )
    dot = base.mark_point(size=90, filled=True, opacity=1).encode(x=alt.X("rate:Q", scale=scale))
    st.altair_chart(
        alt.layer(half.encode(x="x:Q"), reach, dot).properties(height=alt.Step(27)),
        alt="Win rate of the tuned model per cluster with its interval",
    )
