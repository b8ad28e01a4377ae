"""Answers about rows and exports, kept by what they depend on: artifact ids, the revision of tags or names, the filter, a file's
time and size.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import orjson
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from pages.shared.dataset_context import DatasetContext
from tamis.actions import (
    cluster_levels,
    export_files,
    map_overlay,
    map_rows,
    map_tiles,
    read_rows,
    search_results,
)
from tamis.actions.cluster_levels import ClusterGroup
from tamis.actions.export_files import ExportedFile
from tamis.actions.manifests import ExportManifest
from tamis.actions.map_overlay import Overlay
from tamis.actions.map_tiles import ColumnCodes, MapTiles, RowBits
from tamis.actions.read_rows import Facets, Scope, Similar, Summary
from tamis.actions.search_results import SearchResult
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace
from tamis.types import Float32s, Float64s, Int32s, Int64s, Message

Array = TypeVar("Array", bound=NDArray[Any])


class Ranked(NamedTuple):
    """Rows, the best first, with the number that ranks each: a cosine, or how often the words stand in it."""

    rows: Int64s
    numbers: Float64s


def matches(context: DatasetContext, scope: Scope) -> Int64s:
    """Sorted ids of the rows that a filter means; not to be written to."""
    return _matches(context.key, _revision(context, scope), scope.to_url(), _context=context, _scope=scope)


def ordered(context: DatasetContext, scope: Scope, column: str, *, descending: bool) -> Int64s:
    """The matching rows in the order of a column; not to be written to."""
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


def row_values(context: DatasetContext, row: int, columns: tuple[str, ...]) -> dict[str, Any]:
    """The named columns of one row."""
    return read_rows.read_rows(context, [row], columns).to_pylist()[0]


def conversation(context: DatasetContext, row: int) -> dict[str, Any]:
    """Prompt, response, number of turns, and messages as JSON text, of one row; kept, for whoever comes to it soon."""
    return _conversation(context.key, row, _context=context)


def messages_of(context: DatasetContext, row: int) -> list[Message]:
    """The dataset's own conversation."""
    messages: list[Message] = orjson.loads(conversation(context, row)["messages"])
    return messages


def picked_in(context: DatasetContext, row: int) -> list[tuple[str, int, int]]:
    """The selections that contain a row: id, the row's rank from 1, and how many rows were selected."""
    return _picked_in(context.key, row, _context=context)


def positions(context: DatasetContext) -> Float32s:
    """Map coordinates of all rows, shape (n, 2)."""
    return map_rows.read_positions(context)


def cluster_of(context: DatasetContext) -> Int32s:
    """Cluster of every row; all noise when nothing was clustered yet."""
    return _cluster_of(context.key, _context=context)


def cluster_middles(context: DatasetContext) -> dict[int, tuple[float, float]]:
    """Median position of every cluster on the map."""
    return _middles(context.key, _context=context)


def levels_of_clusters(context: DatasetContext) -> list[list[ClusterGroup]]:
    """The groups above the clusters, coarse first."""
    return _levels(f"{context.key}:{context.names.revision}", _context=context)


def open_map(context: DatasetContext) -> MapTiles:
    """The tiles of the layout in view; made now where the layout is older than tiles."""
    return _open_map(context.key, context.view.require("layout").id, _context=context)


def map_column(context: DatasetContext, opened: MapTiles, column: str) -> ColumnCodes:
    """A column as one byte a row, in the order of the tiles."""
    revision = context.tags.revision if column.startswith("tag") else 0
    return _map_column(context.key, opened.layout_id, column, revision, _context=context, _opened=opened)


def map_bits(context: DatasetContext, opened: MapTiles, scope: Scope) -> RowBits:
    """The rows that a filter means as one bit a row, in the order of the tiles."""
    asked = (opened.layout_id, _revision(context, scope), scope.to_url())
    return _map_bits(context.key, asked, _context=context, _opened=opened, _scope=scope)


def bits_of_rows(context: DatasetContext, opened: MapTiles, name: str, rows: Callable[[], Int64s]) -> RowBits:
    """Some rows that never change, such as the picks of a selection, in the order of the tiles; ``name`` names them."""
    return _bits_of_rows(context.key, opened.layout_id, name, _context=context, _opened=opened, _rows=rows)


def overlay(context: DatasetContext, chosen: str) -> Overlay:
    """The rows of another dataset, or the examples of a target, on the map in view."""
    layout, embeddings = context.view.require("layout").id, context.view.require("embeddings").id
    return _overlay(f"{context.key} {layout} {embeddings}", chosen, _context=context)


