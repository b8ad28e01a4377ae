"""What is drawn of a dataset that has more rows than a browser can show."""

from __future__ import annotations

import numpy as np

from tamis.compute.map.background import (
    DensityGrid,
    density_grid,
    stratified_sample,
)
from tamis.types import (
    Bools,
    Float32s,
    Int32s,
    Int64s,
)

__all__ = ["DensityGrid", "sample_to_draw", "shade_all"]


def sample_to_draw(cluster_id: Int32s, size: int, always: Bools) -> Int64s:
    """Sorted rows to draw: at most ``size``, spread over clusters, with the rows in ``always`` first of all.

    The same rows whenever it is asked: a map must not flicker from one look to the next.
    """
    return stratified_sample(cluster_id, size, always=always, rng=np.random.default_rng(0))


def shade_all(xy: Float32s, bins: int) -> DensityGrid:
    """How many of all rows lie in each of ``bins`` × ``bins`` cells, for the background of a sample."""
    return density_grid(xy, bins)
