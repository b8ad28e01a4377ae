"""Answers about rows, cached by what they depend on: artifact ids, the revision of tags or names, and the filter."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from pages.shared.dataset_context import DatasetContext
from tamis.store.artifacts.readers import (
    read_cluster_ids,
    read_coordinates,
    read_selected_ids,
    read_selection,
)
from tamis.store.rows.clusters import cluster_panel
from tamis.store.rows.drawing import (
    DensityGrid,
    sample_to_draw,
    shade_all,
)
from tamis.store.rows.query import (
    Facets,
    Summary,
    column_values,
    facet_counts,
    fetch_rows,
    matching_rows,
    sort_rows,
    summarise,
)
from tamis.store.rows.scope import Scope
from tamis.store.rows.semantic import Similar, similar_to_row
from tamis.types import (
    Bools,
    Float32s,
    Int64s,
)

MAX_DRAWN = 50_000
MAX_SURELY_DRAWN = 20_000  # matching rows beyond this are sampled like all others
DENSITY_BINS = 160
Array = TypeVar("Array", bound=NDArray[Any])


def matches(context: DatasetContext, scope: Scope) -> Int64s:
    """Sorted ids of the rows that a filter means; not to be written to."""
    return _matches(context.key, _revision(context, scope), scope.to_url(), _context=context, _scope=scope)


def ordered(context: DatasetContext, scope: Scope, column: str, *, descending: bool) -> Int64s:
    """The matching rows in the order of a column; not to be written to."""
    if column in ("", "example_id"):
        rows = matches(context, scope)
        return rows[::-1] if descending else rows
    revision = context.tags.revision if column.startswith("tag") else _revision(context, scope)
    asked = (scope.to_url(), column, descending)
    return _ordered(context.key, revision, asked, _context=context, _scope=scope)


def values(context: DatasetContext, column: str) -> NDArray[Any]:
    """One column for all rows; not to be written to."""
    revision = context.tags.revision if column.startswith("tag") else 0
    return _values(context.key, revision, column, _context=context)


def facets(context: DatasetContext, column: str, limit: int = 200) -> Facets:
    """The values of a column over all rows and how often each occurs."""
    return _facets(context.key, column, limit, _context=context)


def spread(context: DatasetContext, column: str) -> Summary:
    """How a number is spread over all rows."""
    return _spread(context.key, column, _context=context)


def panel(context: DatasetContext, scope: Scope) -> pa.Table:
    """The clusters with the number of matching rows in each."""
    revision = (_revision(context, scope), context.names.revision)
    return _panel(context.key, revision, scope.to_url(), _context=context, _scope=scope)


def neighbours(context: DatasetContext, row: int, k: int) -> Similar:
    """The rows most similar to a row."""
    return _neighbours(context.key, row, k, _context=context)


def row_facts(context: DatasetContext, row: int, columns: tuple[str, ...]) -> dict[str, Any]:
    """The named columns of one row."""
    return fetch_rows(context.view, np.asarray([row]), columns, tags=context.tags).to_pylist()[0]


def conversation(context: DatasetContext, row: int) -> dict[str, Any]:
    """Prompt, response, number of turns, and messages as JSON text, of one row; kept, for whoever comes to it soon."""
    return _conversation(context.key, row, _context=context)


def picked_in(context: DatasetContext, row: int) -> list[tuple[str, int, int]]:
    """The selections that contain a row: id, the row's rank from 1, and how many rows were selected."""
    return _picked_in(context.key, row, _context=context)


def positions(context: DatasetContext) -> Float32s:
    """Map coordinates of all rows, shape (n, 2)."""
    return read_coordinates(context.view.require("layout"))


def cluster_of(context: DatasetContext) -> NDArray[np.int32]:
    """Cluster of every row; all noise when nothing was clustered yet."""
    if context.view.clustering is None:
        return np.full(context.n_rows, -1, dtype=np.int32)
    return _cluster_of(context.key, _context=context)


def drawn_rows(context: DatasetContext, scope: Scope) -> Int64s:
    """Ids of at most MAX_DRAWN rows to draw: all, or a sample by cluster that keeps selected, tagged and matching rows."""
    n_rows = context.n_rows
    if n_rows <= MAX_DRAWN:
        return np.arange(n_rows)
    sample = _sample(context.key, context.tags.revision, _context=context)
    wanted = matches(context, scope)
    if len(wanted) > MAX_SURELY_DRAWN:
        return sample
    spare = np.setdiff1d(sample, wanted, assume_unique=True)
    optional = spare[~_always(context)[spare]]
    kept = max(0, MAX_DRAWN - len(wanted) - (len(spare) - len(optional)))
    if len(optional) > kept:
        dropped = np.delete(optional, np.linspace(0, len(optional) - 1, kept).astype(np.int64))
        spare = np.setdiff1d(spare, dropped, assume_unique=True)
    return np.union1d(spare, wanted)


