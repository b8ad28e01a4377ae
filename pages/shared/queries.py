"""Answers about rows, cached by what they depend on: artifact ids, the revision of tags or names, and the filter."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from pages.shared.dataset_context import Lens
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


def matches(lens: Lens, scope: Scope) -> Int64s:
    """Sorted ids of the rows that a filter means; not to be written to."""
    return _matches(lens.key, _revision(lens, scope), scope.to_url(), _lens=lens, _scope=scope)


def ordered(lens: Lens, scope: Scope, column: str, *, descending: bool) -> Int64s:
    """The matching rows in the order of a column; not to be written to."""
    if column in ("", "example_id"):
        rows = matches(lens, scope)
        return rows[::-1] if descending else rows
    revision = lens.tags.revision if column.startswith("tag") else _revision(lens, scope)
    asked = (scope.to_url(), column, descending)
    return _ordered(lens.key, revision, asked, _lens=lens, _scope=scope)


def values(lens: Lens, column: str) -> NDArray[Any]:
    """One column for all rows; not to be written to."""
    revision = lens.tags.revision if column.startswith("tag") else 0
    return _values(lens.key, revision, column, _lens=lens)


def facets(lens: Lens, column: str, limit: int = 200) -> Facets:
    """The values of a column over all rows and how often each occurs."""
    return _facets(lens.key, column, limit, _lens=lens)


def spread(lens: Lens, column: str) -> Summary:
    """How a number is spread over all rows."""
    return _spread(lens.key, column, _lens=lens)


def panel(lens: Lens, scope: Scope) -> pa.Table:
    """The clusters with the number of matching rows in each."""
    revision = (_revision(lens, scope), lens.names.revision)
    return _panel(lens.key, revision, scope.to_url(), _lens=lens, _scope=scope)


def neighbours(lens: Lens, row: int, k: int) -> Similar:
    """The rows most similar to a row."""
    return _neighbours(lens.key, row, k, _lens=lens)


def row_facts(lens: Lens, row: int, columns: tuple[str, ...]) -> dict[str, Any]:
    """The named columns of one row."""
    return fetch_rows(lens.view, np.asarray([row]), columns, tags=lens.tags).to_pylist()[0]


def conversation(lens: Lens, row: int) -> dict[str, Any]:
    """Prompt, response, number of turns, and messages as JSON text, of one row; kept, for whoever comes to it soon."""
    return _conversation(lens.key, row, _lens=lens)


def picked_in(lens: Lens, row: int) -> list[tuple[str, int, int]]:
    """The selections that contain a row: id, the row's rank from 1, and how many rows were selected."""
    return _picked_in(lens.key, row, _lens=lens)


def positions(lens: Lens) -> Float32s:
    """Map coordinates of all rows, shape (n, 2)."""
    return read_coordinates(lens.view.require("layout"))


def cluster_of(lens: Lens) -> NDArray[np.int32]:
    """Cluster of every row; all noise when nothing was clustered yet."""
    if lens.view.clustering is None:
        return np.full(lens.n_rows, -1, dtype=np.int32)
    return _cluster_of(lens.key, _lens=lens)


def drawn_rows(lens: Lens, scope: Scope) -> Int64s:
    """Ids of at most MAX_DRAWN rows to draw: all, or a sample by cluster that keeps selected, tagged and matching rows."""
    n_rows = lens.n_rows
    if n_rows <= MAX_DRAWN:
        return np.arange(n_rows)
    sample = _sample(lens.key, lens.tags.revision, _lens=lens)
    wanted = matches(lens, scope)
    if len(wanted) > MAX_SURELY_DRAWN:
        return sample
    spare = np.setdiff1d(sample, wanted, assume_unique=True)
    optional = spare[~_always(lens)[spare]]
    kept = max(0, MAX_DRAWN - len(wanted) - (len(spare) - len(optional)))
    if len(optional) > kept:
        dropped = np.delete(optional, np.linspace(0, len(optional) - 1, kept).astype(np.int64))
        spare = np.setdiff1d(spare, dropped, assume_unique=True)
    return np.union1d(spare, wanted)


def density(lens: Lens) -> DensityGrid:
    """How many of all rows lie in each cell of the map."""
    layout = lens.view.require("layout")
    return _density(lens.key, layout.id, _lens=lens)


def cluster_middles(lens: Lens) -> dict[int, tuple[float, float]]:
    """Median position of every cluster on the map."""
    return _middles(lens.key, _lens=lens)


