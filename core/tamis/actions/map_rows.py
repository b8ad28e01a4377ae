"""What a map draws of a dataset: where its rows lie, which of them are drawn, and the shade of all behind a sample."""

from __future__ import annotations

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.compute.map.background import DensityGrid, density_grid, stratified_sample
from tamis.store.artifacts.readers import read_coordinates, read_selected_ids
from tamis.types import Bools, Float32s, Int32s, Int64s

__all__ = [
    "DENSITY_BINS", "MAX_DRAWN", "MAX_SURELY_DRAWN", "DensityGrid", "cluster_middles", "read_positions", "rows_to_draw",
    "sample_to_draw", "shade_rows",
]  # fmt: skip

MAX_DRAWN = 50_000
MAX_SURELY_DRAWN = 20_000  # matching rows beyond this are sampled like all others
DENSITY_BINS = 160


def read_positions(context: DatasetContext) -> Float32s:
    """Map coordinates of all rows, shape (n, 2); raises ArtifactMissing before there is a layout."""
    return read_coordinates(context.view.require("layout"))


def sample_to_draw(context: DatasetContext, clusters: Int32s) -> Int64s:
    """Sorted ids of at most MAX_DRAWN rows, spread over clusters, selected and tagged rows first of all.

    The same rows whenever it is asked: a map must not flicker from one look to the next.
    """
    return stratified_sample(clusters, MAX_DRAWN, always=_surely_drawn(context), rng=np.random.default_rng(0))


def rows_to_draw(context: DatasetContext, sample: Int64s, matching: Int64s) -> Int64s:
    """The sample with all matching rows put in, where they are few enough, for others that nothing speaks for."""
    if len(matching) > MAX_SURELY_DRAWN:
        return sample
    spare = np.setdiff1d(sample, matching, assume_unique=True)
    optional = spare[~_surely_drawn(context)[spare]]
    kept = max(0, MAX_DRAWN - len(matching) - (len(spare) - len(optional)))
    if len(optional) > kept:
        dropped = np.delete(optional, np.linspace(0, len(optional) - 1, kept).astype(np.int64))
        spare = np.setdiff1d(spare, dropped, assume_unique=True)
    return np.union1d(spare, matching)


def shade_rows(xy: Float32s) -> DensityGrid:
    """How many of all rows lie in each cell of the map."""
    return density_grid(xy, DENSITY_BINS)


def cluster_middles(xy: Float32s, clusters: Int32s) -> dict[int, tuple[float, float]]:
    """Median position of every cluster on the map, noise left out."""
    order = np.argsort(clusters, kind="stable")
    edges = np.flatnonzero(np.diff(clusters[order])) + 1
    middles = {}
    for rows in np.split(order, edges):
        if len(rows) and clusters[rows[0]] >= 0:
            x, y = np.nanmedian(xy[rows], axis=0)
            middles[int(clusters[rows[0]])] = (float(x), float(y))
    return middles


def _surely_drawn(context: DatasetContext) -> Bools:
    surely = np.zeros(context.n_rows, dtype=np.bool_)
    if context.view.selection is not None:
        surely[read_selected_ids(context.view.selection)] = True
    for rows in context.tags.rows.values():
        surely[rows[rows < len(surely)]] = True
    return surely
