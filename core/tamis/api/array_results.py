"""What the methods on arrays return: small frozen objects whose arrays cannot be written to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tamis.api.show import SHOWN_ROWS, Tabular, arrow_of
from tamis.reprs import Head
from tamis.selectors.quality import gain_aside, quality_aside
from tamis.types import JSON, Float32s, Float64s, Int32s, Int64s

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SelectedRows(Tabular):
    """The rows that a method picked, in the order picked; every prefix is itself a fair selection where the method can.

    ``shortfall`` rows of the budget could not be spent; ``unused_tokens`` is None unless the budget counted tokens,
    ``unused_cost`` unless it counted costs; ``n_unscored`` rows had no quality (NaN). ``n_forced`` rows had no chance by quality and were picked because nothing else was left. ``quality_gain`` says how far
    the picks lie from an even draw from the same groups (0) towards the highest scores (1); None where quality played no
    part. ``notes`` are what the method has to say (the gap of an approximation).
    """

    method: str
    ids: Int64s  # (b,) positions of the picked rows, each once
    cluster_ids: Int64s  # (b,) cluster of each picked row, -1 where there is none
    weights: Float64s  # (b,) in (0, 1]: the part of the row's cluster that was picked
    n_rows: int  # rows there were to pick from, the excluded ones among them
    budget: float  # in rows, tokens or the unit of the costs
    seed: int
    shortfall: int
    unused_tokens: int | None
    unused_cost: float | None
    n_forced: int
    n_unscored: int
    quality_gain: float | None
    options: Mapping[str, JSON]
    notes: Mapping[str, JSON]

    def __len__(self) -> int:
        return len(self.ids)

    def to_numpy(self) -> Int64s:
        """The positions of the picked rows, (b,) int64."""
        return self.ids

    def to_arrow(self) -> pa.Table:
        """A table of example_id, cluster_id, rank (0 was picked first) and weight, as a selection's file has it."""
        return arrow_of(self._columns(len(self)))

    def _columns(self, n: int) -> dict[str, NDArray[Any]]:
        return {
            "example_id": self.ids[:n],
            "cluster_id": self.cluster_ids[:n].astype(np.int32),
            "rank": np.arange(len(self.ids[:n])),
            "weight": self.weights[:n].astype(np.float32),
        }

    def _head(self) -> Head:
        return {name: column.tolist() for name, column in self._columns(SHOWN_ROWS).items()}

    def _line(self) -> str:
        left = f", {self.shortfall:,} could not be spent" if self.shortfall else ""
        left += f", {self.unused_tokens:,} tokens unused" if self.unused_tokens else ""
        left += f", {self.unused_cost:,g} of the budget unused" if self.unused_cost else ""
        said = gain_aside(self.method, self.quality_gain, len(self))
        said += quality_aside(n_forced=self.n_forced, n_unscored=self.n_unscored, n_rows=self.n_rows)
        return f"{len(self):,} of {self.n_rows:,} rows by {self.method} (seed {self.seed}){left}{said}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ClusteredRows(Tabular):
    """Groups of n rows, cluster 0 the largest. ``notes`` has the table that k was chosen from, when it was chosen."""

    cluster_ids: Int32s  # (n,) -1 = outside every cluster
    distances: Float32s  # (n,) cosine distance to the own centroid in [0, 2]; NaN outside
    centroids: Float32s  # (k, d) unit length
    seed: int
    notes: Mapping[str, JSON]

    def __len__(self) -> int:
        return len(self.cluster_ids)

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return len(self.centroids)

    @property
    def sizes(self) -> Int64s:
        """Rows of each cluster, (k,) int64."""
        inside = self.cluster_ids[self.cluster_ids >= 0]
        return np.bincount(inside, minlength=self.n_clusters).astype(np.int64)

    def to_numpy(self) -> Int32s:
        """The cluster of every row, (n,) int32."""
        return self.cluster_ids

    def to_arrow(self) -> pa.Table:
        """A table of example_id, cluster_id and distance, a line per row."""
        columns: dict[str, NDArray[Any]] = {"cluster_id": self.cluster_ids, "distance": self.distances}
        return arrow_of({"example_id": np.arange(len(self)), **columns})

    def _head(self) -> Head:
        sizes = self.sizes[:SHOWN_ROWS].tolist()
        return {"cluster_id": list(range(len(sizes))), "size": sizes}

    def _line(self) -> str:
        noise = int((self.cluster_ids < 0).sum())
        outside = f", {noise:,} rows outside" if noise else ""
        return f"{self.n_clusters:,} clusters of {len(self):,} rows (seed {self.seed}){outside}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NearDuplicates(Tabular):
    """Which rows repeat an earlier one; only rows that repeat nothing stand for a group."""

    of: Int64s  # (n,) the earlier row that this one repeats; -1: none
    similarity: Float32s  # (n,) how alike they are, in [0, 1]; 0: none
    threshold: float

    def __len__(self) -> int:
        return len(self.of)

    @property
    def ids(self) -> Int64s:
        """The rows that repeat an earlier one, ascending."""
        return np.flatnonzero(self.of >= 0)

    @property
    def kept(self) -> Int64s:
        """The rows that repeat none, ascending."""
        return np.flatnonzero(self.of < 0)

    def to_numpy(self) -> Int64s:
        """For every row the earlier one that it repeats, (n,) int64; -1: none."""
        return self.of

    def to_arrow(self) -> pa.Table:
        """A table of example_id, of and similarity, a line per row that repeats one."""
        return arrow_of(self._columns(len(self)))

    def _columns(self, n: int) -> dict[str, NDArray[Any]]:
        rows = self.ids[:n]
        return {"example_id": rows, "of": self.of[rows], "similarity": self.similarity[rows]}

    def _head(self) -> Head:
        return {name: column.tolist() for name, column in self._columns(SHOWN_ROWS).items()}

    def _line(self) -> str:
        return f"{len(self.ids):,} of {len(self):,} rows repeat an earlier one (threshold {self.threshold:g})"
