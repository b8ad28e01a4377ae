"""The panel beside the map: what each cluster is, how good it is, and how much of it was selected."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.errors import UnknownName
from tamis.store.artifacts.readers import read_cluster_ids, read_clusters, read_scores, read_selected_ids
from tamis.store.artifacts.view import DatasetView
from tamis.store.names import ClusterNames, default_names
from tamis.types import NOISE, Float64s, Int32s, Int64s


def cluster_panel(
    view: DatasetView,
    names: ClusterNames | None = None,
    *,
    rows: Int64s | None = None,
    sort_by: str = "size",
    descending: bool = True,
) -> pa.Table:
    """One row per cluster, noise included when there is any.

    Columns: cluster_id, name, size, n_matching (among ``rows``; all rows when None), keywords, medoids,
    ``score:<scorer>`` (mean over its scored rows, NaN when none is scored), n_selected and selected_fraction (null
    without a selection). Sorted by ``sort_by``, ties by cluster_id. Raises ArtifactMissing without a clustering.
    """
    clustering = view.require("clustering")
    labels = read_cluster_ids(clustering)
    table = read_clusters(clustering)
    ids = table["cluster_id"].to_numpy().astype(np.int64)
    if (labels == NOISE).any() and NOISE not in ids:
        table = _with_noise(table)
        ids = np.append(ids, NOISE)
    place = _Places(labels, ids)
    sizes = place.count(None)
    named = default_names(clustering) | dict(names.names if names else {})
    columns: dict[str, pa.Array[Any]] = {
        "cluster_id": pa.array(ids),
        "name": pa.array([named.get(int(cluster_id), str(cluster_id)) for cluster_id in ids]),
        "size": pa.array(sizes),
        "n_matching": pa.array(place.count(rows)),
        "keywords": table["keywords"].combine_chunks(),
        "medoids": table["medoids"].combine_chunks(),
    }
    for scorer, artifact in view.scores.items():
        columns[f"score:{scorer}"] = pa.array(place.mean(read_scores(artifact)))
    columns |= _selected_columns(view, place, sizes)
    panel = pa.table(columns)
    if sort_by not in columns:
        raise UnknownName("column of the cluster panel", sort_by, columns)
    direction: Literal["ascending", "descending"] = "descending" if descending else "ascending"
    order: list[tuple[str, Literal["ascending", "descending"]]] = [
        (sort_by, direction),
        ("cluster_id", "ascending"),
    ]
    return panel.take(pc.sort_indices(panel, sort_keys=order))


class _Places:
    """Sums over clusters; ``position`` is the row of the panel that each example counts towards."""

    def __init__(self, labels: Int32s, ids: Int64s) -> None:
        self._k = len(ids)
        order = np.argsort(ids)
        place = np.searchsorted(ids, labels, sorter=order).clip(max=max(0, len(ids) - 1))
        self._position = order[place]

    def count(self, rows: Int64s | None) -> Int64s:
        position = self._position if rows is None else self._position[rows]
        return np.bincount(position, minlength=self._k).astype(np.int64)

    def mean(self, values: Float64s) -> Float64s:
        scored = np.isfinite(values)
        sums = np.bincount(self._position[scored], weights=values[scored], minlength=self._k)
        counts = np.bincount(self._position[scored], minlength=self._k)
        means: Float64s = np.divide(sums, counts, out=np.full(self._k, np.nan), where=counts > 0)
        return means


def _selected_columns(view: DatasetView, place: _Places, sizes: Int64s) -> dict[str, pa.Array[Any]]:
    if view.selection is None:
        nothing = pa.nulls(len(sizes))
        return {"n_selected": nothing.cast(pa.int64()), "selected_fraction": nothing.cast(pa.float64())}
    picked = place.count(read_selected_ids(view.selection))
    return {"n_selected": pa.array(picked), "selected_fraction": pa.array(picked / np.maximum(sizes, 1))}


def _with_noise(table: pa.Table) -> pa.Table:
    noise = dict.fromkeys(table.column_names) | {"cluster_id": NOISE, "keywords": [], "medoids": []}
    return pa.concat_tables([table, pa.Table.from_pylist([noise], schema=table.schema)])