def _revision(lens: Lens, scope: Scope) -> int:
    about_tags = any(c.kind in ("tagged", "untagged") or c.on.startswith("tag") for c in scope.conditions)
    return lens.tags.revision if about_tags else 0


def _frozen(array: Array) -> Array:
    # Shared by all sessions, so nobody may write to it.
    array.flags.writeable = False
    return array


def _always(lens: Lens) -> Bools:
    always = np.zeros(lens.n_rows, dtype=bool)
    if lens.view.selection is not None:
        always[read_selected_ids(lens.view.selection)] = True
    for rows in lens.tags.rows.values():
        always[rows[rows < len(always)]] = True
    return always


@st.cache_resource(max_entries=64, show_spinner=False)
def _matches(key: str, revision: int, coded: str, *, _lens: Lens, _scope: Scope) -> Int64s:
    return _frozen(matching_rows(_lens.view, _scope, tags=_lens.tags))


@st.cache_resource(max_entries=32, show_spinner=False)
def _ordered(key: str, revision: int, asked: tuple[str, str, bool], *, _lens: Lens, _scope: Scope) -> Int64s:
    _, column, descending = asked
    return _frozen(sort_rows(_lens.view, matches(_lens, _scope), column, descending, tags=_lens.tags))


@st.cache_resource(max_entries=32, show_spinner=False)
def _values(key: str, revision: int, column: str, *, _lens: Lens) -> NDArray[Any]:
    return column_values(_lens.view, column, tags=_lens.tags)


@st.cache_data(max_entries=128, show_spinner=False)
def _facets(key: str, column: str, limit: int, *, _lens: Lens) -> Facets:
    return facet_counts(_lens.view, column, limit=limit, tags=_lens.tags)


@st.cache_data(max_entries=128, show_spinner=False)
def _spread(key: str, column: str, *, _lens: Lens) -> Summary:
    return summarise(_lens.view, column, tags=_lens.tags)


@st.cache_resource(max_entries=32, show_spinner=False)
def _panel(key: str, revision: tuple[int, int], coded: str, *, _lens: Lens, _scope: Scope) -> pa.Table:
    return cluster_panel(_lens.view, _lens.names, rows=matches(_lens, _scope))


@st.cache_data(max_entries=256, show_spinner=False)
def _neighbours(key: str, row: int, k: int, *, _lens: Lens) -> Similar:
    return similar_to_row(_lens.view, row, k)


@st.cache_data(max_entries=256, show_spinner=False)
def _conversation(key: str, row: int, *, _lens: Lens) -> dict[str, Any]:
    wanted = ("prompt", "response", "n_turns", "messages")
    return dict(fetch_rows(_lens.view, np.asarray([row]), wanted).to_pylist()[0])


@st.cache_data(max_entries=256, show_spinner=False)
def _picked_in(key: str, row: int, *, _lens: Lens) -> list[tuple[str, int, int]]:
    found = []
    for selection in _lens.view.selections:
        table = read_selection(selection)
        at = np.flatnonzero(table["example_id"].to_numpy() == row)
        if len(at):
            found.append((selection.id, int(table["rank"][int(at[0])].as_py()) + 1, table.num_rows))
    return found


@st.cache_resource(max_entries=16, show_spinner=False)
def _cluster_of(key: str, *, _lens: Lens) -> NDArray[np.int32]:
    return read_cluster_ids(_lens.view.require("clustering"))


@st.cache_resource(max_entries=8, show_spinner=False)
def _sample(key: str, revision: int, *, _lens: Lens) -> Int64s:
    return _frozen(sample_to_draw(cluster_of(_lens), MAX_DRAWN, _always(_lens)))


@st.cache_resource(max_entries=8, show_spinner=False)
def _density(key: str, layout_id: str, *, _lens: Lens) -> DensityGrid:
    return shade_all(positions(_lens), DENSITY_BINS)


@st.cache_data(max_entries=16, show_spinner=False)
def _middles(key: str, *, _lens: Lens) -> dict[int, tuple[float, float]]:
    xy, ids = positions(_lens), cluster_of(_lens)
    order = np.argsort(ids, kind="stable")
    edges = np.flatnonzero(np.diff(ids[order])) + 1
    middles = {}
    for rows in np.split(order, edges):
        if len(rows) and ids[rows[0]] >= 0:
            x, y = np.nanmedian(xy[rows], axis=0)
            middles[int(ids[rows[0]])] = (float(x), float(y))
    return middles
