"""What a search has found, beside the map: ranked rows with snippets, and how similar they have to be."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of
from pages.shared.rows.scope_bar import rank_again
from tamis.actions.map_colours import cluster_colour
from tamis.actions.read_rows import Scope
from tamis.actions.search_results import looks_for_words
from tamis.types import JSON

RESULTS, PAGE, PAGE_RESULTS = "results", "results_page", 20
CUTOFF = "results_at_least"
_PARTS = Path(__file__).with_name("js")


def is_search(scope: Scope) -> bool:
    """Whether rows were looked for, by words, a pattern, meaning or likeness."""
    return bool(address.read_near()) or looks_for_words(scope)


def show_found_rows(context: DatasetContext, scope: Scope) -> None:
    """The ranked rows, a page at a time; a click opens one."""
    if not is_search(scope):
        st.caption("Search by words or by meaning above: what is found stands here, the best first.")
        return
    near = address.read_near()
    if near:
        _cut_off(context, scope, near)
    ranked = queries.ranked(context, scope, near)
    by = "most similar first" if near else "those with most hits first"
    st.caption(f"**{count_of(len(ranked.rows), 'row')}**, {by}")
    n_pages = max(1, math.ceil(len(ranked.rows) / PAGE_RESULTS))
    st.session_state[PAGE] = min(st.session_state.get(PAGE, 1), n_pages)
    first = (st.session_state[PAGE] - 1) * PAGE_RESULTS
    shown = slice(first, first + PAGE_RESULTS)
    found = queries.snippets(context, scope, ranked.rows[shown])
    clusters, opened = queries.cluster_of(context), address.read_row()
    results: list[JSON] = [
        {
            "row": one.row, "rank": first + at + 1, "open": one.row == opened, "column": one.column if not near else "",
            "said": _say_rank(float(number), near=bool(near)), "parts": [list(part) for part in one.parts],
            "colour": cluster_colour(int(clusters[one.row])) if context.view.clustering else "",
        }
        for at, (one, number) in enumerate(zip(found, ranked.numbers[shown].tolist(), strict=True))
    ]  # fmt: skip
    _list()(
        key=RESULTS, data={"first": first + 1, "results": results}, on_open_change=partial(_open, context)
    )
    if n_pages > 1:
        st.pagination(n_pages, key=PAGE)


def _say_rank(number: float, *, near: bool) -> str:
    return f"similarity {number:.2f}".replace("-", "−") if near else count_of(int(number), "hit")


def _cut_off(context: DatasetContext, scope: Scope, near: str) -> None:
    usual = queries.usual_cutoff(context)
    least = address.read_cutoff(usual)
    # No farther than the best: a filter that leaves nothing could not be moved back from here.
    best = max(least, queries.highest_cosine(context, scope, near), 0.01)
    st.session_state[CUTOFF] = least
    st.slider(
        "Least similarity", min(0.0, least), math.ceil(best * 100) / 100, step=0.01, format="%.2f", key=CUTOFF,
        on_change=_move_cutoff, args=(context, scope, near),
        help=f"Cosine in the space of the vectors. {usual:.2f} is what 99 of 100 random pairs of rows of this dataset stay below.",
    )  # fmt: skip


def _move_cutoff(context: DatasetContext, scope: Scope, near: str) -> None:
    rank_again(context, scope, near, float(st.session_state[CUTOFF]))


def _open(context: DatasetContext) -> None:
    asked: Any = st.session_state.get(RESULTS)
    row = asked.get("open") if asked else None
    if isinstance(row, int) and 0 <= row < context.n_rows:
        address.open_row(row)


@st.cache_resource(show_spinner=False)
def _list() -> Callable[..., Any]:
    script, style = ((_PARTS / name).read_text(encoding="utf-8") for name in ("results.js", "results.css"))
    return st.components.v2.component("tamis_results", js=script, css=style, html="<ol></ol>")
