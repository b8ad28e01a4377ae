"""The figures of a worth: intervals by super-cluster, and what more of one does to the loss of another."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared.wording import signed
from tamis.actions.map_colours import PALETTE
from tamis.actions.worth import WorthReport

AXIS_TITLE = "change of loss, nats per token"
ROW_PX = 36
_AXIS = alt.Axis(title=None, labelLimit=190, labelOverlap=False, ticks=False, domain=False)


def worth_chart(report: WorthReport) -> None:
    """A line per super-cluster: its worth with its interval, the most helpful first."""
    told = sorted(report.groups, key=lambda one: one.worth)
    data = pd.DataFrame([
        {
            "cluster": one.name, "worth": one.worth, "low": one.worth - one.half_width, "high": one.worth + one.half_width,
            "told": "told from 0" if one.is_clear else "not told from 0", "said": f"{signed(one.worth, 4)} ± {one.half_width:.4f}",
        }
        for one in told
    ])  # fmt: skip
    base = alt.Chart(data).encode(
        y=alt.Y("cluster:N", sort=list(data["cluster"]), axis=_AXIS),
        opacity=alt.Opacity(
            "told:N",
            scale=alt.Scale(domain=["told from 0", "not told from 0"], range=[1.0, 0.55]),
            legend=alt.Legend(title=None, orient="bottom"),
        ),
        tooltip=["cluster:N", "said:N", "told:N"],
    )
    scale = alt.Scale(zero=True, nice=True)
    bar = base.mark_rule(strokeWidth=4, color=PALETTE[0]).encode(
        x=alt.X("low:Q", scale=scale, title=AXIS_TITLE), x2="high:Q"
    )
    dot = base.mark_point(filled=True, size=90, color=PALETTE[0]).encode(x="worth:Q")
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(strokeDash=[4, 4], opacity=0.6).encode(x="x:Q")
    st.altair_chart(
        alt.layer(zero, bar, dot).properties(height=alt.Step(ROW_PX)),
        alt="What each super-cluster is worth, with its interval",
    )


def matrix_chart(report: WorthReport, *, everything: bool) -> None:
    """A cell per super-cluster and head, coloured by the change of loss; what covers 0 is blank unless ``everything``."""
    data, names, heads, widest = _cells(report, everything=everything)
    dark = st.context.theme.type == "dark"
    base = alt.Chart(data).encode(
        x=alt.X(
            "loss:N",
            sort=heads,
            axis=alt.Axis(title=None, labelAngle=0, labelLimit=90, labelOverlap=False, orient="top"),
        ),
        y=alt.Y("more:N", sort=names, axis=_AXIS),
        tooltip=[
            alt.Tooltip("more:N", title="More of"),
            alt.Tooltip("of:N", title="loss of"),
            alt.Tooltip("told:N", title="changes by"),
        ],
    )
    ramp = ["#2FA08D", "#101615", "#D2703F"] if dark else ["#2F9E8B", "#FFFFFF", "#E07A45"]
    blank = base.mark_rect(cornerRadius=3, color="#1B2422" if dark else "#F3F5F5")
    cells = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color(
            "shown:Q",
            scale=alt.Scale(domain=[-widest, 0, widest], range=ramp, interpolate="rgb"),
            legend=None,
        )
    )
    shown = alt.layer(
        blank,
        cells.transform_filter("isValid(datum.shown)"),
        base.mark_text(fontSize=11, color="#E8EEEC" if dark else "#17211F").encode(text="said:N"),
    )
    st.altair_chart(
        shown.properties(height=alt.Step(ROW_PX)),
        alt="What more of one super-cluster does to the loss of another",
    )


def _cells(report: WorthReport, *, everything: bool) -> tuple[pd.DataFrame, list[str], list[str], float]:
    """The cells, what rows and columns are called, and the largest change of all."""
    # Columns have the numbers of rows: a dozen names side by side could not be read.
    names = [f"{i} {one.name}" for i, one in enumerate(report.groups, 1)]
    heads = [
        str(one.group + 1) if one.group >= 0 else {-1: "all"}.get(one.group, one.name) for one in report.heads
    ]
    measured = [one.name for one in report.heads]
    widest = max(abs(one.worth) for one in report.cells) or 1.0
    data = pd.DataFrame([
        {
            "more": names[one.group], "loss": heads[one.head], "of": measured[one.head], "worth": one.worth,
            "shown": one.worth if one.is_clear or everything else None,
            "said": signed(one.worth, 3) if one.is_clear or everything else "",
            "told": f"{signed(one.worth, 4)} ± {one.half_width:.4f}",
        }
        for one in report.cells
    ])  # fmt: skip
    return data, names, heads, widest
