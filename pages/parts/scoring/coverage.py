"""How well a dataset covers its targets: the nearest row of every example, and the examples that no row comes near."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import go_to, link_to
from pages.shared.plain_text import count_of, plain, shorten
from pages.shared.wording import percent, table_height
from tamis.actions.map_colours import PALETTE
from tamis.actions.targets import CoveredExample, describe_cover, out_of_reach, rows_kept_out
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON

MAX_CELL_CHARS = 200
FAR = "#E4632B"
WITHIN, BEYOND = "Within reach", "No row within reach"


def show_coverage(context: DatasetContext, scores: Artifact) -> None:
    """What scores towards a target say of it: per target how it is covered, what is missing, and which rows are it."""
    st.subheader("Coverage of the target", anchor=False)
    about: list[dict[str, JSON]] = scores.summary["targets"]
    covered = describe_cover(context.workspace, scores)
    if covered:
        _show_numbers(scores, about)
        _say_own(covered, {one.row for one in rows_kept_out(context.workspace, scores)})
        _show_distances(covered, out_of_reach(context.workspace, scores), scores)
        _show_missing(context, out_of_reach(context.workspace, scores))
    else:
        st.caption(
            "Its sizes do not compare between examples, so it says nothing of coverage: score by embedding or RDS+ for that."
        )
    _show_kept_out(context, scores)


def _say_own(covered: tuple[CoveredExample, ...], kept_out: set[int]) -> None:
    """An example that is a row of the dataset finds itself, which says nothing of the other rows."""
    own = sum(one.row in kept_out for one in covered)
    if own:
        st.caption(
            f":material/info: {count_of(own, 'example')} of {len(covered):,} {'is' if own == 1 else 'are'} nearest to a row that is "
            "the target itself, which no selection takes: covered says little of them."
        )


def _show_numbers(scores: Artifact, about: list[dict[str, JSON]]) -> None:
    columns = st.columns(max(3, min(5, len(about))), gap="small")
    null = scores.summary.get("null_median")
    for place, one in enumerate(about):
        share, median = one.get("coverage_fraction"), one.get("median_best")
        said = "no vector" if median is None else f"nearest row {median:.2f}"
        said += "" if null is None or median is None else f" · rows to each other {null:.2f}"
        columns[place % len(columns)].metric(
            plain(f"{one['name']}: {count_of(int(one['n_examples']), 'example')}"),
            "unknown" if share is None else f"{percent(float(share))} covered",
            delta=said, delta_color="off", delta_arrow="off", border=True,
        )  # fmt: skip
    st.caption(
        "Covered is an example that has a row as near as rows of the dataset are to each other, duplicates and families left "
        "out; the others are told by Benjamini and Hochberg's rule at 10 %, of which one in ten may be chance."
    )


def _show_distances(
    covered: tuple[CoveredExample, ...], far: tuple[CoveredExample, ...], scores: Artifact
) -> None:
    beyond = {(one.target, one.number) for one in far}
    table = pd.DataFrame(
        {
            "target": [one.target for one in covered],
            "similarity": [one.similarity for one in covered],
            "reach": [BEYOND if (one.target, one.number) in beyond else WITHIN for one in covered],
            "prompt": [shorten(one.prompt or one.response, 90) for one in covered],
        }
    ).dropna(subset=["similarity"])
    marks = (
        alt.Chart(table)
        .mark_tick(thickness=2, size=22)
        .encode(
            x=alt.X("similarity:Q", title="Similarity to the nearest row", scale=alt.Scale(zero=False, padding=8)),
            y=alt.Y("target:N", title=None),
            color=alt.Color(
                "reach:N", title=None, legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=[WITHIN, BEYOND], range=[PALETTE[0], FAR]),
            ),
            tooltip=[
                alt.Tooltip("prompt:N", title="Example"), alt.Tooltip("similarity:Q", title="Nearest row", format=".3f"),
            ],
        )
    )  # fmt: skip
    layers: list[alt.Chart] = [marks]
    null = scores.summary.get("null_median")
    if null is not None:
        line = pd.DataFrame({"at": [null], "mark": ["Rows to each other, median"]})
        rule = alt.Chart(line).mark_rule(strokeDash=[4, 3], color="gray").encode(x="at:Q", tooltip="mark:N")
        layers.append(rule)
    st.altair_chart(
        alt.layer(*layers).properties(height=alt.Step(44)),
        alt="Similarity of every example to its nearest row",
    )


def _show_missing(context: DatasetContext, far: tuple[CoveredExample, ...]) -> None:
    if not far:
        st.success("Every example has rows within reach.", icon=":material/check_circle:")
        return
    st.markdown(f"**No row within reach of {count_of(len(far), 'example')}**")
    several = len({one.target for one in far}) > 1
    table = pd.DataFrame(
        {
            **({"target": [one.target for one in far]} if several else {}),
            "prompt": [shorten(one.prompt or one.response, MAX_CELL_CHARS) for one in far],
            "similarity": [one.similarity for one in far],
            "row": [one.row for one in far],
        }
    )
    event = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        key="out_of_reach",
        column_config={
            "target": st.column_config.TextColumn("Target", width="small"),
            "prompt": st.column_config.TextColumn("Example"),
            "similarity": st.column_config.NumberColumn("Nearest row", width=104, format="%.3f"),
            "row": st.column_config.NumberColumn("Row", width=72, format="%d"),
        },
        height=table_height(len(table), 320),
        alt="Examples that no row comes near, the farthest first",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            "The dataset lacks rows like these. Click one to read the row that comes nearest, on the map.",
            width="content",
        )
        # By the pill that the page Augment then shows.
        asked = {"view": "new", "augment_from": "Missing for a target", "augment_target": far[0].target}
        link_to("augment", "Have rows written for them", query={"dataset": context.dataset_id} | asked)
    if event.selection.cells:
        go_to("data_map", {"dataset": context.dataset_id, "row": str(far[event.selection.cells[0][0]].row)})


def _show_kept_out(context: DatasetContext, scores: Artifact) -> None:
    kept_out = rows_kept_out(context.workspace, scores)
    if not kept_out:
        return
    with st.expander(
        f"{count_of(len(kept_out), 'row')} of the target itself, kept out of selections towards it",
        icon=":material/block:",
    ):
        table = pd.DataFrame(
            {
                "row": [one.row for one in kept_out],
                "reason": [one.reason.capitalize() for one in kept_out],
                "example": [shorten(one.prompt, MAX_CELL_CHARS) for one in kept_out],
            }
        )
        st.dataframe(
            table,
            hide_index=True,
            column_config={
                "row": st.column_config.NumberColumn("Row", width=72, format="%d"),
                "reason": st.column_config.TextColumn("Why", width="small"),
                "example": st.column_config.TextColumn("Example"),
            },
            height=table_height(len(table), 320),
            alt="Rows that are the target",
        )
