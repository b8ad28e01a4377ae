"""The figures of a comparison: intervals, overlap, shares beside the pool, and how numbers are spread."""

from __future__ import annotations

import json
from typing import Literal

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared.figures import TENTHS_OF_A_PERCENT
from pages.shared.plain_text import shorten, unlike
from pages.shared.wording import PERCENT_TICKS, with_minus
from tamis.actions.comparisons import Comparison, IntervalEstimate, Metric, ScoreHistograms, Shares
from tamis.actions.map_colours import PALETTE

MAX_GROUPS = 24
POOL = "All rows"
GREY = "#94A3A0"
ROW_PX = 30
RIDGE = 1.5  # height of the highest bar in rows: a ridge may reach into the row above
AXIS = alt.Axis(title=None, labelLimit=150, ticks=False, labelOverlap=False, domain=False, labelFontSize=12)


def titles_of(comparison: Comparison) -> list[str]:
    """The names of the methods, short enough for an axis."""
    return unlike([shorten(method.title, 34) for method in comparison.methods])


def interval_chart(comparison: Comparison, metric: Metric) -> None:
    """A dot per method with its interval."""
    base = alt.Chart(pd.DataFrame(_records(comparison, metric))).encode(
        y=alt.Y("method:N", sort=titles_of(comparison), axis=AXIS, scale=alt.Scale(paddingOuter=0.4)),
        color=alt.Color("method:N", scale=_scale(comparison), legend=None),
        tooltip=[
            alt.Tooltip("method:N", title="Method"),
            alt.Tooltip("said:N", title=metric.title),
            alt.Tooltip("low:Q", title="From", format=f",.{metric.digits}f"),
            alt.Tooltip("high:Q", title="To", format=f",.{metric.digits}f"),
            alt.Tooltip("over:N", title="Interval over"),
        ],
    )
    scale = alt.Scale(zero=False, nice=True, padding=14)
    x_axis = alt.Axis(tickCount=3, grid=True, format=",~f")
    whisker = base.mark_rule(opacity=0.5).encode(
        x=alt.X("low:Q", scale=scale, axis=x_axis, title=None),
        x2="high:Q",
        # Thin where it is over rows: what another draw would give is not in it.
        strokeWidth=alt.condition(alt.datum.is_over_seeds, alt.value(4), alt.value(1.5)),
    )
    dot = base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("value:Q", scale=scale, title=None))
    star = base.mark_text(dy=-12, fontSize=12).encode(x="value:Q", text="mark:N")
    st.altair_chart(
        alt.layer(whisker, dot, star).properties(height=alt.Step(ROW_PX)),
        alt=f"{metric.title} of every method",
    )


def _records(comparison: Comparison, metric: Metric) -> list[dict[str, object]]:
    """What is drawn of each method that has a value."""
    best = comparison.best(metric)
    return [
        {
            "method": title,
            "value": value.value,
            "low": value.low if value.low is not None else value.value,
            "high": value.high if value.high is not None else value.value,
            "said": with_minus(f"{value.value:,.{metric.digits}f}"),
            "over": f"{value.n} seeds" if value.over == "seeds" else value.over or "no interval",
            "is_over_seeds": value.over == "seeds",
            "mark": "★" if best.get(i) else "",
        }
        for i, (title, value) in enumerate(
            zip(titles_of(comparison), _values(comparison, metric), strict=True)
        )
        if value is not None and value.value is not None
    ]


