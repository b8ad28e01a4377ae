"""The numbers of a refinement: what it picked and learned, weights of all clusters, and what happened in each round."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pages.parts.refinement.charts import CHANGE, WEIGHT, budget_chart, weight_heatmap, weight_lines
from pages.parts.refinement.effects import show_effects
from pages.parts.refinement.flags import show_table
from pages.parts.refinement.history import flags_of, names_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import percent, signed, table_height
from tamis.actions.refinement_history import RefinementHistory, round_table
from tamis.actions.runs import Run

MOST_LINES = 12
LIVE_FLAGS = 12
FALLEN = "Share of the picks in clusters that ended below half their first weight."
EFFECTIVE = "So many clusters of equal weight would be as spread out as these weights are."
CORRELATION = "Spearman, of the scores of clusters in the last round with those in the round before."


def show_refinement_numbers(run: Run, history: RefinementHistory) -> None:
    """The whole in five numbers, and what went otherwise than asked."""
    summary = run.summary
    missing = int(summary["shortfall"])
    fallen = history.fallen()
    correlation = summary["rank_correlations"][-1]
    unscored = int(summary["n_not_scored"])
    cells = [
        ("Rows", f"{summary['n_selected']:,}", f"{missing:,} short of the budget" if missing else "the budget exactly"),
        ("Answers scored", f"{summary['n_scored']:,}", f"{unscored:,} not scored" if unscored else "all asked for"),
        ("Flags", f"{summary['n_flags']:,}", f"on {count_of(flags_of(history)['example_id'].nunique(), 'row')}"),
        ("In fallen clusters", "–" if math.isnan(fallen) else percent(fallen), "of the budget"),
        _agreement(history, correlation),
    ]  # fmt: skip
    helps = {"In fallen clusters": FALLEN, "Rank correlation": CORRELATION, "Effective clusters": EFFECTIVE}
    for column, (label, value, words) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(
            label,
            value,
            delta=words,
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=helps.get(label),
        )
    if missing:
        st.warning(
            f"{missing:,} of the budget of {summary['budget']:,} rows stayed unspent: no further row was allowed. Widen what it "
            "may pick from, or lower the budget.",
            icon=":material/production_quantity_limits:",
        )
    _warn_unscored(history)
    for note in history.notes():
        st.caption(f":material/info: {plain(note)}")


def _agreement(history: RefinementHistory, correlation: float | None) -> tuple[str, str, str]:
    """How spread out the weights are where rounds are pooled, else how far the last two rounds agree."""
    evidence = history.evidence()
    if evidence is None:
        return (
            "Rank correlation",
            "–" if correlation is None else signed(correlation, 2),
            "last two rounds",
        )
    words = f"of {len(history.cluster_ids):,}" if evidence.told else "not told yet"
    return "Effective clusters", f"{evidence.effective_clusters:.1f}", words


def show_weights(context: DatasetContext, history: RefinementHistory, *, live: bool = False) -> None:
    """The heat map of all clusters, and lines of some beside it."""
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left, st.container(border=True, height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown("**Weights, round by round**", width="content")
            shown = CHANGE
            if not live:
                shown = st.segmented_control(
                    "Show", [CHANGE, WEIGHT], default=CHANGE, required=True, key="heat", bind="query-params",
                    label_visibility="collapsed",
                    format_func={CHANGE: "Times the first", WEIGHT: "Weight"}.__getitem__,
                )  # fmt: skip
        weight_heatmap(context, history, str(shown))
    with right, st.container(border=True, height="stretch"):
        st.markdown("**Clusters that moved most**" if live else "**Chosen clusters**")
        weight_lines(context, history, _top_movers(history) if live else _choose_lines(context, history))
        st.caption("Bars are one standard error of the mean score of a cluster's rows in that round.")
    show_effects(context, history)
    if not live:
        with st.expander("Every cluster in numbers", icon=":material/table_rows:"):
            _show_cluster_table(context, history)


def show_rounds(context: DatasetContext, history: RefinementHistory, *, live: bool = False) -> None:
    """What each round added, trained, scored and flagged."""
    if history.rounds:
        _show_round_table(history)
    with st.container(border=True):
        st.markdown("**Rows that each round took**")
        budget_chart(context, history)
    if live:
        _warn_unscored(history)
        flags = flags_of(history)
        if len(flags):
            newest = flags[flags["round"] == flags["round"].max()]
            n_text = count_of(len(newest), "row")
            st.markdown(f"**Flagged in round {int(newest['round'].iloc[0])}: {n_text}**")
            show_table(context, history, newest.sort_values("value").head(LIVE_FLAGS), live=True)


def _top_movers(history: RefinementHistory, most: int = 3) -> list[int]:
    up, down = history.movers(most)
    moved = [*up, *down]
    return moved or [int(i) for i in history.cluster_ids[:most]]


def _choose_lines(context: DatasetContext, history: RefinementHistory) -> list[int]:
    names = names_of(context, history.cluster_ids)
    chosen = st.multiselect(
        "Clusters", list(names), default=_top_movers(history), format_func=names.__getitem__, max_selections=MOST_LINES,
        key=f"lines_{history.artifact_id[-8:]}", label_visibility="collapsed", placeholder="Clusters to draw",
    )  # fmt: skip
    return [int(i) for i in chosen]


def _warn_unscored(history: RefinementHistory) -> None:
    for one in history.rounds:
        summary = one.summary
        if summary["scorer"] != "none" and not summary["n_scored"] and summary["n_new"]:
            empty = (
                f" {count_of(summary['n_empty'], 'answer')} of the model were empty."
                if summary["n_empty"]
                else ""
            )
            st.warning(
                f"Nothing could be scored in round {summary['round']}, so no weight moved in it.{empty} Try a longer answer, another "
                "score, or a model that answers these prompts.",
                icon=":material/help:",
            )


def _show_round_table(history: RefinementHistory) -> None:
    table = pd.DataFrame(round_table(history.rounds))
    number = st.column_config.NumberColumn
    unused = [name for name in ("loss", "steps") if table[name].isna().all()]
    unused += [name for name in ("not_scored", "empty") if not table[name].any()]
    st.dataframe(
        table.drop(columns=unused), hide_index=True,
        column_config={
            "round": number("Round", width=60),
            "new": number("Added", format="localized", help="Rows that the round added, replacements for dropped ones included."),
            "selected": number("Selected", format="localized", help="Rows selected so far; the round model is trained on these."),
            "pool": number("Left before", format="localized", help="Rows that could be picked when the round began."),
            "scored": number("Scored", format="localized"),
            "not_scored": number("Not scored", format="localized"),
            "empty": number("Empty answers", format="localized", help="Answers of the model without a word."),
            "clusters": number("Clusters scored", format="localized"),
            "gap": number("Mean score", format="%.3f", help="Given answer less the model's own."),
            "rank_correlation": number("Rank correlation", format="%+.2f", help="Of cluster scores with the round before."),
            "flags": number("Flags", format="localized"),
            "loss": number("Training loss", format="%.3f"),
            "steps": number("Steps", format="localized"),
        },
        placeholder="–",
        alt="What each round added, trained, scored and flagged",
    )  # fmt: skip


def _show_cluster_table(context: DatasetContext, history: RefinementHistory) -> None:
    names = names_of(context, history.cluster_ids)
    table = pd.DataFrame({"cluster": [names[int(i)] for i in history.cluster_ids]})
    for number in range(history.n_rounds + 1):
        table[f"w{number}"] = 100 * history.of_round(number, "weight")
    table["change"] = history.change()
    for number in range(1, history.n_rounds + 1):
        table[f"b{number}"] = history.of_round(number, "budget").astype(int)
    for number in range(1, history.n_rounds + 1):
        table[f"s{number}"] = history.of_round(number, "score")
    table["factor"] = history.set_by_hand()[:, -1]
    column = st.column_config.NumberColumn
    config = {
        "cluster": st.column_config.TextColumn("Cluster", width=220, pinned=True),
        "change": column("Change", format="×%.2f", help="Last weight over the first."),
        "factor": st.column_config.TextColumn("By hand", help="Pinned, excluded, or a factor on the weight."),
    }
    for number in range(history.n_rounds + 1):
        config[f"w{number}"] = column(f"Weight {number}" if number else "First weight", format="%.2f %%")
        config[f"b{number}"] = column(f"Rows {number}", help=f"Rows taken in round {number}.")
        config[f"s{number}"] = column(f"Score {number}", format="%.3f", help=f"Mean score in round {number}.")
    st.dataframe(
        table.sort_values("change", ascending=False), hide_index=True, column_config=config, placeholder="–",
        height=table_height(len(table), 460), alt="Weight, rows and score of every cluster in every round",
    )  # fmt: skip