def density(context: DatasetContext) -> DensityGrid:
    """How many of all rows lie in each cell of the map."""
    layout = context.view.require("layout")
    return _density(context.key, layout.id, _context=context)


def cluster_middles(context: DatasetContext) -> dict[int, tuple[float, float]]:
    """Median position of every cluster on the map."""
    return _middles(context.key, _context=context)


def _revision(context: DatasetContext, scope: Scope) -> int:
    about_tags = any(c.kind in ("tagged", "untagged") or c.on.startswith("tag") for c in scope.conditions)
    return context.tags.revision if about_tags else 0


def _frozen(array: Array) -> Array:
    # Shared by all sessions, so nobody may write to it.
    array.flags.writeable = False
    return array


def _always(context: DatasetContext) -> Bools:
    always = np.zeros(context.n_rows, dtype=bool)
    if context.view.selection is not None:
        always[read_selected_ids(context.view.selection)] = True
    for rows in context.tags.rows.values():
        always[rows[rows < len(always)]] = True
    return always


@st.cache_resource(max_entries=64, show_spinner=False)
def _matches(key: str, revision: int, coded: str, *, _context: DatasetContext, _scope: Scope) -> Int64s:
    return _frozen(matching_rows(_context.view, _scope, tags=_context.tags))


@st.cache_resource(max_entries=32, show_spinner=False)
def _ordered(
    key: str, revision: int, asked: tuple[str, str, bool], *, _context: DatasetContext, _scope: Scope
) -> Int64s:
    _, column, descending = asked
    return _frozen(
        sort_rows(_context.view, matches(_context, _scope), column, descending, tags=_context.tags)
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _values(key: str, revision: int, column: str, *, _context: DatasetContext) -> NDArray[Any]:
    return column_values(_context.view, column, tags=_context.tags)


@st.cache_data(max_entries=128, show_spinner=False)
def _facets(key: str, column: str, limit: int, *, _context: DatasetContext) -> Facets:
    return facet_counts(_context.view, column, limit=limit, tags=_context.tags)


@st.cache_data(max_entries=128, show_spinner=False)
def _spread(key: str, column: str, *, _context: DatasetContext) -> Summary:
    return summarise(_context.view, column, tags=_context.tags)


@st.cache_resource(max_entries=32, show_spinner=False)
def _panel(
    key: str, revision: tuple[int, int], coded: str, *, _context: DatasetContext, _scope: Scope
) -> pa.Table:
    return cluster_panel(_context.view, _context.names, rows=matches(_context, _scope))


@st.cache_data(max_entries=256, show_spinner=False)
def _neighbours(key: str, row: int, k: int, *, _context: DatasetContext) -> Similar:
    return similar_to_row(_context.view, row, k)


@st.cache_data(max_entries=256, show_spinner=False)
def _conversation(key: str, row: int, *, _context: DatasetContext) -> dict[str, Any]:
    wanted = ("prompt", "response", "n_turns", "messages")
    return dict(fetch_rows(_context.view, np.asarray([row]), wanted).to_pylist()[0])


@st.cache_data(max_entries=256, show_spinner=False)
def _picked_in(key: str, row: int, *, _context: DatasetContext) -> list[tuple[str, int, int]]:
    found = []
    for selection in _context.view.selections:
        table = read_selection(selection)
        at = np.flatnonzero(table["example_id"].to_numpy() == row)
        if len(at):
            found.append((selection.id, int(table["rank"][int(at[0])].as_py()) + 1, table.num_rows))
    return found


@st.cache_resource(max_entries=16, show_spinner=False)
def _cluster_of(key: str, *, _context: DatasetContext) -> NDArray[np.int32]:
    return read_cluster_ids(_context.view.require("clustering"))


@st.cache_resource(max_entries=8, show_spinner=False)
def _sample(key: str, revision: int, *, _context: DatasetContext) -> Int64s:
    return _frozen(sample_to_draw(cluster_of(_context), MAX_DRAWN, _always(_context)))


@st.cache_resource(max_entries=8, show_spinner=False)
def _density(key: str, layout_id: str, *, _context: DatasetContext) -> DensityGrid:
    return shade_all(positions(_context), DENSITY_BINS)


@st.cache_data(max_entries=16, show_spinner=False)
def _middles(key: str, *, _context: DatasetContext) -> dict[int, tuple[float, float]]:
    xy, ids = positions(_context), cluster_of(_context)
    order = np.argsort(ids, kind="stable")
    edges = np.flatnonzero(np.diff(ids[order])) + 1
    middles = {}
    for rows in np.split(order, edges):
        if len(rows) and ids[rows[0]] >= 0:
            x, y = np.nanmedian(xy[rows], axis=0)
            middles[int(ids[rows[0]])] = (float(x), float(y))
    return middles
