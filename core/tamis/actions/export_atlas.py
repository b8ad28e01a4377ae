"""The rows with their places on the map as the Parquet file that the command ``embedding-atlas`` opens."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.map_rows import read_positions
from tamis.actions.read_rows import columns_of, read_rows
from tamis.actions.roles import needs
from tamis.compute.map.neighbors import NearestRows
from tamis.errors import InvalidOptions
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.readers import read_vectors
from tamis.store.workspace import Workspace

NEIGHBOURS = 15
_NOT_WRITTEN = frozenset({"messages", "raw"})  # what is read by eye are prompt and response
_PLACE = ("x", "y", "neighbors")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasFile(HtmlFacts):
    """What was written, and ``command``, which opens it: no model is asked, and nothing is laid out again."""

    path: Path
    n_rows: int
    columns: tuple[str, ...]
    command: str


@needs("curator", writes=False)
def export_atlas(
    workspace: Workspace, dataset_id: str, out: Path, *, neighbors: int = NEIGHBOURS
) -> AtlasFile:
    """Write every row that has a place on the active layout, with its columns, ``x``, ``y`` and nearest rows by cosine.

    ``neighbors`` is how many nearest rows each names (0: none). Raises InvalidOptions for a name that is no Parquet's and
    for a number below 0, ArtifactMissing without a layout, DatasetMissing.
    """
    if out.suffix != ".parquet" or neighbors < 0:
        raise InvalidOptions(
            f"{out.name}, {neighbors} neighbours: name a file that ends in .parquet, and 0 neighbours or more."
        )
    context = open_context(workspace, dataset_id)
    context.view.require("layout")
    xy = read_positions(context)
    rows = np.flatnonzero(np.isfinite(xy).all(axis=1))
    table = _named(context, rows)
    for name, values in zip(_PLACE, xy[rows].T, strict=False):
        table = table.append_column(name, pa.array(values))
    if neighbors:
        table = table.append_column("neighbors", _nearest(context, rows, neighbors))
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(table, out)
    return AtlasFile(
        path=out,
        n_rows=len(rows),
        columns=tuple(table.column_names),
        command=_command(out, with_neighbors=bool(neighbors)),
    )


def _named(context: DatasetContext, rows: np.ndarray) -> pa.Table:
    """The columns under names that no column of a place has, clusters by their names."""
    keys = [one.key for one in columns_of(context) if one.key not in _NOT_WRITTEN]
    table = read_rows(context, rows, keys)
    if "cluster" in keys:
        names = [context.cluster_name(int(one)) for one in table["cluster"].to_numpy()]
        table = table.set_column(keys.index("cluster"), "cluster", pa.array(names))
    taken = {key: f"{key}_of_the_file" for key in _PLACE if key in keys}
    return table.rename_columns([taken.get(name, name) for name in table.column_names])


def _nearest(context: DatasetContext, rows: np.ndarray, k: int) -> pa.Array[Any]:
    """For each row ids and distances of the nearest others, ids counted within ``rows``, as the command reads them."""
    unit = read_vectors(context.view.require("embeddings"))[rows]
    near, far = NearestRows(np.ascontiguousarray(unit)).around_each(min(k + 1, len(rows)))
    kind = pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float64()))])
    return pa.array(
        [{"ids": ids, "distances": apart} for ids, apart in zip(near.tolist(), far.tolist(), strict=True)],
        kind,
    )


def _write(table: pa.Table, out: Path) -> None:
    from pyarrow import parquet

    from tamis.store.durable import write_atomically

    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    write_atomically(out, sink.getvalue().to_pybytes())


def _command(out: Path, *, with_neighbors: bool) -> str:
    words = ["embedding-atlas", str(out), "--text", "prompt", "--x", "x", "--y", "y"]
    return shlex.join([*words, *(["--neighbors", "neighbors"] if with_neighbors else [])])
