"""A finished run in numbers: what it cost, how far held-out loss fell, and in which clusters."""

from __future__ import annotations

import math
from typing import Literal

import altair as alt
import pandas as pd
import pyarrow as pa
import streamlit as st

from pages.parts.finetuning import stats
from pages.parts.finetuning.map import show_cluster_map
from pages.shared.dataset_context import DatasetContext
from pages.shared.figures.selection_charts import CLUSTER_AXIS, MAX_BARS
from pages.shared.plain_text import count_of, plain, shorten, unlike
from pages.shared.runs.finetune_runs import MEASURES
from pages.shared.wording import duration, percent, table_height
from tamis.actions.evaluations import UNCLEAR, VERDICT_RULE, measure_verdicts, measures_of, overall_losses
from tamis.actions.map_colours import MUTED, PALETTE
from tamis.actions.runs import Run

Direction = Literal["off", "normal", "inverse"]
WORSE, BETTER, SAME = PALETTE[1], PALETTE[0], MUTED
KINDS = {"Better": BETTER, "Not clear": SAME, "Worse": WORSE}
SPLIT_OF_BEFORE = (
    "Held-out rows were drawn one by one: rows with the same prompt may be among those that were trained on, and early "
    "stopping, where it was on, looked at these very rows."
)
STOPPED = {
    "nan loss": "The loss became no number, so training stopped there: the last good checkpoint is kept. Lower the "
    "learning rate or raise the warm-up, and run it again.",
    "early": "Held-out loss did not fall any more, so training stopped early and the best checkpoint is kept.",
}


def show_finetune_numbers(context: DatasetContext, run: Run) -> None:
    """The run in one line of numbers, and what is to be known about them; a change has a colour only where it is told."""
    table = stats.evaluation(context, run.artifact) if run.artifact is not None else None
    told = measure_verdicts(table) if table is not None and table.num_rows else {}
    loss_colour: Direction = "off" if told.get("loss") == UNCLEAR else "inverse"
    loss, base = run.number("loss"), run.number("base_loss")
    n_train, n_held_out = int(run.summary.get("n_train", 0)), int(run.summary.get("n_held_out", 0))
    cells: list[tuple[str, str, str, Direction, str]] = [
        ("Trained rows", f"{n_train:,}", _work(run), "off", "")
    ]
    if not math.isnan(loss):
        before, after = math.exp(base), math.exp(loss)
        cells.append(("Held-out loss", f"{loss:.3f}", f"{loss - base:+.3f}", loss_colour, f"{base:.3f}"))
        cells.append(
            ("Perplexity", f"{after:,.1f}", f"{after - before:+,.1f}", loss_colour, f"{before:,.1f}")
        )
    for name, title in MEASURES.items():
        value, earlier = run.number(name), run.number(f"base_{name}")
        if not math.isnan(value):
            points = f"{100 * (value - earlier):+.0f} points"
            colour: Direction = "off" if told.get(name) == UNCLEAR else "normal"
            cells.append((title, percent(value), points, colour, percent(earlier)))
    for column, cell in zip(st.columns(len(cells), gap="small"), cells, strict=True):
        with column:
            _show_number(*cell)
    _say_notes(run, n_held_out)


def _show_number(label: str, value: str, change: str, direction: Direction, base: str) -> None:
    """One number with its change; what it was for the base model stands in its help."""
    still = direction == "off" or not any(digit in change for digit in "123456789")
    st.metric(
        label, value, delta=change, delta_color="off" if still else direction,
        delta_arrow="off" if still else "auto", border=True, help=f"Base model: {base}" if base else None,
    )  # fmt: skip


def _work(run: Run) -> str:
    n_steps = run.number("n_steps")
    return "done" if math.isnan(n_steps) else count_of(int(n_steps), "step")


def _say_notes(run: Run, n_held_out: int) -> None:
    stopped = str(run.summary.get("stopped") or "")
    if stopped:
        st.warning(STOPPED.get(stopped, plain(stopped)), icon=":material/front_hand:")
    seconds = run.seconds
    parts = [f"Took {duration(seconds)}."] if seconds is not None else []
    if n_held_out:
        parts.append(plain(str(run.summary.get("split_text") or SPLIT_OF_BEFORE)))
    n_generated = run.number("n_answered")
    if not math.isnan(n_generated) and n_generated:
        parts.append(f"Both models answered {int(n_generated):,} of them.")
    fit = run.summary.get("fit") or {}
    cut, left_out = int(fit.get("n_truncated", 0)), int(fit.get("n_dropped", 0))
    if cut or left_out:
        limit = int(fit.get("max_length", 0))
        parts.append(f"Of the training rows {cut:,} were cut at {limit:,} tokens and {left_out:,} left out.")
    if parts:
        st.caption(" ".join(parts))


