"""Rows that rounds found reason to doubt: which and why, on to the review, or out of the next round."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.arrow import DataframeState

from pages.parts.refinement.history import flags_of, names_of
from pages.shared.address import say_later
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_rows import verdicts
from pages.shared.identity import asks
from pages.shared.navigation import go_to
from pages.shared.plain_text import count_of, shorten
from pages.shared.server import reviewer_name
from pages.shared.wording import table_height
from tamis.actions.read_rows import ALL_ROWS, read_rows
from tamis.actions.refinement_history import RefinementHistory
from tamis.actions.refinements import drop_flagged, tag_flagged
from tamis.actions.runs import Run
from tamis.errors import CurationError
from tamis.types import Int64s

PAGE_ROWS = 50
MAX_CELL_CHARS = 200
REASONS = {
    "below_own_answer": "Below the model's own answer",
    "low_confidence": "Low confidence",
    "low_cluster_weight": "Low weight of its cluster",
}
VERDICTS = {"keep": "kept", "drop": "dropped", "replace": "corrected"}


def show_flags(context: DatasetContext, run: Run, history: RefinementHistory) -> None:
    """Filters, what to do with the rows that are shown, and the table."""
    if not len(flags_of(history)):
        st.caption("No row was flagged. What flags a row is chosen in the form of a refinement.")
        return
    shown = _choose(history)
    rows = np.unique(shown["example_id"].to_numpy(dtype=np.int64))
    _show_actions(context, run, rows)
    show_table(context, history, shown)


def show_table(
    context: DatasetContext, history: RefinementHistory, shown: pd.DataFrame, *, live: bool = False
) -> None:
    """One line per flagged row and reason, newest round first; a click opens the row."""
    ordered = shown.sort_values(["round", "value"], ascending=[False, True], kind="stable")
    n_pages = max(1, -(-len(ordered) // PAGE_ROWS))
    place, page = st.empty(), 1
    if n_pages > 1 and not live:
        page = st.pagination(n_pages, key=f"flags_page_{history.artifact_id[:6]}", bind="query-params")
    part = ordered.iloc[(min(page, n_pages) - 1) * PAGE_ROWS :][:PAGE_ROWS]
    event = place.dataframe(
        _table(context, history, part), hide_index=True, key=f"flags_{history.artifact_id}_{page}_{len(shown)}",
        on_select="ignore" if live else "rerun", selection_mode="single-cell",
        column_config={
            "round": st.column_config.NumberColumn("Round", width=56),
            "row": st.column_config.NumberColumn("Row", width=60, format="%d"),
            "reason": st.column_config.TextColumn("Why", width=178),
            "value": st.column_config.NumberColumn("Value", width=66, format="%.3f", help="The number that was below its limit."),
            "cluster": st.column_config.TextColumn("Cluster", width=140),
            "decided": st.column_config.TextColumn("Decided", width=76),
            "prompt": st.column_config.TextColumn("Prompt", width=240),
            "response": st.column_config.TextColumn("Given answer"),
        },
        height=table_height(len(part), 420), alt="Flagged rows with the reason for each; click one to open it",
    )  # fmt: skip
    clicked = [] if live else cast("DataframeState", event).selection.cells
    if clicked:
        row = int(part["example_id"].iloc[clicked[0][0]])
        go_to("data_map", {"dataset": context.dataset_id, "row": str(row)})


def _table(context: DatasetContext, history: RefinementHistory, part: pd.DataFrame) -> pd.DataFrame:
    texts = read_rows(context, part["example_id"].to_numpy(), ["prompt", "response"]).to_pandas()
    names, decided = names_of(context, history.cluster_ids), verdicts(context)
    table = pd.DataFrame(
        {
            "round": part["round"].to_numpy(),
            "row": part["example_id"].to_numpy(),
            "reason": [REASONS.get(reason, reason) for reason in part["reason"]],
            "value": part["value"].to_numpy(),
            "cluster": [names.get(int(i), "") for i in part["cluster_id"]],
            "decided": [VERDICTS.get(decided.get(int(row), ""), "") for row in part["example_id"]],
            "prompt": [shorten(text or "", MAX_CELL_CHARS) for text in texts["prompt"]],
            "response": [shorten(text or "", MAX_CELL_CHARS) for text in texts["response"]],
        }
    )
    return table if table["decided"].any() else table.drop(columns="decided")


def _choose(history: RefinementHistory) -> pd.DataFrame:
    flags = flags_of(history)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        rounds = sorted(int(one) for one in flags["round"].unique())
        chosen = st.pills(
            "Rounds", rounds, selection_mode="multi", key=f"flag_rounds_{history.artifact_id[:6]}", bind="query-params", wrap=True,
            format_func=lambda n: f"Round {n} · {(flags['round'] == n).sum():,}",
        )  # fmt: skip
        reasons = [name for name in REASONS if (flags["reason"] == name).any()]
        why = st.pills(
            "Why", reasons, selection_mode="multi", key=f"flag_reasons_{history.artifact_id[:6]}", bind="query-params", wrap=True,
            format_func=lambda name: f"{REASONS[name]} · {(flags['reason'] == name).sum():,}",
        )  # fmt: skip
    if chosen:
        flags = flags[flags["round"].isin(chosen)]
    return flags[flags["reason"].isin(why)] if why else flags


def _show_actions(context: DatasetContext, run: Run, rows: Int64s) -> None:
    decided = verdicts(context)
    open_rows = [int(row) for row in rows if int(row) not in decided]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{count_of(len(rows), 'row')}** flagged", width="content")
        if len(open_rows) < len(rows):
            st.caption(f"{len(rows) - len(open_rows):,} decided", width="content")
        st.space("stretch")
        if st.button(
            "Send to review", icon=":material/rate_review:",
            **asks(
                context.workspace, tag_flagged, disabled=not len(rows),
                words="Tags these rows and opens Review for exactly them: have better answers proposed, or drops.",
            ),
        ):  # fmt: skip
            tag = tag_flagged(
                context.workspace, context.dataset_id, run, rows, reviewer=reviewer_name(context.workspace)
            )
            scope = ALL_ROWS.and_where("tagged", (tag,)).to_url()
            go_to("review", {"dataset": context.dataset_id, "view": "new", "scope": scope})
        with st.popover("Drop them", icon=":material/delete_sweep:", disabled=not open_rows):
            st.caption(
                "Decides to drop these rows, as one decision that the history of Review can take back. Rows that are decided "
                "already stay as they are. The next round then leaves them out."
            )
            st.button(
                f"Drop {count_of(len(open_rows), 'row')}", type="primary", key="drop_flagged",
                on_click=_drop, args=(context, run, open_rows), **asks(context.workspace, drop_flagged),
            )  # fmt: skip


def _drop(context: DatasetContext, run: Run, rows: list[int]) -> None:
    try:
        drop_flagged(
            context.workspace, context.dataset_id, run, rows, reviewer=reviewer_name(context.workspace)
        )
    except CurationError as error:
        say_later(str(error))
        return
    st.toast(
        f"Dropped {count_of(len(rows), 'row')}: the next round leaves them out.",
        icon=":material/delete_sweep:",
    )
