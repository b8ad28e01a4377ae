"""Curves of training: loss beside held-out loss, learning rate, speed and memory; of one run or several over each other."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from tamis.actions.map_colours import PALETTE

TRAIN, HELD_OUT = "Training", "Held out"
LOSSES = {"loss": TRAIN, "eval_loss": HELD_OUT}
SMALL = {
    "learning_rate": ("Learning rate", ".2~e"),
    "tokens_per_s": ("Tokens per second", ",.0f"),
    "memory_mb": ("Memory (MB)", ",.0f"),
}
SMOOTHED_FROM = 60  # points from which a running mean is drawn over the raw losses
FEW = 3  # points up to which a line alone might not be seen
MAX_POINTS = 600  # of one curve; more cannot be told apart on a screen


def show_training_curves(curves: dict[str, pd.DataFrame]) -> None:
    """All curves of the runs, by their titles."""
    table = _together(curves)
    if table.empty:
        st.caption("No point of a curve yet: the first comes after the first step.")
        return
    left, right = st.columns([0.64, 0.36], gap="medium")
    with left, st.container(border=True, height="stretch"):
        st.markdown(
            "**Loss**",
            help="Lower is better. Held-out loss that rises while training loss falls is overfitting.",
        )
        _loss_chart(table, list(curves))
    with right, st.container(border=True, height="stretch"):
        for name, (title, digits) in SMALL.items():
            part = table[table["name"] == name]
            if not part.empty:
                st.markdown(f"**{title}**")
                _small_chart(part, list(curves), title, digits)


def _together(curves: dict[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [_thinned(curve).assign(run=title) for title, curve in curves.items() if not curve.empty]
    if not parts:
        return pd.DataFrame(columns=["name", "step", "value", "run"])
    table = pd.concat(parts, ignore_index=True)
    return table[table["value"].notna()]


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most so many points of each curve, the last always among them."""
    parts = []
    for _, points in curve.groupby("name", sort=False):
        every = -(-len(points) // MAX_POINTS)
        kept = points.iloc[::every]
        parts.append(kept if kept.index[-1] == points.index[-1] else pd.concat([kept, points.tail(1)]))
    return pd.concat(parts, ignore_index=True)


def _loss_chart(table: pd.DataFrame, titles: list[str]) -> None:
    losses = table[table["name"].isin(LOSSES)].copy()
    losses["kind"] = losses["name"].map(LOSSES)
    several = len(titles) > 1
    colour = _by_run(titles) if several else _by_kind(losses["kind"])
    base = alt.Chart(losses).encode(
        x=alt.X("step:Q", title="Step", axis=alt.Axis(grid=False, tickMinStep=1, tickCount=8, format=",d")),
        y=alt.Y(
            "value:Q",
            title=None,
            scale=alt.Scale(zero=False, nice=True),
            axis=alt.Axis(tickCount=6, format=".3~f"),
        ),
        color=colour,
        tooltip=[
            *([alt.Tooltip("run:N", title="Run")] if several else []),
            alt.Tooltip("kind:N", title="Rows"),
            alt.Tooltip("step:Q", title="Step", format=",.0f"),
            alt.Tooltip("value:Q", title="Loss", format=".4f"),
        ],
    )
    training = alt.datum.kind == TRAIN
    long = bool((losses["kind"] == TRAIN).sum() > SMOOTHED_FROM * len(titles))
    few = bool((losses["kind"] == TRAIN).sum() <= FEW * len(titles))
    raw = base.mark_line(
        point=few, strokeWidth=1.2 if long else 2, opacity=0.3 if long else 0.85
    ).transform_filter(training)
    layers = [raw]
    if long:
        smooth = base.mark_line(strokeWidth=2.2).transform_filter(training)
        smooth = smooth.transform_window(mean="mean(value)", frame=[-10, 10], groupby=["run"])
        layers.append(smooth.encode(y=alt.Y("mean:Q", title=None)))
    looked = base.transform_filter(alt.datum.kind == HELD_OUT)
    layers.append(looked.mark_line(strokeWidth=2.2, strokeDash=[6, 4] if several else [1, 0]))
    layers.append(looked.mark_point(size=55, filled=True, opacity=1))
    st.altair_chart(
        alt.layer(*layers).properties(height=330), alt="Training and held-out loss over the steps of training"
    )
    if several and (losses["kind"] == HELD_OUT).any():
        st.caption("Thin: training. Dashed with dots: held out.")


def _small_chart(table: pd.DataFrame, titles: list[str], title: str, digits: str) -> None:
    several = len(titles) > 1
    colour = _by_run(titles, legend=False) if several else alt.value(PALETTE[0])
    chart = (
        alt.Chart(table)
        .mark_line(strokeWidth=1.8, point=len(table) <= FEW * len(titles))
        .encode(
            x=alt.X("step:Q", title=None, axis=alt.Axis(grid=False, tickMinStep=1, tickCount=6, format=",d")),
            y=alt.Y(
                "value:Q",
                title=None,
                axis=alt.Axis(tickCount=3, format=".1~e" if digits.endswith("e") else "~s"),
                scale=alt.Scale(zero=True),
            ),
            color=colour,
            tooltip=[
                *([alt.Tooltip("run:N", title="Run")] if several else []),
                alt.Tooltip("step:Q", title="Step", format=",.0f"),
                alt.Tooltip("value:Q", title=title, format=digits),
            ],
        )
    )
    st.altair_chart(chart.properties(height=82), alt=f"{title} over the steps of training")


def _by_kind(kinds: pd.Series) -> alt.Color:
    known = {TRAIN: PALETTE[0], HELD_OUT: PALETTE[1]}
    there = [kind for kind in known if (kinds == kind).any()]
    scale = alt.Scale(domain=there, range=[known[kind] for kind in there])
    return alt.Color("kind:N", scale=scale, title=None, legend=alt.Legend(orient="top", symbolOpacity=1))


def _by_run(titles: list[str], *, legend: bool = True) -> alt.Color:
    scale = alt.Scale(domain=titles, range=[PALETTE[i % len(PALETTE)] for i in range(len(titles))])
    shown = alt.Legend(orient="top", columns=2, labelLimit=340, symbolOpacity=1, symbolType="stroke")
    return alt.Color("run:N", scale=scale, title=None, legend=shown if legend else None)
