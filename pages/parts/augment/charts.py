"""Figures of examinations and batches: accuracy by group, the funnel, and rows by group beside the accuracy there."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared.figures import WHOLE_PERCENTS
from pages.shared.plain_text import shorten, unlike
from pages.shared.wording import PERCENT_TICKS
from tamis.actions.augmenting import BatchFunnel, BatchGroup, GroupMark
from tamis.actions.map_colours import MUTED, PALETTE
from tamis.filters import FILTERS

MOST_GROUPS = 24
ROW_PX = 26
PASSED = "#6CC4B6"  # not yet accepted: a lighter one of the colour that accepted rows have
NAME_CHARS = 34


def accuracy_chart(groups: Sequence[GroupMark]) -> None:
    """How often the answers of every group are right, with 95 % intervals, the least accurate first."""
    shown = sorted((one for one in groups if one.n), key=lambda one: one.accuracy)[:MOST_GROUPS]
    if not shown:
        return
    names = unlike([shorten(one.group, NAME_CHARS) for one in shown])
    chart = _accuracy(shown, names).properties(height=alt.Step(ROW_PX))
    st.altair_chart(chart, alt="Accuracy by group with its interval")
    if len(groups) > len(shown):
        st.caption(f"The {len(shown)} least accurate of {len(groups):,} groups.")


def funnel_chart(funnel: BatchFunnel) -> None:
    """From jobs over drafts and every filter that took some to what was accepted."""
    stages = [("Asked for", funnel.n_jobs, "jobs"), ("Drafts that could be read", funnel.n_drafts, "drafts")]
    stages += [
        (f"Left after {FILTERS[name].title.lower()}", left, "drafts")
        for name, left in funnel.left_after.items()
    ]
    if funnel.left_after:
        stages[-1] = (
            f"Passed, after {FILTERS[list(funnel.left_after)[-1]].title.lower()}",
            funnel.n_passed,
            "passed",
        )
    else:
        stages.append(("Passed", funnel.n_passed, "passed"))
    stages.append(("Accepted", funnel.n_accepted, "accepted"))
    table = pd.DataFrame(stages, columns=["stage", "rows", "what"])
    order, most = table["stage"].tolist(), max(1, int(table["rows"].max()))
    colours = alt.Scale(
        domain=["jobs", "drafts", "passed", "accepted"], range=[MUTED, MUTED, PASSED, PALETTE[0]]
    )
    base = alt.Chart(table).encode(
        x=alt.X("rows:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.15 * most])),
        y=alt.Y("stage:N", title=None, sort=order, axis=alt.Axis(labelLimit=220, ticks=False, domain=False)),
        tooltip=[alt.Tooltip("stage:N", title="Stage"), alt.Tooltip("rows:Q", title="Rows", format=",")],
    )
    bars = base.mark_bar(height=16, cornerRadius=2).encode(
        color=alt.Color("what:N", scale=colours, legend=None)
    )
    words = base.mark_text(align="left", dx=5, color=MUTED, fontSize=12).encode(
        text=alt.Text("rows:Q", format=",")
    )
    st.altair_chart(
        alt.layer(bars, words).properties(height=alt.Step(ROW_PX)),
        alt="The funnel from jobs to accepted rows",
    )


def groups_chart(groups: Sequence[BatchGroup]) -> None:
    """Rows of a batch by the group of their parents, beside how often the examined model is right there."""
    shown = list(groups)[:MOST_GROUPS]
    names = unlike([shorten(one.group or "no group", NAME_CHARS) for one in shown])
    table = pd.DataFrame(
        [
            {"group": name, "rows": n, "what": what}
            for name, one in zip(names, shown, strict=True)
            for what, n in (
                ("accepted", one.n_accepted),
                ("passed, not accepted", max(0, one.n_passed - one.n_accepted)),
                ("filtered", one.n_drafts - max(one.n_passed, one.n_accepted)),
            )
        ]
    )
    domain = ["accepted", "passed, not accepted", "filtered"]
    bars = alt.Chart(table).mark_bar(height=14).encode(
        x=alt.X("rows:Q", title="Rows of the batch", axis=alt.Axis(tickMinStep=1, format="d")),
        y=alt.Y("group:N", title=None, sort=names, axis=alt.Axis(labelLimit=220)),
        color=alt.Color("what:N", title=None, legend=alt.Legend(orient="top"), scale=alt.Scale(domain=domain, range=[PALETTE[0], PASSED, MUTED])),
        order=alt.Order("what:N", sort="ascending"),
        tooltip=["group:N", "what:N", alt.Tooltip("rows:Q", format=",")],
    ).properties(height=alt.Step(ROW_PX))  # fmt: skip
    marks = [one.mark for one in shown if one.mark is not None and one.mark.n]
    if not marks:
        st.altair_chart(bars, alt="Rows of the batch by group")
        return
    known = [name for name, one in zip(names, shown, strict=True) if one.mark is not None and one.mark.n]
    beside = _accuracy(marks, known, sort=names, labels=False).properties(width=240, height=alt.Step(ROW_PX))
    both = alt.hconcat(bars.properties(width=520), beside).resolve_scale(color="independent", y="shared")
    st.altair_chart(both, alt="Rows of the batch by group, beside the accuracy of the examined model there")


def _accuracy(
    marks: Sequence[GroupMark],
    names: Sequence[str],
    *,
    sort: Sequence[str] | None = None,
    labels: bool = True,
) -> alt.LayerChart | alt.FacetChart:
    table = pd.DataFrame(
        {
            "group": list(names),
            "accuracy": [one.accuracy for one in marks],
            "low": [one.low for one in marks],
            "high": [one.high for one in marks],
            "n": [one.n for one in marks],
        }
    )
    base = alt.Chart(table).encode(
        y=alt.Y("group:N", title=None, sort=list(sort or names), axis=alt.Axis(labels=labels, ticks=labels, labelLimit=220)),
        tooltip=[
            alt.Tooltip("group:N", title="Group"), alt.Tooltip("accuracy:Q", title="Right", format=WHOLE_PERCENTS),
            alt.Tooltip("low:Q", title="from", format=WHOLE_PERCENTS), alt.Tooltip("high:Q", title="to", format=WHOLE_PERCENTS),
            alt.Tooltip("n:Q", title="Rows", format=","),
        ],
    )  # fmt: skip
    x = alt.X(
        "low:Q",
        title="Answered rightly, 95 % interval",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(labelExpr=PERCENT_TICKS, tickCount=5),
    )
    bars = base.mark_rule(strokeWidth=2, color=PALETTE[0], opacity=0.55).encode(x=x, x2="high:Q")
    points = base.mark_point(filled=True, size=60, color=PALETTE[0], opacity=1).encode(x="accuracy:Q")
    return alt.layer(bars, points)