def overlap_chart(comparison: Comparison) -> None:
    """The Jaccard index of every two methods."""
    titles = titles_of(comparison)
    records = [
        {
            "a": titles[i], "b": titles[j], "value": one.value,
            "said": f"{one.value:.2f}" if one.value is not None else "–",
            "between": "–" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}",
        }
        for i, line in enumerate(comparison.jaccard)
        for j, one in enumerate(line)
    ]  # fmt: skip
    base = alt.Chart(pd.DataFrame(records)).encode(
        x=alt.X(
            "b:N",
            sort=titles,
            axis=alt.Axis(
                title=None, labelAngle=-40, labelLimit=130, labelOverlap=False, ticks=False, domain=False
            ),
        ),
        y=alt.Y("a:N", sort=titles, axis=AXIS),
        tooltip=[
            alt.Tooltip("a:N", title="Method"),
            alt.Tooltip("b:N", title="and"),
            alt.Tooltip("value:Q", title="Jaccard", format=".3f"),
            alt.Tooltip("between:N", title="Over seeds"),
        ],
    )
    dark = st.context.theme.type == "dark"
    ramp = ["#16211F", "#0F9D8A"] if dark else ["#F2F7F6", "#0F9D8A"]
    scale = alt.Scale(domain=[0, 1], range=ramp, type="pow", exponent=0.75)
    cells = base.mark_rect(cornerRadius=3, stroke="#101615" if dark else "white", strokeWidth=2).encode(
        color=alt.Color("value:Q", scale=scale, legend=None)
    )
    ink = "#E8EEEC" if dark else "#17211F"
    text = base.mark_text(fontSize=12).encode(
        text="said:N", color=alt.condition(alt.datum.value > 0.45, alt.value("white"), alt.value(ink))
    )
    st.altair_chart(
        alt.layer(cells, text).properties(height=alt.Step(36)), alt="Jaccard index of every two methods"
    )


def share_chart(comparison: Comparison, shares: Shares, names: list[str], *, columns: int = 4) -> None:
    """A bar for the share of each group in all rows, a dot with its interval for each method."""
    order = sorted(range(len(shares.keys)), key=lambda g: -shares.pool[g])[:MAX_GROUPS]
    labels = unlike([shorten(names[g], 30) for g in order])
    titles = titles_of(comparison)
    y = alt.Y(
        "group:N",
        sort=labels,
        axis=alt.Axis(title=None, labelLimit=190, ticks=False, labelOverlap=False, labelFontSize=12),
    )
    bars = _pool_bars(shares, order, labels, y)
    base = alt.Chart(_share_table(shares, order, labels, titles)).encode(
        y=y,
        yOffset=alt.YOffset("method:N", sort=titles, scale=alt.Scale(paddingOuter=0.35)),
        color=alt.Color(
            "method:N",
            scale=_scale(comparison),
            title=None,
            legend=alt.Legend(orient="top", columns=columns, labelLimit=150, symbolOpacity=1),
        ),
        tooltip=[
            alt.Tooltip("group:N", title="Group"),
            alt.Tooltip("method:N", title="Method"),
            alt.Tooltip("share:Q", title="Of its picks", format=TENTHS_OF_A_PERCENT),
            alt.Tooltip("pool:Q", title="Of all rows", format=TENTHS_OF_A_PERCENT),
        ],
    )
    whiskers = base.mark_rule(strokeWidth=2, opacity=0.45).encode(x="low:Q", x2="high:Q")
    dots = base.mark_point(filled=True, size=46, opacity=1).encode(x="share:Q")
    step = max(24, 7 * len(titles) + 8)
    st.altair_chart(
        alt.layer(bars, whiskers, dots).properties(height=alt.Step(step, **{"for": "position"})),
        alt="Share of each group in the picks of every method",
    )
    if len(shares.keys) > len(order):
        st.caption(f"The {len(order)} largest of {len(shares.keys):,}.")


def _pool_bars(shares: Shares, order: list[int], labels: list[str], y: alt.Y) -> alt.Chart:
    table = pd.DataFrame(
        {"group": labels, "share": [shares.pool[g] for g in order], "size": [shares.sizes[g] for g in order]}
    )
    marks = alt.Chart(table).mark_bar(color=GREY, opacity=0.35, height=alt.RelativeBandSize(0.8))
    bars: alt.Chart = marks.encode(
        y=y,
        x=alt.X("share:Q", axis=alt.Axis(labelExpr=PERCENT_TICKS, tickCount=6, title="Share of the picks")),
        tooltip=[
            alt.Tooltip("group:N", title="Group"),
            alt.Tooltip("share:Q", title="Of all rows", format=TENTHS_OF_A_PERCENT),
            alt.Tooltip("size:Q", title="Rows", format=","),
        ],
    )
    return bars