def show_evaluation(context: DatasetContext, run: Run) -> None:
    """Loss per cluster as a chart, on the map, and as a table."""
    if run.artifact is None:
        return
    table = stats.evaluation(context, run.artifact)
    clusters = stats.cluster_losses(context, table)
    if not len(clusters):
        st.info(
            "Nothing was held out, so nothing was measured. Hold out a share of the rows next time.",
            icon=":material/info:",
        )
        return
    if len(clusters) > 1:
        drawn = context.view.layout is not None and context.view.clustering is not None
        left, right = st.columns([0.56, 0.44], gap="medium") if drawn else (st.container(), None)
        with left, st.container(border=True, height="stretch"):
            st.markdown(
                "**Held-out loss per cluster**",
                help="From the base model to the tuned one; to the left is better.",
            )
            _dumbbells(clusters)
        if right is not None:
            with right, st.container(border=True, height="stretch"):
                show_cluster_map(context, run, clusters)
    st.caption(VERDICT_RULE)
    with st.expander("Every cluster in numbers", icon=":material/table_rows:", expanded=len(clusters) == 1):
        _cluster_table(clusters, table)


def _dumbbells(clusters: pd.DataFrame) -> None:
    """A dot for the base model, one for the tuned one, and a line between them in the colour of the change."""
    shown = clusters
    if len(clusters) > MAX_BARS:
        shown = pd.concat([clusters.head(MAX_BARS // 2), clusters.tail(MAX_BARS // 2)])
    shown = labelled_clusters(shown)
    base = alt.Chart(shown).encode(
        y=alt.Y("label:N", sort=list(shown["label"]), title=None, axis=CLUSTER_AXIS),
        tooltip=[
            alt.Tooltip("cluster:N", title="Cluster"),
            alt.Tooltip("n:Q", title="Held-out rows"),
            alt.Tooltip("base_loss:Q", title="Base", format=".3f"),
            alt.Tooltip("loss:Q", title="Tuned", format=".3f"),
            alt.Tooltip("change:Q", title="Change", format="+.3f"),
            alt.Tooltip("low:Q", title="From (95 %)", format="+.3f"),
            alt.Tooltip("high:Q", title="To", format="+.3f"),
        ],
    )
    kinds = [kind for kind in KINDS if (shown["kind"] == kind).any()]
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=[KINDS[kind] for kind in kinds]),
        title=None,
        legend=alt.Legend(orient="top", symbolType="circle", symbolOpacity=1),
    )
    scale = alt.Scale(zero=False, nice=True, padding=10)
    line = base.mark_rule(strokeWidth=4, opacity=0.45).encode(
        x=alt.X("base_loss:Q", title="Loss: ring for the base model, dot for the tuned one", scale=scale, axis=alt.Axis(tickCount=6)), x2="loss:Q",
        color=colour,
    )  # fmt: skip
    before = base.mark_point(size=70, strokeWidth=2, opacity=1).encode(x="base_loss:Q", color=colour)
    after = base.mark_point(size=95, filled=True, opacity=1).encode(x="loss:Q", color=colour)
    st.altair_chart(
        alt.layer(line, before, after).properties(height=alt.Step(27)),
        alt="Held-out loss of each cluster before and after training",
    )
    if len(clusters) > MAX_BARS:
        st.caption(
            f"The {MAX_BARS // 2} best and the {MAX_BARS // 2} worst of {len(clusters):,}; the table has all."
        )


def labelled_clusters(shown: pd.DataFrame) -> pd.DataFrame:
    """The clusters with names that fit, no two alike, and the word for what became of each."""
    return shown.assign(
        label=unlike(
            [f"{shorten(name, 26)} ({n})" for name, n in zip(shown["cluster"], shown["n"], strict=True)]
        ),
        kind=[verdict.capitalize() for verdict in shown["verdict"]],
    )


def _cluster_table(clusters: pd.DataFrame, table: pa.Table) -> None:
    line = {"cluster": stats.ALL, **overall_losses(table)}
    shown = [name for one in measures_of(table) for name in (f"base_{one}", one) if name in clusters]
    columns = ["cluster", "n", "n_groups", "base_loss", "loss", "change", "low", "high", "verdict", *shown]
    whole = pd.concat([pd.DataFrame([line]), clusters], ignore_index=True)[columns]
    whole[shown] = 100 * whole[shown]
    number = st.column_config.NumberColumn
    st.dataframe(
        whole,
        hide_index=True,
        height=table_height(len(whole), 460),
        column_config={
            "cluster": st.column_config.TextColumn("Cluster", width=240, pinned=True),
            "n": number("Rows", format="localized"),
            "n_groups": number(
                "Groups", format="localized", help="Rows with like prompts or of one family are one."
            ),
            "base_loss": number("Base loss", format="%.3f"),
            "loss": number("Tuned loss", format="%.3f"),
            "change": number("Change", format="%+.3f", help="Below zero is better."),
            "low": number("From", format="%+.3f", help="95 % interval of the paired change."),
            "high": number("To", format="%+.3f"),
            "verdict": st.column_config.TextColumn("Verdict", width=90, help=VERDICT_RULE),
            **{name: number(_title(name), format="%.0f %%") for name in shown},
        },
        placeholder="",
        alt="Losses and measures of every cluster before and after training",
    )


def _title(name: str) -> str:
    base = name.startswith("base_")
    title = MEASURES[name.removeprefix("base_")]
    return f"{title}, base" if base else title
