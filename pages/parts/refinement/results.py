"""The numbers of a refinement: what it picked and learned, weights of all clusters, and what happened in each round."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from pages.parts.refinement.charts import (
    CHANGE,
    WEIGHT,
    budget_chart,
    weight_heatmap,
    weight_lines,
)
from pages.parts.refinement.facts import (
    Course,
    names_of,
    rounds_table,
)
from pages.parts.refinement.flags import show_table
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from pages.shared.runs.runs import Run
from pages.shared.wording import percent, table_height

MOST_LINES = 12
LIVE_FLAGS = 12
FALLEN = "Share of the picks in clusters that ended below half their first weight."
CORRELATION = "Spearman, of the scores of clusters in the last round with those in the round before."


def show_numbers(run: Run, course: Course) -> None:
    """The whole in five numbers, and what went otherwise than asked."""
    said = run.summary
    missing = int(said["shortfall"])
    fallen = course.fallen()
    correlation = said["rank_correlations"][-1]
    unscored = int(said["n_not_scored"])
    cells = [
        ("Rows", f"{said['n_selected']:,}", f"{missing:,} short of the budget" if missing else "the budget exactly"),
        ("Answers scored", f"{said['n_scored']:,}", f"{unscored:,} not scored" if unscored else "all asked for"),
        ("Flags", f"{said['n_flags']:,}", f"on {count_of(course.flags['example_id'].nunique(), 'row')}"),
        ("In fallen clusters", "–" if math.isnan(fallen) else percent(fallen), "of the budget"),
        ("Rank correlation", "–" if correlation is None else f"{correlation:+.2f}", "last two rounds"),
    ]  # fmt: skip
    helps = {"In fallen clusters": FALLEN, "Rank correlation": CORRELATION}
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
            f"{missing:,} of the budget of {said['budget']:,} rows stayed unspent: no further row was allowed. Widen what it "
            "may pick from, or lower the budget.",
            icon=":material/production_quantity_limits:",
        )
    _warn_unscored(course)
    for note in gathered_notes(course):
        st.caption(f":material/info: {plain(note)}")


def gathered_notes(course: Course) -> list[str]:
    """What rounds have to say, each sentence once with the rounds that say it."""
    said: dict[str, list[int]] = {}
    for one in course.chain:
        for note in one.summary["notes"]:
            said.setdefault(str(note), []).append(int(one.summary["round"]))
    found = []
    for note, numbers in said.items():
        if len(numbers) == course.n_rounds:
            found.append(note)
        else:
            named = ", ".join(map(str, numbers))
            found.append(f"Round{'s' if len(numbers) > 1 else ''} {named}: {note}")
    return found


def show_weights(context: DatasetContext, course: Course, *, live: bool = False) -> None:
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
        weight_heatmap(context, course, str(shown))
    with right, st.container(border=True, height="stretch"):
        st.markdown("**Clusters that moved most**" if live else "**Chosen clusters**")
        weight_lines(context, course, _top_movers(course) if live else _choose_lines(context, course))
        st.caption("Bars are one standard error of the mean score of a cluster's rows in that round.")
    if not live:
        with st.expander("Every cluster in numbers", icon=":material/table_rows:"):
            _show_cluster_table(context, course)


def show_rounds(context: DatasetContext, course: Course, *, live: bool = False) -> None:
    """What each round added, trained, scored and flagged."""
    if course.chain:
        _show_round_table(course)
    with st.container(border=True):
        st.markdown("**Rows that each round took**")
        budget_chart(context, course)
    if live:
        _warn_unscored(course)
        if len(course.flags):
            newest = course.flags[course.flags["round"] == course.flags["round"].max()]
            said = count_of(len(newest), "row")
            st.markdown(f"**Flagged in round {int(newest['round'].iloc[0])}: {said}**")
            show_table(context, course, newest.sort_values("value").head(LIVE_FLAGS), live=True)


def _top_movers(course: Course, most: int = 3) -> list[int]:
    up, down = course.movers(most)
    moved = [*up, *down]
    return moved or [int(i) for i in course.cluster_ids[:most]]


def _choose_lines(context: DatasetContext, course: Course) -> list[int]:
    names = names_of(context, course.cluster_ids)
    chosen = st.multiselect(
        "Clusters", list(names), default=_top_movers(course), format_func=names.__getitem__, max_selections=MOST_LINES,
        key=f"lines_{course.key[-8:]}", label_visibility="collapsed", placeholder="Clusters to draw",
    )  # fmt: skip
    return [int(i) for i in chosen]


def _warn_unscored(course: Course) -> None:
    for one in course.chain:
        said = one.summary
        if said["scorer"] != "none" and not said["n_scored"] and said["n_new"]:
            empty = (
                f" {count_of(said['n_empty'], 'answer')} of the model were empty." if said["n_empty"] else ""
            )
            st.warning(
                f"Nothing could be scored in round {said['round']}, so no weight moved in it.{empty} Try a longer answer, another "
                "score, or a model that answers these prompts.",
                icon=":material/help:",
            )


def _show_round_table(course: Course) -> None:
    table = rounds_table(course.chain)
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


def _show_cluster_table(context: DatasetContext, course: Course) -> None:
    names = names_of(context, course.cluster_ids)
    factors = course.weights[course.weights["round"] == course.n_rounds]["factor"].to_numpy()
    table = pd.DataFrame({"cluster": [names[int(i)] for i in course.cluster_ids]})
    for number in range(course.n_rounds + 1):
        table[f"w{number}"] = 100 * course.of_round(number, "weight")
    table["change"] = course.change()
    for number in range(1, course.n_rounds + 1):
        table[f"b{number}"] = course.of_round(number, "budget").astype(int)
    for number in range(1, course.n_rounds + 1):
        table[f"s{number}"] = course.of_round(number, "score")
    table["factor"] = factors
    column = st.column_config.NumberColumn
    config = {
        "cluster": st.column_config.TextColumn("Cluster", width=220, pinned=True),
        "change": column("Change", format="×%.2f", help="Last weight over the first."),
        "factor": st.column_config.TextColumn("By hand", help="Pinned, excluded, or a factor on the weight."),
    }
    for number in range(course.n_rounds + 1):
        config[f"w{number}"] = column(f"Weight {number}" if number else "First weight", format="%.2f %%")
        config[f"b{number}"] = column(f"Rows {number}", help=f"Rows taken in round {number}.")
        config[f"s{number}"] = column(f"Score {number}", format="%.3f", help=f"Mean score in round {number}.")
    st.dataframe(
        table.sort_values("change", ascending=False), hide_index=True, column_config=config, placeholder="–",
        height=table_height(len(table), 460), alt="Weight, rows and score of every cluster in every round",
    )  # fmt: skip