def _share_table(shares: Shares, order: list[int], labels: list[str], titles: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "group": label,
                "method": titles[m],
                "share": line[g].value,
                "pool": shares.pool[g],
                "low": line[g].low if line[g].low is not None else line[g].value,
                "high": line[g].high if line[g].high is not None else line[g].value,
            }
            for m, line in enumerate(shares.methods)
            for g, label in zip(order, labels, strict=True)
        ]
    )


def spread_chart(comparison: Comparison, spread: ScoreHistograms) -> None:
    """One ridge per method over the ridge of all rows."""
    titles = [POOL, *titles_of(comparison)]
    kind: Literal["log", "linear"] = "log" if spread.logarithmic else "linear"
    label = f"{json.dumps(titles)}[datum.value]"
    axis = alt.Axis(
        values=list(range(len(titles))), labelExpr=label, title=None, grid=False, ticks=False, domain=False, labelLimit=150,
        labelOffset=-9, labelFontSize=12, labelOverlap=False,
    )  # fmt: skip
    base = alt.Chart(_ridges(spread, titles)).encode(
        x=alt.X(
            "x:Q",
            scale=alt.Scale(type=kind, nice=False),
            title=None,
            axis=alt.Axis(
                tickCount=6, grid=True, labelOverlap="greedy", format="~s" if spread.logarithmic else ",~f"
            ),
        ),
        y2="base:Q",
        detail="row:N",
    )
    y_scale = alt.Scale(domain=[len(titles) - 0.95, -RIDGE], nice=False, zero=False)
    shade = base.mark_area(interpolate="step-after", color=GREY, opacity=0.3).encode(
        y=alt.Y("pool:Q", scale=y_scale, axis=axis)
    )
    colours = [GREY, *_scale(comparison).range]
    ridge = base.mark_area(interpolate="step-after", fillOpacity=0.22, line={"strokeWidth": 1.8}).encode(
        y=alt.Y("top:Q", scale=y_scale, axis=axis),
        color=alt.Color("row:N", scale=alt.Scale(domain=titles, range=colours), legend=None),
        tooltip=[alt.Tooltip("row:N", title="Method"), alt.Tooltip("x:Q", title="From", format=",.3~f"), alt.Tooltip("share:Q", title="Share", format=TENTHS_OF_A_PERCENT)],
    )  # fmt: skip
    st.altair_chart(
        alt.layer(shade, ridge).properties(height=38 * len(titles) + 30),
        alt=f"How {spread.title} is spread in the picks of every method",
    )


def _ridges(spread: ScoreHistograms, titles: list[str]) -> pd.DataFrame:
    """The outline of every ridge: its row, the base line, and how high it and the ridge of all rows reach there."""
    lines = [spread.pool, *spread.methods]
    most = max(max(line) for line in lines) or 1.0
    pool = [*spread.pool, spread.pool[-1]]
    return pd.DataFrame(
        [
            {
                "x": low,
                "row": titles[i],
                "base": i,
                "top": i - RIDGE * share / most,
                "pool": i - RIDGE * of_pool / most,
                "share": share,
            }
            for i, line in enumerate(lines)
            for low, share, of_pool in zip(spread.edges, [*line, line[-1]], pool, strict=True)
        ]
    )


def method_colour(i: int) -> str:
    """The colour of a method wherever it appears."""
    return PALETTE[i % len(PALETTE)]


def _scale(comparison: Comparison) -> alt.Scale:
    titles = titles_of(comparison)
    return alt.Scale(domain=titles, range=[method_colour(i) for i in range(len(titles))])


def _values(comparison: Comparison, metric: Metric) -> list[IntervalEstimate | None]:
    return [method.values.get(metric.key) for method in comparison.methods]
