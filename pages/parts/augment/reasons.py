"""Why drafts did not pass, by filter, each a click away from its rows; and jobs that gave no row, with what came back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.frame import errors_in_place
from pages.shared.navigation import go_to
from pages.shared.plain_text import count_of, plain
from pages.shared.rows.review_text import show_text
from pages.shared.wording import table_height
from tamis.actions.augmenting import BatchFunnel, batch_problems, rows_with_reason
from tamis.actions.drop_reasons import count_drop_reasons
from tamis.actions.read_rows import ALL_ROWS
from tamis.filters import FILTERS
from tamis.store.workspace import Workspace

SHOWN_PROBLEMS = 12
PROBLEMS = {
    "unparseable": "the answer could not be read",
    "empty": "the model wrote nothing",
    "refused": "the model refused",
    "cut": "the answer was cut",
    "not_answered": "the model could not be asked",
    "failed": "the endpoint failed",
    "too_many_questions": "too many questions",
}


def show_filter_reasons(workspace: Workspace, funnel: BatchFunnel) -> None:
    """A line per filter that took drafts; a click opens exactly those rows."""
    if not funnel.reasons:
        words = (
            "Nothing speaks against any draft." if funnel.n_drafts else "There is no draft to speak against."
        )
        st.caption(words)
        return
    table = pd.DataFrame(
        {
            "filter": [FILTERS[name].title for name in funnel.reasons],
            "rows": list(funnel.reasons.values()),
            "why": [FILTERS[name].summary for name in funnel.reasons],
        }
    )
    event = st.dataframe(
        table, hide_index=True, on_select="rerun", selection_mode="single-cell", key="batch_reasons",
        column_config={
            "filter": st.column_config.TextColumn("Filter", width=110),
            "rows": st.column_config.NumberColumn("Drafts", width=70, format="localized"),
            "why": st.column_config.TextColumn("What it finds", width="large"),
        },
        height=table_height(len(table), 320), alt="Drafts by what speaks against them",
    )  # fmt: skip
    st.caption(
        "Click a line to read those drafts. None is deleted: each can be accepted all the same in Review."
    )
    if event.selection.cells:
        name = list(funnel.reasons)[event.selection.cells[0][0]]
        with errors_in_place():
            rows = rows_with_reason(workspace, funnel.dataset_id, name).tolist()
            scope = ALL_ROWS.and_where("rows", rows)
            go_to("data_map", {"dataset": funnel.dataset_id, "scope": scope.to_url()})


def show_dropped_for(workspace: Workspace, funnel: BatchFunnel) -> None:
    """Why people dropped rows, where they said it."""
    counts = count_drop_reasons(workspace, funnel.dataset_id)
    if counts:
        named = " · ".join(f"{reason} {n:,}" for reason, n in counts.items())
        st.caption(f":material/delete: Dropped by people: {plain(named)}")


def show_problems(workspace: Workspace, funnel: BatchFunnel) -> None:
    """Jobs that gave no row, folded away: how many of each kind, and the first with their answers."""
    total = sum(funnel.problems.values())
    if not total:
        return
    kinds = ", ".join(f"{PROBLEMS.get(kind, kind)} {n:,}×" for kind, n in funnel.problems.items())
    with st.expander(f"{count_of(total, 'answer')} gave no draft: {plain(kinds)}", icon=":material/report:"):
        shown = batch_problems(workspace, funnel.dataset_id, most=SHOWN_PROBLEMS)
        for one in shown:
            st.caption(f"Job {one.job:,} · {plain(one.said)}")
            if one.raw:
                show_text(one.raw[:2000], height="9rem")
        if total > len(shown):
            st.caption(
                f"The first {len(shown)} of {total:,}; all of them: tamis rejects list --dataset {plain(funnel.dataset_id)}"
            )
