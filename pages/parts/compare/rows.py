"""The rows that only one method picked: a page of them at a time, and the way to the map."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.parts.compare.charts import titles_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import go_to
from pages.shared.plain_text import shorten
from tamis.actions.comparisons import Comparison, only_rows, scope_of
from tamis.actions.read_rows import read_rows
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s

PAGE_ROWS = 20
MAX_CELL_CHARS = 240
METHOD, PAGE = "only_of", "only_page"


def show_unique_rows(context: DatasetContext, comparison: Artifact, compared: Comparison) -> None:
    """Choose a method and page through what it alone picked."""
    titles = titles_of(compared)
    counts = [method.n_only for method in compared.methods]
    having = [i for i, count in enumerate(counts) if count]
    if not having:
        st.caption("Every picked row was picked by at least two methods.")
        return
    asked = st.query_params.get(METHOD, "")
    start = int(asked) if asked.isdigit() and int(asked) in having else having[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Method", having, index=having.index(start), format_func=lambda i: f"{titles[i]}: {counts[i]:,} rows",
            key=f"only_of_{comparison.id}", on_change=_remember, args=(comparison.id,), width=360,
        )  # fmt: skip
        rows = _only_rows(str(comparison.path), chosen, _comparison=comparison)
        scope = scope_of(compared, chosen, rows)
        if st.button("Open these rows on the map", icon=":material/scatter_plot:"):
            go_to("data_map", {"dataset": context.dataset_id, "scope": scope.to_url()})
    _show_table(context, comparison, compared, chosen, rows=rows)


def _show_table(
    context: DatasetContext, comparison: Artifact, compared: Comparison, method: int, *, rows: Int64s
) -> None:
    n_pages = max(1, -(-len(rows) // PAGE_ROWS))
    place = st.empty()
    page = st.pagination(n_pages, key=PAGE, bind="query-params") if n_pages > 1 else 1
    part = rows[(min(page, n_pages) - 1) * PAGE_ROWS :][:PAGE_ROWS]
    columns = [
        "prompt",
        "response",
        *([f"score:{compared.quality}"] if compared.quality in context.view.scores else []),
    ]
    shown = read_rows(context, part, columns).to_pandas()
    table = pd.DataFrame({"row": part})
    if context.view.clustering is not None:
        ids = read_rows(context, part, ["cluster"])["cluster"].to_numpy()
        table["cluster"] = [context.cluster_name(int(i)) for i in ids]
    if len(columns) > 2:
        table["quality"] = shown[columns[2]]
    for name in ("prompt", "response"):
        table[name] = [shorten(text or "", MAX_CELL_CHARS) for text in shown[name]]
    event = place.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        key=f"only_table_{comparison.id}_{method}_{page}",
        column_config={
            "row": st.column_config.NumberColumn("Row", width=64, format="localized"),
            "cluster": st.column_config.TextColumn("Cluster", width=150),
            "quality": st.column_config.NumberColumn("Quality", width=76, format="%.3f"),
            "prompt": st.column_config.TextColumn("Prompt", width=300),
            "response": st.column_config.TextColumn("Response"),
        },
        height="content" if len(part) < 12 else 430,
        alt="Rows that only this method picked",
    )
    st.caption("Click a row to read it on the map.")
    if event.selection.cells:
        row = int(part[event.selection.cells[0][0]])
        scope = scope_of(compared, method, rows)
        go_to("data_map", {"dataset": context.dataset_id, "scope": scope.to_url(), "row": str(row)})


def _remember(comparison_id: str) -> None:
    st.query_params[METHOD] = str(st.session_state[f"only_of_{comparison_id}"])
    st.query_params.pop(PAGE, None)
    st.session_state.pop(PAGE, None)


@st.cache_data(max_entries=24, show_spinner=False)
def _only_rows(path: str, method: int, *, _comparison: Artifact) -> Int64s:
    return only_rows(_comparison, method)
