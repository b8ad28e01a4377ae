"""Two refinements beside each other: where their weights went, and which rows both picked."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.refinement.history import history_of, names_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import shorten
from pages.shared.wording import percent, table_height
from tamis.actions.artifact_names import name_runs
from tamis.actions.map_colours import PALETTE
from tamis.actions.refinement_history import RefinementHistory, SharedPicks, shared_picks
from tamis.actions.refinements import STEP, rounds_so_far
from tamis.actions.runs import Run, list_runs
from tamis.store.artifacts.readers import read_cluster_ids
from tamis.types import Int64s


def show_beside(context: DatasetContext, run: Run, history: RefinementHistory) -> None:
    """Choose another run of this dataset and hold it beside this one."""
    others = {
        one.run_id: one
        for one in list_runs(context.workspace, context.dataset_id, STEP)
        if one.run_id != run.run_id and one.artifact is not None
    }
    if not others:
        st.caption(
            "There is no other finished refinement of this dataset: run a control, another mode or another score."
        )
        return
    titles = name_runs(context.workspace, [run, *others.values()])
    chosen = st.selectbox(
        "Beside",
        list(others),
        format_func=titles.__getitem__,
        key=f"beside_{run.run_id[:6]}",
        bind="query-params",
        label_visibility="collapsed",
    )
    other = others[chosen]
    theirs = history_of(context, other, rounds_so_far(context.workspace, other))
    if theirs is None:
        return
    _show_overlap(context, run, other, (history, theirs))
    if other.inputs.get("clustering") != run.inputs.get("clustering"):
        st.caption(
            "The two ran over different clusterings, so their weights cannot be held beside each other."
        )
        return
    table = weights_beside(context, history, theirs)
    left, right = st.columns([0.45, 0.55], gap="medium")
    with left:
        _show_chart(table)
    with right:
        _show_table(table)


def weights_beside(
    context: DatasetContext, mine: RefinementHistory, theirs: RefinementHistory
) -> pd.DataFrame:
    """Last weight over first weight of every cluster in both runs, those that differ most first."""
    ids = mine.cluster_ids
    names = names_of(context, ids)
    table = pd.DataFrame(
        {
            "cluster": [names[int(i)] for i in ids],
            "first": 100 * mine.of_round(0, "weight"),
            "this": 100 * mine.of_round(mine.n_rounds, "weight"),
            "other": 100 * theirs.of_round(theirs.n_rounds, "weight"),
            "picked_this": mine.total("budget").astype(np.int64),
            "picked_other": theirs.total("budget").astype(np.int64),
        }
    )
    table["difference"] = table["this"] - table["other"]
    return table.sort_values("difference", key=np.abs, ascending=False, kind="stable").reset_index(drop=True)


def _show_overlap(
    context: DatasetContext, run: Run, other: Run, histories: tuple[RefinementHistory, RefinementHistory]
) -> None:
    history, theirs = histories
    same_seed = run.options.get("seed") == other.options.get("seed")
    picks = shared_picks(
        history.rounds,
        theirs.rounds,
        _clusters_of(context, run.inputs.get("clustering", "")),
        same_seed=same_seed,
    )
    n_mine, n_theirs, both = picks.n_mine, picks.n_theirs, picks.n_both
    cells = [
        ("Picked by this", f"{n_mine:,}", f"{history.n_rounds} rounds"),
        ("Picked by the other", f"{n_theirs:,}", f"{theirs.n_rounds} rounds"),
        ("Picked by both", f"{both:,}", f"{picks.expected:,.1f} by chance"),
        (
            "Jaccard",
            f"{both / max(1, n_mine + n_theirs - both):.2f}",
            f"{percent(both / max(1, n_mine))} of this one",
        ),
    ]
    for column, (label, value, remark) in zip(st.columns(4), cells, strict=True):
        column.metric(label, value, delta=remark, delta_color="off", delta_arrow="off", border=True)
    st.caption(_say_luck(picks, run.options.get("seed")))


def _say_luck(picks: SharedPicks, seed: object) -> str:
    """What "by chance" means for these two."""
    inside = "if chance alone decided inside clusters, with as many rows of each as were taken"
    if not picks.same_seed:
        return f"By chance: {inside}. The two have seeds of their own, so their random numbers have nothing in common."
    return (
        f"By chance: {inside}. Both have the seed {seed} and go by the same random number for a row in a round, so more rows "
        f"are in both than the {picks.by_own_luck:,.1f} of two runs with luck of their own. Hold runs of one seed beside each "
        "other, and average their differences over seeds."
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _clusters(key: str, clustering: str, *, _context: DatasetContext) -> Int64s:
    found = _context.workspace.artifacts.find(_context.dataset_id, "clustering", clustering)
    if found is None:
        return np.zeros(_context.n_rows, dtype=np.int64)
    return read_cluster_ids(found).astype(np.int64)


def _clusters_of(context: DatasetContext, clustering: str) -> Int64s:
    """The clusters that a run drew by; one for all rows where they are gone."""
    return _clusters(context.key, clustering, _context=context)


def _show_chart(table: pd.DataFrame) -> None:
    shown = table.assign(name=[shorten(name, 60) for name in table["cluster"]])
    most = float(max(shown["this"].max(), shown["other"].max(), 1e-9)) * 1.05
    scale = alt.Scale(domain=[0, most], nice=False)
    points = (
        alt.Chart(shown)
        .mark_point(filled=True, size=70, opacity=0.85, color=PALETTE[0])
        .encode(
            x=alt.X("this:Q", title="Last weight in this run (%)", scale=scale),
            y=alt.Y("other:Q", title="In the other (%)", scale=scale),
            tooltip=[
                alt.Tooltip("name:N", title="Cluster"), alt.Tooltip("this:Q", title="This (%)", format=".2f"),
                alt.Tooltip("other:Q", title="Other (%)", format=".2f"), alt.Tooltip("first:Q", title="First (%)", format=".2f"),
            ],
        )
    )  # fmt: skip
    same = pd.DataFrame({"x": [0, most], "y": [0, most]})
    line = (
        alt.Chart(same).mark_line(strokeDash=[4, 4], strokeWidth=1, color="#8A9794").encode(x="x:Q", y="y:Q")
    )
    st.altair_chart(
        alt.layer(line, points).properties(height=360),
        alt="Last weight of every cluster in both runs; on the line it is the same",
    )


def _show_table(table: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        table, hide_index=True, height=table_height(len(table), 395),
        column_config={
            "cluster": st.column_config.TextColumn("Cluster", width=200),
            "first": number("First", width=60, format="%.1f %%"),
            "this": number("This", width=60, format="%.1f %%", help="Last weight in this run."),
            "other": number("Other", width=60, format="%.1f %%", help="Last weight in the other run."),
            "picked_this": number("Rows", width=56, help="Rows that this run picked."),
            "picked_other": number("Other's", width=62, help="Rows that the other run picked."),
            "difference": number("Difference", width=80, format="%+.1f", help="In points of a hundred."),
        },
        alt="Weights and picks of every cluster in both runs",
    )  # fmt: skip
