"""The figures of a referee: intervals against random, and how they narrowed over the looks."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared.wording import signed
from tamis.actions.map_colours import PALETTE
from tamis.actions.referee import Ruling

AXIS_TITLE = "difference of loss, nats per token"
ROW_PX, FIGURE_PX = 42, 200  # of a method at least, and of all of them
LABEL_PX = 230  # the title of a method with its target


def forest_chart(ruling: Ruling) -> None:
    """A line per method: its difference to random with both intervals."""
    data = pd.DataFrame([
        {
            "method": ruling.methods[one.second].title, "difference": one.difference, "verdict": one.verdict,
            "low": one.difference - one.half_width, "high": one.difference + one.half_width,
            "rows_low": one.low, "rows_high": one.high, "said": f"{signed(one.difference, 4)} ± {one.half_width:.4f}",
        }
        for one in ruling.against_random()
    ])  # fmt: skip
    axis = alt.Axis(title=None, ticks=False, domain=False, labelLimit=LABEL_PX)
    base = alt.Chart(data).encode(
        y=alt.Y("method:N", sort=list(data["method"]), axis=axis),
        color=alt.Color("method:N", scale=_scale(ruling), legend=None),
        tooltip=["method:N", "said:N", "verdict:N"],
    )
    scale = alt.Scale(zero=True, nice=True, padding=12)  # so that 0 is seen where it is at the edge
    thin = base.mark_rule(strokeWidth=1).encode(
        x=alt.X("rows_low:Q", scale=scale, title=AXIS_TITLE), x2="rows_high:Q"
    )
    thick = base.mark_rule(strokeWidth=4, opacity=0.5).encode(x="low:Q", x2="high:Q")
    dot = base.mark_point(filled=True, size=90, opacity=1).encode(x="difference:Q")
    zero = (
        alt.Chart(pd.DataFrame({"x": [0.0]}))
        .mark_rule(strokeDash=[4, 4], strokeWidth=1.5, color="gray")
        .encode(x="x:Q")
    )
    st.altair_chart(
        alt.layer(zero, thin, thick, dot).properties(height=alt.Step(max(ROW_PX, FIGURE_PX // len(data)))),
        alt="Difference of every method to random with its interval",
    )


def seeds_chart(ruling: Ruling) -> None:
    """The difference of every method to random at every look, and what each seed said alone."""
    titles = [one.title for one in ruling.methods]
    looks = [
        {
            "method": titles[i + 1],
            "seeds": one.n_seeds,
            "difference": value,
            "low": value - width,
            "high": value + width,
        }
        for one in ruling.looks
        for i, (value, width) in enumerate(zip(one.differences, one.half_widths, strict=True))
        if i < len(titles) - 1
    ]
    random = ruling.methods[0].loss_of_seeds
    alone = [
        {"method": one.title, "seeds": seed + 1, "difference": loss - random[seed]}
        for one in ruling.methods[1:]
        for seed, loss in enumerate(one.loss_of_seeds)
    ]
    color = alt.Color(
        "method:N",
        scale=_scale(ruling),
        legend=alt.Legend(title=None, orient="bottom", symbolOpacity=1, labelLimit=LABEL_PX),
    )
    x = alt.X("seeds:Q", axis=alt.Axis(tickMinStep=1, format="d"), title="seeds")
    y = alt.Y("difference:Q", title=AXIS_TITLE)
    dots = (
        alt.Chart(pd.DataFrame(alone))
        .mark_point(filled=True, opacity=0.6, size=30)
        .encode(x=x, y=y, color=color)
    )
    base = alt.Chart(pd.DataFrame(looks)).encode(x=x, color=color)
    bars = base.mark_rule(strokeWidth=2, opacity=0.7).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(point=True).encode(y=y)
    st.altair_chart(alt.layer(dots, bars, line), alt="Difference to random over the seeds")


def _scale(ruling: Ruling) -> alt.Scale:
    titles = [one.title for one in ruling.methods[1:]]
    return alt.Scale(domain=titles, range=[PALETTE[i % len(PALETTE)] for i in range(len(titles))])
