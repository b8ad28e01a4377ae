"""Which rows an export means: everything, a selection, a tag, or the filter that the map handed over."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.shared.active import listed_selections
from pages.shared.dataset_context import DatasetContext
from pages.shared.navigation import link_to
from pages.shared.plain_text import count_of, plain
from tamis.actions.artifact_names import names_in_view
from tamis.actions.export_choices import (
    RowSource,
    choose_row_source,
    count_tokens,
    offered_row_sources,
    read_scope_rows,
    rows_label,
)
from tamis.actions.read_rows import Scope, cluster_of, describe_scope
from tamis.types import Int64s

TITLES: dict[RowSource, str] = {
    "whole": "Whole dataset",
    "selection": "Selection",
    "tag": "Tag",
    "filter": "Filter",
}
_WHICH, _PICKED, _TAGGED = "export_which", "export_selection", "export_tag"
_NAMED_BY = {"selection": "selection", "tag": "tag", "filter": "scope"}  # what the address calls them


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """A scope as the export understands it, the rows it means now, and what to call the file."""

    selection: str
    tag: str
    scope: str
    label: str
    rows: Int64s


def choose_rows(context: DatasetContext) -> ChosenRows:
    """Draw the choice and return it; where it stands is in the address."""
    named = {source for source, parameter in _NAMED_BY.items() if st.query_params.get(parameter)}
    asked = st.query_params.get("selection", "")
    offered = offered_row_sources(context, has_filter="filter" in named, named_selection=asked)
    st.session_state[_WHICH] = choose_row_source(offered, st.query_params.get("rows", ""), named)
    which: RowSource | None = st.segmented_control(
        "Rows", offered, required=True, key=_WHICH, on_change=keep, args=("rows", _WHICH),
        format_func=TITLES.__getitem__,
    )  # fmt: skip
    selection = _choose_selection(context) if which == "selection" else ""
    tag = _choose_tag(context) if which == "tag" else ""
    scope = st.query_params.get("scope", "") if which == "filter" else ""
    if scope:
        _show_filter(context, scope)
    rows = _rows(f"{context.key}:{context.tags.revision}", selection, tag, scope, _context=context)
    return ChosenRows(
        selection, tag, scope, rows_label(context, which or "whole", selection=selection, tag=tag), rows
    )


def show_counts(context: DatasetContext, rows: Int64s) -> None:
    """How many rows, which share of the dataset, from how many clusters, and how many tokens where they were counted."""
    share = len(rows) / max(context.n_rows, 1)
    parts = [f"**{count_of(len(rows), 'row')}**"]
    if share < 1:
        parts.append(f"{_say_share(share)} of {context.n_rows:,}")
    if context.view.clustering is not None and len(rows):
        clusters = cluster_of(context)
        n_hit, n_all = (len(np.unique(one[one >= 0])) for one in (clusters[rows], clusters))
        parts.append(f"from {n_hit:,} of {count_of(n_all, 'cluster')}")
    tokens = count_tokens(context, rows)
    if tokens is not None:
        parts.append(f"{tokens:,} tokens")
    st.markdown(" · ".join(parts))


def _say_share(share: float) -> str:
    if share == 0:
        return "0 %"
    digits = max(0, math.ceil(-math.log10(share)) - 1)
    return f"{share * 100:.{digits}f} %"


def keep(parameter: str, key: str) -> None:
    """Put the value of a widget into the address; from its callback."""
    st.query_params[parameter] = st.session_state[key]


def _choose_selection(context: DatasetContext) -> str:
    """The active selection unless the address names another."""
    by_id = {artifact.id: artifact for artifact in listed_selections(context, "selection")}
    names, active = names_in_view(context.view, "selection"), context.view.selection
    asked = st.query_params.get("selection", "")
    if asked and asked not in by_id:
        st.warning(
            f"There is no selection {plain(asked)}; the active one is shown.", icon=":material/link_off:"
        )
    usual = active.id if active is not None and active.id in by_id else next(iter(by_id))
    st.session_state[_PICKED] = asked if asked in by_id else usual
    return str(
        st.selectbox(
            "Selection", list(by_id), format_func=names.__getitem__, key=_PICKED,
            on_change=keep, args=("selection", _PICKED), label_visibility="collapsed",
        )
    )  # fmt: skip


def _choose_tag(context: DatasetContext) -> str:
    tags = list(context.tags.rows)
    asked = st.query_params.get("tag", "")
    st.session_state[_TAGGED] = asked if asked in tags else tags[0]
    return str(
        st.selectbox(
            "Tag", tags, format_func=lambda tag: f"{tag} · {count_of(len(context.tags.rows[tag]), 'row')}", key=_TAGGED,
            on_change=keep, args=("tag", _TAGGED), label_visibility="collapsed",
        )
    )  # fmt: skip


def _show_filter(context: DatasetContext, scope: str) -> None:
    names = names_in_view(context.view, "selection")
    st.caption(plain(describe_scope(Scope.from_url(scope), context.names.names, names)))
    link_to("data_map", "Change the filter on the map", query={"dataset": context.dataset_id, "scope": scope})


@st.cache_resource(max_entries=32, show_spinner=False)
def _rows(key: str, selection: str, tag: str, scope: str, *, _context: DatasetContext) -> Int64s:
    rows = read_scope_rows(_context, selection=selection, tag=tag, scope=scope)
    # Shared by all sessions, so nobody may write to it.
    rows.flags.writeable = False
    return rows
