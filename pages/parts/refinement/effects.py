"""What all rounds of a refinement together say of each cluster: effects with intervals, and whether they can be told at all."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.parts.refinement.history import names_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures import WHOLE_PERCENTS
from pages.shared.plain_text import count_of, shorten, unlike
from tamis.actions.map_colours import GAINED, LOST, MUTED
from tamis.actions.refinement_history import WIDE, RefinementHistory, RoundEvidenceSummary

MOST_DRAWN = 24
WHAT = (
    "An effect is how much more the given answers gain over the model's own in a cluster than elsewhere, in standard "
    "deviations of a row, as far as all rounds agree on it. A low one is where the given answers gain least: that can be bad "
    "rows, and it can be another kind of rows."
)
NOT_DRAWN_IN = (
    "Every effect is 0; drawn are the differences as measured with their intervals, before they are drawn in."
)


def show_effects(context: DatasetContext, history: RefinementHistory) -> None:
    """A line per cluster with its interval of 95 %, of any round; nothing for runs whose weights looked at one round alone."""
    newest = history.evidence()
    if newest is None:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown("**What lasts over the rounds**", help=WHAT, width="content")
            evidence = history.evidence(_choose_round(history)) or newest
        if evidence.told:
            st.caption(evidence.said())
        else:
            st.info(evidence.said(), icon=":material/hourglass_empty:")
        st.caption(
            f"{count_of(evidence.round, 'round')}, {int(evidence.n_scored.sum()):,} rows scored, "
            f"{evidence.effective_clusters:.1f} effective clusters of {len(history.cluster_ids):,}."
            + ("" if evidence.between > 0 else f" {NOT_DRAWN_IN}")
        )
        st.altair_chart(
            _chart(context, history, evidence), alt="Effect of each cluster with its interval of 95 %"
        )


def _choose_round(history: RefinementHistory) -> int:
    """The round up to which is counted: the newest unless another is chosen."""
    numbers = [int(one.summary["round"]) for one in history.rounds]
    if len(numbers) < 2:
        return numbers[-1]
    chosen = st.segmented_control(
        "After round", numbers, default=numbers[-1], required=True, key=f"effects_{history.artifact_id[-8:]}",
        format_func=lambda number: f"After round {number}", label_visibility="collapsed",
    )  # fmt: skip
    return int(chosen or numbers[-1])


def _table(
    context: DatasetContext, history: RefinementHistory, evidence: RoundEvidenceSummary
) -> pd.DataFrame:
    """One line a cluster, of many those with the largest effects; where all effects are 0, what was measured."""
    names = names_of(context, history.cluster_ids)
    effect, deviation = evidence.effect, evidence.deviation
    if not evidence.between > 0:
        effect, deviation = evidence.measured, evidence.measured_deviation
    table = pd.DataFrame(
        {
            "cluster": unlike([shorten(names[int(i)], 44) for i in history.cluster_ids]),
            "effect": effect,
            "low": effect - WIDE * deviation,
            "high": effect + WIDE * deviation,
            "below": evidence.probability_below,
            "rows": evidence.n_scored,
        }
    )
    if len(table) <= MOST_DRAWN:
        return table
    return table.loc[table["effect"].abs().sort_values(ascending=False).index[:MOST_DRAWN]]


def _chart(
    context: DatasetContext, history: RefinementHistory, evidence: RoundEvidenceSummary
) -> alt.LayerChart | alt.FacetChart:
    table = _table(context, history, evidence)
    order = table.sort_values("effect", ascending=False)["cluster"].tolist()
    base = alt.Chart(table).encode(
        y=alt.Y(
            "cluster:N",
            sort=order,
            title=None,
            axis=alt.Axis(labelLimit=320, labelOverlap=False, ticks=False),
            scale=alt.Scale(padding=0.6),
        ),
        # A colour where the interval leaves 0 out: what covers it says neither.
        color=alt.when("datum.low > 0")
        .then(alt.value(GAINED))
        .when("datum.high < 0")
        .then(alt.value(LOST))
        .otherwise(alt.value(MUTED)),
        tooltip=[
            alt.Tooltip("cluster:N", title="Cluster"),
            alt.Tooltip("effect:Q", title="Effect", format="+.2f"),
            alt.Tooltip("low:Q", title="95 % from", format="+.2f"),
            alt.Tooltip("high:Q", title="to", format="+.2f"),
            alt.Tooltip("below:Q", title="Chance that it is below 0", format=WHOLE_PERCENTS),
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
