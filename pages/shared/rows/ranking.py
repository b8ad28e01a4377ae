"""Rows ranked by meaning: nearest to a typed sentence or to another row, as a filter with an order."""

from __future__ import annotations

import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import plain, shorten
from tamis.actions.read_rows import Scope
from tamis.errors import CurationError


def rank_by_meaning(context: DatasetContext, scope: Scope, sentence: str) -> None:
    """Show the matching rows nearest to a sentence; loads the dataset's encoder on its first use."""
    near = f"text:{sentence}"
    try:
        with st.spinner("Loading the encoder and searching by meaning …", show_time=True):
            ranked = queries.rank(context, near, queries.matches(context, scope.without("rows")))
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    address.show_ranking(near, ranked)
    st.rerun()


def rank_like_row(context: DatasetContext, scope: Scope, row: int) -> None:
    """Show the matching rows nearest to a row; from a callback."""
    near = f"row:{row}"
    address.show_ranking(near, queries.rank(context, near, queries.matches(context, scope.without("rows"))))


def say_ranking(near: str, n_rows: int) -> str:
    """What a ranking is, for its chip."""
    kind, _, value = near.partition(":")
    return f"{n_rows:,} rows most similar to " + (
        f"row {value}" if kind == "row" else f"“{shorten(value, 60)}”"
    )
