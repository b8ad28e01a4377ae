"""The threshold on a score: where it lies among the rows, how many would go, and rows on both sides of it."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.runs.job_watch import FormDefaults
from pages.shared.wording import percent
from tamis.actions.map_colours import MUTED, PALETTE
from tamis.actions.proposal_threshold import ThresholdPreview, preview_threshold
from tamis.actions.read_rows import Scope, read_rows
from tamis.scorers import SCORERS
from tamis.steps.propose.options import ProposeOptions
from tamis.types import JSON, Float64s, Int64s

BY_SHARE, BY_VALUE = "Share of the rows", "Value"
USUAL_FRACTION = ProposeOptions().gamma_fraction  # of the rows would go, until a person says otherwise
BINS = 48


def choose_threshold(
    context: DatasetContext, name: str, scope: Scope, start: FormDefaults, *, correcting: bool
) -> dict[str, JSON]:
    """The slider with what it means for every row in scope; returns gamma_fraction or gamma."""
    rows = queries.matches(context, scope)
    scores = queries.values(context, f"score:{name}").astype(np.float64)[rows]
    known = scores[np.isfinite(scores)]
    if not len(known):
        st.warning(
            "No row in scope has this score, so nothing can be above a threshold: every row would be kept.",
            icon=":material/help:",
        )
        return {"gamma_fraction": USUAL_FRACTION}
    with st.container(border=True):
        values = _slide(known, start)
        preview = preview_threshold(scores, **values)
        _show_counts(preview, correcting=correcting)
        _show_histogram(known, preview.gamma, SCORERS[name].title)
        if preview.n_tied > 1:
            st.caption(f"{count_of(preview.n_tied, 'row')} lie exactly on the threshold; they would go.")
    left, right = st.columns(2, gap="small")
    with left:
        _show_rows(context, rows[preview.below], scores[preview.below], "Just below: these would go")
    with right:
        _show_rows(context, rows[preview.above], scores[preview.above], "Just above: these would stay")
    return values


def _slide(known: Float64s, start: FormDefaults) -> dict[str, JSON]:
    by_value = start.values.get("gamma") is not None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        how = st.segmented_control(
            "Threshold by", [BY_SHARE, BY_VALUE], default=BY_VALUE if by_value else BY_SHARE, required=True,
            key=f"gamma_by_{start.suffix}", bind="query-params",
        )  # fmt: skip
        low, high = float(known.min()), float(known.max())
        with st.container():
            if how == BY_VALUE and high > low:
                usual = float(np.clip(float(start.values.get("gamma") or np.median(known)), low, high))
                gamma = st.slider(
                    "Threshold γ", low, high, usual, step=(high - low) / 500, format="%.4g",
                    key=f"gamma_value_{start.suffix}", bind="query-params",
                )  # fmt: skip
                return {"gamma": float(gamma)}
            usual = round(100 * float(start.values.get("gamma_fraction", USUAL_FRACTION)))
            share = st.slider(
                "Rows below the threshold γ (%)", 0, 100, usual, key=f"gamma_share_{start.suffix}", bind="query-params",
                help="The paper takes the median, half of the rows: far more than most files have wrong.",
            )  # fmt: skip
    return {"gamma_fraction": share / 100}


def _show_counts(preview: ThresholdPreview, *, correcting: bool) -> None:
    below = "would go unless corrected" if correcting else "would go"
    parts = [
        f"**{count_of(preview.n_below, 'row')}** ({percent(preview.n_below / preview.n_rows)}) {below}",
        f"**{preview.n_above:,}** would stay",
        f"γ = {preview.gamma:.4g}",
    ]
    if preview.n_unknown:
        parts.insert(2, f"{preview.n_unknown:,} without a score would stay")
    st.markdown(" · ".join(parts))


def _show_histogram(known: Float64s, gamma: float, title: str) -> None:
    low, high = np.quantile(known, (0.005, 0.995))
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    clipped = np.clip(known, edges[0], edges[-1])
    pieces = []
    for side, values in (("would go", clipped[known <= gamma]), ("would stay", clipped[known > gamma])):
        counts, _ = np.histogram(values, bins=edges)
        pieces.append(pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": counts, "side": side}))
    colours = alt.Scale(domain=["would go", "would stay"], range=[PALETTE[1], PALETTE[0]])
    bars = alt.Chart(pd.concat(pieces)).mark_bar(binSpacing=1).encode(
        x=alt.X("low:Q", bin="binned", title=title, axis=alt.Axis(grid=False, tickCount=6), scale=alt.Scale(zero=False)),
        x2="high:Q",
        y=alt.Y("count:Q", title="Rows", stack=True, axis=alt.Axis(tickCount=4)),
        color=alt.Color("side:N", title=None, scale=colours, legend=alt.Legend(orient="top-right")),
        tooltip=[
            alt.Tooltip("low:Q", title="From", format=",.3~f"),
            alt.Tooltip("high:Q", title="To", format=",.3~f"),
            alt.Tooltip("count:Q", title="Rows", format=","),
            alt.Tooltip("side:N", title="They"),
        ],
    )  # fmt: skip
    rule = alt.Chart(pd.DataFrame({"at": [float(np.clip(gamma, edges[0], edges[-1]))]})).mark_rule(
        strokeDash=[4, 3], strokeWidth=1.5, color=MUTED
    ).encode(x="at:Q")  # fmt: skip
    st.altair_chart(alt.layer(bars, rule).properties(height=170), alt=f"Rows by {title} and the threshold")


def _show_rows(context: DatasetContext, rows: Int64s, scores: Float64s, title: str) -> None:
    st.markdown(f"**{plain(title)}**")
    if not len(rows):
        st.caption("None.")
        return
    texts = read_rows(context, rows, ["prompt", "response"]).to_pylist()
    table = pd.DataFrame(
        {
            "score": scores,
            "prompt": [shorten(one["prompt"] or "", 160) for one in texts],
            "response": [shorten(one["response"] or "", 160) for one in texts],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "score": st.column_config.NumberColumn("Score", width=70, format="%.3g"),
            "prompt": st.column_config.TextColumn("Prompt", width="medium"),
            "response": st.column_config.TextColumn("Response", width="medium"),
        },
        alt=title,
    )