def nearest_to(context: DatasetContext, near: str, within: Int64s, k: int) -> Similar:
    """The rows nearest to ``text:a sentence`` or ``row:17``; loads the dataset's encoder on its first use."""
    return read_rows.nearest_rows(context, near, within=within, k=k, encode=_encode)


def usual_cutoff(context: DatasetContext) -> float:
    """The cosine that 99 of 100 random pairs of rows stay below."""
    return _usual_cutoff(context.view.require("embeddings").id, _context=context)


def highest_cosine(context: DatasetContext, scope: Scope, near: str) -> float:
    """The cosine of the best of what a search by meaning ranks; 0 where there is nothing to rank."""
    found = nearest_to(context, near, matches(context, scope.without("rows")), 1)
    return float(found.cosines[0]) if len(found.rows) else 0.0


def ranked(context: DatasetContext, scope: Scope, near: str) -> Ranked:
    """The matching rows, most similar or with most hits first, with that number; not to be written to."""
    asked = (scope.to_url(), near)
    return _ranked(context.key, _revision(context, scope), asked, _context=context, _scope=scope)


def snippets(context: DatasetContext, scope: Scope, rows: Int64s) -> list[SearchResult]:
    """What each of these rows says where it was found."""
    return _snippets(context.key, scope.to_url(), tuple(rows.tolist()), _context=context, _scope=scope)


def by_similarity(context: DatasetContext, near: str, rows: Int64s) -> Int64s:
    """The rows, most similar first; unchanged when the ranking cannot be made again."""
    return read_rows.sort_by_similarity(context, near, rows, encode=_encode)


def _revision(context: DatasetContext, scope: Scope) -> int:
    about_tags = any(c.kind in ("tagged", "untagged") or c.on.startswith("tag") for c in scope.conditions)
    return context.tags.revision if about_tags else 0


def _frozen(array: Array) -> Array:
    # Shared by all sessions, so nobody may write to it.
    array.flags.writeable = False
    return array


def _encode(embeddings: Artifact, sentence: str) -> Float32s:
    return _sentence_vector(embeddings.id, sentence, _embeddings=embeddings)


@st.cache_resource(max_entries=64, show_spinner=False)
def _matches(key: str, revision: int, coded: str, *, _context: DatasetContext, _scope: Scope) -> Int64s:
    return _frozen(read_rows.matching(_context, _scope))


@st.cache_resource(max_entries=32, show_spinner=False)
def _ordered(
    key: str, revision: int, asked: tuple[str, str, bool], *, _context: DatasetContext, _scope: Scope
) -> Int64s:
    _, column, descending = asked
    return _frozen(read_rows.sort_rows(_context, matches(_context, _scope), column, descending=descending))


@st.cache_resource(max_entries=32, show_spinner=False)
def _values(key: str, revision: int, column: str, *, _context: DatasetContext) -> NDArray[Any]:
    return read_rows.read_column(_context, column)


@st.cache_data(max_entries=128, show_spinner=False)
def _facets(key: str, column: str, limit: int, *, _context: DatasetContext) -> Facets:
    return read_rows.count_values(_context, column, limit)


@st.cache_data(max_entries=128, show_spinner=False)
def _spread(key: str, column: str, *, _context: DatasetContext) -> Summary:
    return read_rows.summarise(_context, column)


@st.cache_resource(max_entries=32, show_spinner=False)
def _panel(
    key: str, revision: tuple[int, int], coded: str, *, _context: DatasetContext, _scope: Scope
) -> pa.Table:
    searched = search_results.without_clusters(_scope)
    order = matches(_context, searched) if searched.conditions else None
    return read_rows.list_clusters(_context, matches(_context, _scope), most_matching=order)


@st.cache_data(max_entries=256, show_spinner=False)
def _neighbours(key: str, row: int, k: int, *, _context: DatasetContext) -> Similar:
    return read_rows.similar_rows(_context, row, k)


@st.cache_data(max_entries=16, show_spinner=False)
def _usual_cutoff(embeddings_id: str, *, _context: DatasetContext) -> float:
    return read_rows.usual_cutoff(_context)


