"""Held-out loss of the models that were trained on each method's rows: overall with its spread, and per cluster."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.parts.compare.charts import AXIS, ROW_PX, method_colour, titles_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import shorten
from pages.shared.wording import table_height
from tamis.actions.comparisons import Comparison
from tamis.actions.finetune_grid import ALL_CLUSTERS, MethodLoss

MAX_CLUSTERS = 24
RULE = (
    "Better and worse are said of a method against the mean of all, row by row over the held-out rows, those with like prompts or of "
    "one family counting once, beyond a 95 % interval and by Benjamini and Hochberg's rule at 5 % over all cells. That speaks of these runs: what another training would give, "
    "only an interval over runs can say."
)


def show_losses(context: DatasetContext, comparison: Comparison, losses: list[MethodLoss]) -> None:
    """A dot with its interval per method; a cell per method and cluster; the numbers as a table."""
    table = _table(context, comparison, losses)
    whole = table[table["cluster_id"] == ALL_CLUSTERS]
    parts = table[table["cluster_id"] != ALL_CLUSTERS]
    several = parts["cluster_id"].nunique() > 1
    left, right = st.columns([0.4, 0.6], gap="medium") if several else (st.container(), None)
    with left, st.container(border=True, height="stretch"):
        st.markdown(
            "**Held-out loss** ↓",
            help="Mean over the runs of each method, 95 % interval over them; none for one run.",
        )
        _overall(comparison, whole)
        st.caption(
            f"Before training: {whole['base_loss'].iloc[0]:.3f}, on {int(whole['n_rows'].iloc[0]):,} rows."
        )
    if right is not None:
        with right, st.container(border=True, height="stretch"):
            st.markdown(
                "**Per cluster**",
                help="Held-out loss; a cell has a colour where the loss is told from the mean of all methods: teal is better.",
            )
            _per_cluster(comparison, parts)
    st.caption(RULE)
    with st.expander("Every number", icon=":material/table_rows:"):
        _numbers(table)


def _table(context: DatasetContext, comparison: Comparison, losses: list[MethodLoss]) -> pd.DataFrame:
    titles = titles_of(comparison)
    return pd.DataFrame(
        [
            {
                "method": titles[one.method], "cluster_id": one.cluster_id, "cluster": _name(context, one.cluster_id),
                "loss": one.loss, "low": one.low, "high": one.high, "base_loss": one.base_loss,
                "change": one.loss - one.base_loss, "n_rows": one.n_rows, "n_runs": one.n_runs,
                "against": one.beside.mean, "against_low": one.beside.low, "against_high": one.beside.high,
                "verdict": one.verdict.capitalize(),
            }
            for one in losses
        ]
    )  # fmt: skip


def _name(context: DatasetContext, cluster_id: int) -> str:
    if cluster_id == ALL_CLUSTERS:
        return "All held-out rows"
    return "No cluster" if cluster_id < 0 else context.cluster_name(cluster_id)


def _overall(comparison: Comparison, whole: pd.DataFrame) -> None:
    shown = whole.assign(
        low=whole["low"].fillna(whole["loss"]), high=whole["high"].fillna(whole["loss"]),
        said=[f"{n} run{'s' if n > 1 else ''}" for n in whole["n_runs"]],
    )  # fmt: skip
    titles = [title for title in titles_of(comparison) if title in set(shown["method"])]
    colours = [method_colour(titles_of(comparison).index(title)) for title in titles]
    base = alt.Chart(shown).encode(
        y=alt.Y("method:N", sort=titles, axis=AXIS, scale=alt.Scale(paddingOuter=0.4)),
        color=alt.Color("method:N", scale=alt.Scale(domain=titles, range=colours), legend=None),
        tooltip=[
            alt.Tooltip("method:N", title="Method"), alt.Tooltip("loss:Q", title="Loss", format=".4f"),
            alt.Tooltip("low:Q", title="From", format=".4f"), alt.Tooltip("high:Q", title="To", format=".4f"),
            alt.Tooltip("said:N", title="Over"), alt.Tooltip("base_loss:Q", title="Before", format=".4f"),
        ],
    )  # fmt: skip
    scale = alt.Scale(zero=False, nice=True, padding=14)
    reach = base.mark_rule(strokeWidth=3, opacity=0.5).encode(
        x=alt.X("low:Q", scale=scale, title=None, axis=alt.Axis(tickCount=4, format=".3~f")), x2="high:Q"
    )
    dot = base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("loss:Q", scale=scale, title=None))
    st.altair_chart(
        alt.layer(reach, dot).properties(height=alt.Step(ROW_PX)),
        alt="Held-out loss of every method with its interval",
    )


def _per_cluster(comparison: Comparison, parts: pd.DataFrame) -> None:
    sizes = parts.groupby("cluster_id")["n_rows"].max().sort_values(ascending=False)
    shown = _labelled(parts[parts["cluster_id"].isin(sizes.head(MAX_CLUSTERS).index)].copy())
    order = [
        f"{shorten(_first(shown, c, 'cluster'), 24)} ({_first(shown, c, 'n_rows')})"
        for c in sizes.head(MAX_CLUSTERS).index
    ]
    most = float(shown["against"].abs().max()) or 1.0
    dark = st.context.theme.type == "dark"
    base = alt.Chart(shown).encode(
        x=alt.X(
            "method:N", sort=titles_of(comparison),
            axis=alt.Axis(title=None, labelAngle=-30, labelLimit=110, labelOverlap=False, ticks=False, domain=False),
        ),
        y=alt.Y("label:N", sort=order, axis=alt.Axis(title=None, labelLimit=190, ticks=False, domain=False, labelOverlap=False)),
        tooltip=[
            alt.Tooltip("method:N", title="Method"), alt.Tooltip("cluster:N", title="Cluster"),
            alt.Tooltip("loss:Q", title="Loss", format=".3f"), alt.Tooltip("against:Q", title="Against the mean", format="+.3f"),
            alt.Tooltip("against_low:Q", title="From (95 %)", format="+.3f"), alt.Tooltip("against_high:Q", title="To", format="+.3f"),
            alt.Tooltip("verdict:N", title="Verdict"),
            alt.Tooltip("base_loss:Q", title="Before", format=".3f"), alt.Tooltip("n_rows:Q", title="Held-out rows"),
        ],
    )  # fmt: skip
    middle = "#1F2927" if dark else "#EEF2F1"
    cells = base.mark_rect(cornerRadius=3, stroke="#101615" if dark else "white", strokeWidth=2).encode(
        color=alt.Color(
            "told:Q",
            legend=None,
            scale=alt.Scale(domain=[-most, 0, most], range=["#0F9D8A", middle, "#E4632B"]),
        )
    )
    text = base.mark_text(fontSize=12, color="#E8EEEC" if dark else "#17211F").encode(text="said:N")
    st.altair_chart(
        alt.layer(cells, text).properties(height=alt.Step(26)), alt="Held-out loss per method and cluster"
    )
    if len(sizes) > MAX_CLUSTERS:
        st.caption(f"The {MAX_CLUSTERS} clusters with most held-out rows of {len(sizes):,}.")


def _labelled(shown: pd.DataFrame) -> pd.DataFrame:
    shown["told"] = shown["against"].where(shown["verdict"] != "Not clear", 0.0)
    shown["label"] = [
        f"{shorten(name, 24)} ({n})" for name, n in zip(shown["cluster"], shown["n_rows"], strict=True)
    ]
    shown["said"] = [f"{loss:.2f}" for loss in shown["loss"]]
    return shown


def _first(shown: pd.DataFrame, cluster_id: int, column: str) -> str:
    return str(shown.loc[shown["cluster_id"] == cluster_id, column].iloc[0])


def _numbers(table: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        table.drop(columns="cluster_id"),
        hide_index=True,
        height=table_height(len(table), 420),
        column_config={
            "method": st.column_config.TextColumn("Method", width=140, pinned=True),
            "cluster": st.column_config.TextColumn("Cluster", width=200),
            "loss": number("Loss", format="%.4f"),
            "low": number("From", format="%.4f"),
            "high": number("To", format="%.4f"),
            "base_loss": number("Before", format="%.4f"),
            "change": number("Change", format="%+.4f"),
            "against": number(
                "Against the mean",
                format="%+.4f",
                help="Of all methods, row by row, like rows counting once.",
            ),
            "against_low": number("From (95 %)", format="%+.4f"),
            "against_high": number("To (95 %)", format="%+.4f"),
            "verdict": st.column_config.TextColumn("Verdict", width=90),
            "n_rows": number("Rows", format="localized"),
            "n_runs": number("Runs"),
        },
        alt="Held-out loss of every method, overall and per cluster",
    )
