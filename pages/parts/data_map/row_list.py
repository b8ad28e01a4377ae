"""A short list of rows by their prompts; a click opens one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import streamlit as st

from pages.shared import address
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import shorten
from tamis.actions.read_rows import read_rows

HEADER_PX, ROW_PX = 35, 35


def show_row_list(
    context: DatasetContext,
    rows: Sequence[int],
    name: str,
    *,
    title: str,
    numbers: Sequence[float] | None = None,
) -> None:
    """Prompts of these rows under ``title``, with a number before each if given."""
    ids = [int(row) for row in rows]
    prompts = read_rows(context, ids, ["prompt"])["prompt"].to_pylist()
    columns: dict[str, Any] = {}
    if numbers is not None:
        columns["number"] = pa.array([float(number) for number in numbers])
    columns["prompt"] = pa.array([shorten(prompt or "", 200) or "(empty)" for prompt in prompts])
    key = f"{name}_{address.choices_round()}_{'-'.join(map(str, ids))}"
    st.dataframe(
        pa.table(columns),
        hide_index=True,
        column_config={
            "number": st.column_config.NumberColumn("Cosine", width=68, format="%.3f"),
            "prompt": st.column_config.TextColumn(title, width="large"),
        },
        key=key,
        on_select=partial(_open, key, ids),
        selection_mode="single-cell",
        height=HEADER_PX + ROW_PX * len(ids) + 3,
        alt=title,
    )


def _open(key: str, ids: list[int]) -> None:
    cells = st.session_state[key]["selection"]["cells"]
    if cells:
        address.open_row(ids[cells[0][0]])
