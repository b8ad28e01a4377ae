"""The table of all rows that match: sorted, in pages, and a click on any cell opens the row."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from tamis.actions.read_rows import Scope, columns_of, read_rows
from tamis.types import Int64s

PAGE_ROWS = 50
MAX_CELL_CHARS = 400
IN_ROW_ORDER = "example_id"


def choose_order(context: DatasetContext, scope: Scope) -> Int64s:
    """The controls that sort the table, and all matching rows in that order."""
    near = address.read_near()
    choices = ({address.BY_SIMILARITY: "similarity"} if near else {}) | {IN_ROW_ORDER: "row"}
    for known in columns_of(context):
        if known.kind in ("number", "category", "boolean") and known.key not in choices:
            choices[known.key] = known.label
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Sort by", width="content")
        column = st.selectbox(
            "Sort by",
            list(choices),
            format_func=lambda key: choices.get(key, key),
            key=address.TABLE_SORT,
            bind="query-params",
            label_visibility="collapsed",
            width=240,
        )
        descending = st.toggle("Descending", key="rows_desc", bind="query-params")
    if column == address.BY_SIMILARITY:
        rows = queries.by_similarity(context, near, queries.matches(context, scope))
        return rows[::-1] if descending else rows
    return queries.ordered(context, scope, column or IN_ROW_ORDER, descending=descending)


def show_row_table(context: DatasetContext, order: Int64s) -> None:
    """One page of the rows, with the pages below."""
    n_pages = max(1, -(-len(order) // PAGE_ROWS))
    if st.session_state.get(address.TABLE_PAGE, 1) > n_pages:
        st.session_state[address.TABLE_PAGE] = n_pages
    table_place = st.empty()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        page = st.pagination(n_pages, key=address.TABLE_PAGE, bind="query-params") if n_pages > 1 else 1
        first = (page - 1) * PAGE_ROWS
        rows = order[first : first + PAGE_ROWS]
        st.caption(f"Rows {first + 1:,} to {first + len(rows):,} of {len(order):,}", width="content")
    key = f"rows_{address.choices_round()}_{page}_{hash(rows.tobytes())}"
    table_place.dataframe(
        _page(context, rows),
        hide_index=True,
        column_config=_columns(context),
        key=key,
        on_select=partial(_open_clicked, key, rows),
        selection_mode="single-cell",
        height=38 + 35 * min(len(rows), 14),
        alt="Matching rows",
    )


def _page(context: DatasetContext, rows: Int64s) -> pa.Table:
    shown = ["example_id", "prompt", "response", "source"]
    present = {column.key for column in columns_of(context)}
    shown += [key for key in ("cluster", "tokens", "tags", "selected") if key in present]
    scores = [key for key in present if key.startswith("score:")]
    table = read_rows(context, rows, [*shown, *sorted(scores)])
    columns: dict[str, Any] = {"row": table["example_id"]}
    if "cluster" in shown:
        columns["cluster"] = pa.array([context.cluster_name(int(i)) for i in table["cluster"].to_numpy()])
    columns |= {key: _cut(table[key]) for key in ("prompt", "response")}
    columns |= {key: table[key] for key in sorted(scores)}
    columns |= {key: table[key] for key in ("tokens",) if key in shown}
    if "selected" in shown:
        columns["selected"] = table["selected"]
    if context.tags.rows:
        columns["tags"] = pa.array([text.split(", ") if text else [] for text in table["tags"].to_pylist()])
    columns["source"] = table["source"]
    return pa.table(columns)


def _cut(texts: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    # Whole texts would make a page of the table megabytes large; the open row shows all of it.
    return pa.array(
        [" ".join((text or "")[: 2 * MAX_CELL_CHARS].split())[:MAX_CELL_CHARS] for text in texts.to_pylist()]
    )


def _columns(context: DatasetContext) -> dict[str, Any]:
    config: dict[str, Any] = {
        "row": st.column_config.NumberColumn("Row", width=64, format="%d", pinned=True),
        "cluster": st.column_config.TextColumn("Cluster", width=150),
        "prompt": st.column_config.TextColumn("Prompt", width="large"),
        "response": st.column_config.TextColumn("Response", width="large"),
        "tokens": st.column_config.NumberColumn("Tokens", width=76, format="localized"),
        "selected": st.column_config.CheckboxColumn("Selected", width=76),
        "tags": st.column_config.MultiselectColumn(
            "Tags", width="small", options=list(context.tags.rows), color="auto"
        ),
        "source": st.column_config.TextColumn("Source", width="small"),
    }
    for name in context.view.scores:
        number_format = "%.3f" if queries.spread(context, f"score:{name}").high < 100 else "localized"
        label = name[:1].upper() + name[1:]
        config[f"score:{name}"] = st.column_config.NumberColumn(label, width=84, format=number_format)
    return config


def _open_clicked(key: str, rows: np.ndarray) -> None:
    cells = st.session_state[key]["selection"]["cells"]
    if cells:
        address.open_row(int(rows[cells[0][0]]))