@st.cache_resource(max_entries=32, show_spinner=False)
def _ranked(
    key: str, revision: int, asked: tuple[str, str], *, _context: DatasetContext, _scope: Scope
) -> Ranked:
    near, rows = asked[1], matches(_context, _scope)
    if near:
        found = nearest_to(_context, near, rows, max(1, len(rows)))
        return Ranked(_frozen(found.rows), _frozen(found.cosines.astype(np.float64)))
    hits = search_results.hits_of(_context, _scope, rows)
    order = np.argsort(-hits, kind="stable")
    return Ranked(_frozen(rows[order]), _frozen(hits[order].astype(np.float64)))


@st.cache_data(max_entries=64, show_spinner=False)
def _snippets(
    key: str, coded: str, rows: tuple[int, ...], *, _context: DatasetContext, _scope: Scope
) -> list[SearchResult]:
    return search_results.results_of(_context, _scope, np.asarray(rows, dtype=np.int64))


@st.cache_data(max_entries=256, show_spinner=False)
def _conversation(key: str, row: int, *, _context: DatasetContext) -> dict[str, Any]:
    return row_values(_context, row, ("prompt", "response", "n_turns", "messages"))


@st.cache_data(max_entries=256, show_spinner=False)
def _picked_in(key: str, row: int, *, _context: DatasetContext) -> list[tuple[str, int, int]]:
    return read_rows.picked_in(_context, row)


@st.cache_resource(max_entries=16, show_spinner=False)
def _cluster_of(key: str, *, _context: DatasetContext) -> Int32s:
    return read_rows.cluster_of(_context)


@st.cache_data(max_entries=16, show_spinner=False)
def _middles(key: str, *, _context: DatasetContext) -> dict[int, tuple[float, float]]:
    return map_rows.cluster_middles(positions(_context), cluster_of(_context))


@st.cache_data(max_entries=16, show_spinner="Naming groups of clusters")
def _levels(key: str, *, _context: DatasetContext) -> list[list[ClusterGroup]]:
    return cluster_levels.cluster_levels(_context)


@st.cache_data(max_entries=8, show_spinner="Placing its rows")
def _overlay(key: str, chosen: str, *, _context: DatasetContext) -> Overlay:
    return map_overlay.overlay_of(_context, chosen)


@st.cache_resource(max_entries=16, show_spinner="Preparing the map")
def _open_map(key: str, layout_id: str, *, _context: DatasetContext) -> MapTiles:
    return map_tiles.open_map(_context)


@st.cache_resource(max_entries=64, show_spinner=False)
def _map_column(
    key: str, layout_id: str, column: str, revision: int, *, _context: DatasetContext, _opened: MapTiles
) -> ColumnCodes:
    return map_tiles.map_column(_context, _opened, column)


@st.cache_resource(max_entries=64, show_spinner=False)
def _map_bits(
    key: str, asked: tuple[str, int, str], *, _context: DatasetContext, _opened: MapTiles, _scope: Scope
) -> RowBits:
    return map_tiles.pack_rows_as_bits(_opened, matches(_context, _scope), _context.n_rows)


@st.cache_resource(max_entries=64, show_spinner=False)
def _bits_of_rows(
    key: str,
    layout_id: str,
    name: str,
    *,
    _context: DatasetContext,
    _opened: MapTiles,
    _rows: Callable[[], Int64s],
) -> RowBits:
    return map_tiles.pack_rows_as_bits(_opened, _rows(), _context.n_rows)


@st.cache_data(max_entries=64, show_spinner=False)
def _sentence_vector(embeddings_id: str, sentence: str, *, _embeddings: Artifact) -> Float32s:
    vector: Float32s = _encoder(embeddings_id, _embeddings=_embeddings).encode([sentence])[0]
    return vector


@st.cache_resource(max_entries=2, show_spinner=False)
def _encoder(embeddings_id: str, *, _embeddings: Artifact) -> read_rows.Encoder:
    return read_rows.encoder_of(_embeddings)


def list_exports(workspace: Workspace, dataset_id: str = "") -> list[ExportedFile]:
    """Earlier exports, newest first; a manifest that cannot be read, or whose file is gone, is left out."""
    return export_files.list_exports(workspace, dataset_id, read=_read_again)


def _read_again(path: Path) -> ExportManifest | None:
    stat = path.stat()
    return _read_export(str(path), stat.st_mtime_ns, stat.st_size)


@st.cache_data(max_entries=512, show_spinner=False)
def _read_export(path: str, modified_ns: int, n_bytes: int) -> ExportManifest | None:
    return export_files.read_listed_manifest(Path(path))
