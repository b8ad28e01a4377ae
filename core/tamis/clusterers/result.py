"""What every clustering method hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tamis.types import (
    JSON,
    Float32s,
    Int32s,
)

Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True, slots=True)
class Clustering:
    """Groups of n rows, ids ordered by size with the largest first.

    ``cluster_id`` (n,) int32, −1 = noise; ``distance`` (n,) float32, cosine distance to the own centroid, NaN for
    noise; ``centroids`` (k, d) float32 unit; ``notes`` go into the summary.
    """

    cluster_id: Int32s
    distance: Float32s
    centroids: Float32s
    notes: dict[str, JSON]
