"""Where the rows of a dataset and its clusters lie on the map in view."""

from __future__ import annotations

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.store.artifacts.readers import read_coordinates
from tamis.types import Float32s, Int32s


def read_positions(context: DatasetContext) -> Float32s:
    """Map coordinates of all rows, shape (n, 2); raises ArtifactMissing before there is a layout."""
    return read_coordinates(context.view.require("layout"))


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
