"""What all rounds of a refinement together say of each cluster: effects with intervals, and whether they can be told at all."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.refinement.charts import GAINED, LOST
from pages.parts.refinement.history import names_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import shorten, unlike
from pages.shared.wording import percent
from tamis.actions.refinement_history import RefinementHistory, RoundEvidenceSummary

MOST_DRAWN = 24
WIDE = 1.96  # standard deviations on either side: 95 %
WHAT = (
    "An effect is how much more the given answers gain over the model's own in a cluster than elsewhere, in standard "
    "deviations of a row, as far as all rounds agree on it. A low one is where the given answers gain least: that can be bad "
    "rows, and it can be another kind of rows."
)


def show_effects(context: DatasetContext, history: RefinementHistory) -> None:
    """A line per cluster with its interval of 95 %; nothing for runs whose weights looked at one round alone."""
    evidence = history.evidence()
    if evidence is None:
        return
    with st.container(border=True):
        st.markdown("**What lasts over the rounds**", help=WHAT)
        if not evidence.told:
            st.info(_not_told(evidence), icon=":material/hourglass_empty:")
            return
        st.caption(_told(evidence))
        st.altair_chart(
            _chart(context, history, evidence), alt="Effect of each cluster with its interval of 95 %"
        )


def _told(evidence: RoundEvidenceSummary) -> str:
    clear = int(((np.abs(evidence.effect) - WIDE * evidence.deviation) > 0).sum())
    clear_ones = (
        "No cluster stands"
        if not clear
        else "One cluster stands"
        if clear == 1
        else f"{clear:,} clusters stand"
    )
    text = f"{clear_ones} clear of the others at 95 %. Clusters differ by {evidence.between:.2f} standard deviations of a row"
    if evidence.inconsistency > 0:
        text += f"; a round adds {evidence.inconsistency:.2f} of its own, which counts as noise"
    if evidence.trust < 1:
        text += f". {_chance(evidence)}, so weights follow {percent(evidence.trust)} of these effects"
    return f"{text}."


def _chance(evidence: RoundEvidenceSummary) -> str:
    return f"Clusters that are all alike differ so much by chance in {percent(evidence.chance)} of cases"


def _not_told(evidence: RoundEvidenceSummary) -> str:
    text = "It cannot be told from noise yet whether clusters differ, so every weight is as it began."
    if evidence.between > 0:
        text += f" {_chance(evidence)}."
    missing = evidence.rows_to_tell[evidence.rows_to_tell > 0]
    if (evidence.rows_to_tell < 0).any():
        return f"{text} Rounds disagree with each other by more than clusters could: more rounds are needed, not more rows."
    if len(missing):
        text += (
            f" About {int(np.median(missing)):,} more scored rows in a cluster would show a difference of half a standard "
            "deviation of a row."
        )
    return text


def _chart(
    context: DatasetContext, history: RefinementHistory, evidence: RoundEvidenceSummary
) -> alt.LayerChart | alt.FacetChart:
    names = names_of(context, history.cluster_ids)
    table = pd.DataFrame(
        {
            "cluster": unlike([shorten(names[int(i)], 44) for i in history.cluster_ids]),
            "effect": evidence.effect,
            "low": evidence.effect - WIDE * evidence.deviation,
            "high": evidence.effect + WIDE * evidence.deviation,
            "below": evidence.probability_below,
            "rows": evidence.n_scored,
        }
    )
    if len(table) > MOST_DRAWN:
        table = table.loc[table["effect"].abs().sort_values(ascending=False).index[:MOST_DRAWN]]
    order = table.sort_values("effect", ascending=False)["cluster"].tolist()
    base = alt.Chart(table).encode(
        y=alt.Y(
            "cluster:N",
            sort=order,
            title=None,
            axis=alt.Axis(labelLimit=320, labelOverlap=False, ticks=False),
            scale=alt.Scale(padding=0.6),
        ),
        color=alt.condition("datum.effect >= 0", alt.value(GAINED), alt.value(LOST)),
        tooltip=[
            alt.Tooltip("cluster:N", title="Cluster"),
            alt.Tooltip("effect:Q", title="Effect", format="+.2f"),
            alt.Tooltip("low:Q", title="95 % from", format="+.2f"),
            alt.Tooltip("high:Q", title="to", format="+.2f"),
            alt.Tooltip("below:Q", title="Chance that it is below 0", format=".0%"),
            alt.Tooltip("rows:Q", title="Rows scored", format=","),
        ],
    )
    axis = alt.X(
        "low:Q", title="Effect (standard deviations of a row)", axis=alt.Axis(grid=True, tickCount=7)
    )
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(x=axis, x2="high:Q")
    points = base.mark_point(size=60, filled=True, opacity=1).encode(x=alt.X("effect:Q"))
    ink = "#E8EEEC" if st.context.theme.type == "dark" else "#17211F"
    zero = (
        alt.Chart(pd.DataFrame({"x": [0.0]}))
        .mark_rule(strokeDash=[3, 3], opacity=0.5, color=ink)
        .encode(x="x:Q")
    )
    return alt.layer(zero, bars, points).properties(height=alt.Step(22))
