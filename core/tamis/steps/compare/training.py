"""What models trained on different selections lose on the same held-out rows: per method, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.compute.compare.paired import PairedChange, Verdict, change_verdicts, paired_change
from tamis.compute.compare.seeds import mean_over_seeds
from tamis.store.artifacts.adapters import held_out_groups, read_evaluation
from tamis.store.artifacts.store import Artifact
from tamis.store.row_sets import intersection
from tamis.types import Float64s, Int64s

ALL_CLUSTERS = -2


WORDS: dict[Verdict, str] = {"lower": "better", "higher": "worse", "unclear": "not clear"}


@dataclass(frozen=True, slots=True)
class MethodLoss:
    """Held-out loss of one method in one cluster, or in all (ALL_CLUSTERS): the mean over its runs.

    ``low`` and ``high`` are the 95 % interval over runs (Student's t), NaN for one run. ``base_loss`` is that of the
    model before training. ``n_rows`` held-out rows in that cluster. ``beside`` is the loss less the mean of all methods,
    row by row, rows with
    like prompts or of one family counting once: an interval for these very runs, which says nothing of another training; ``verdict`` better, worse or not
    clear among all methods, and in clusters among all methods and clusters (METHODS.md 5.6).
    """

    method: int
    cluster_id: int
    n_runs: int
    n_rows: int
    loss: float
    low: float
    high: float
    base_loss: float
    beside: PairedChange
    verdict: str = WORDS["unclear"]


@dataclass(frozen=True, slots=True)
class _Measured:
    """The runs of one method over the same rows as all others: ``loss`` (runs, rows), ``base``, ``clusters`` and ``groups``
    (rows,), of rows that belong together.
    """

    method: int
    loss: Float64s
    base: Float64s
    clusters: Int64s
    groups: Int64s

    def in_cluster(self, cluster_id: int, middle: Float64s) -> MethodLoss:
        """The losses in one cluster or all, beside ``middle`` (rows,), the mean of all methods."""
        known = np.isfinite(self.loss).all(axis=0) & np.isfinite(self.base)
        if cluster_id != ALL_CLUSTERS:
            known &= self.clusters == cluster_id
        less = (self.loss.mean(axis=0) - middle)[known]
        n_runs, beside = len(self.loss), paired_change(less, self.groups[known])
        if not known.any():
            nan = float("nan")
            return MethodLoss(self.method, cluster_id, n_runs, 0, nan, nan, nan, nan, beside)
        mean, low, high = mean_over_seeds(self.loss[:, known].mean(axis=1, keepdims=True))
        return MethodLoss(
            self.method, cluster_id, n_runs, int(known.sum()), float(mean[0]), float(low[0]), float(high[0]),
            float(self.base[known].mean()), beside,
        )  # fmt: skip


def method_losses(
    methods: Sequence[Sequence[Artifact]], clusters: Mapping[int, int] | None = None
) -> list[MethodLoss]:
    """The losses of every method, ``methods[i]`` being its finished runs, over all rows and per cluster.

    ``clusters`` gives each held-out row its cluster; the one that the run was reported by where it is None. Methods
    without a run are left out. Only rows that every run was measured on count, and of those not the ones whose loss is
    not a number.
    """
    tables = [
        [table.sort_by("example_id") for table in map(read_evaluation, runs) if table is not None]
        for runs in methods
    ]
    every: list[Int64s] = [table["example_id"].to_numpy() for own in tables for table in own]
    if not every:
        return []
    shared: Int64s = reduce(intersection, every)
    common = pa.array(shared)
    inside = [[one.filter(pc.is_in(one["example_id"], value_set=common)) for one in own] for own in tables]
    groups = _together([held_out_groups(table) for own in inside for table in own])
    measured = [_measured(i, own, clusters, groups) for i, own in enumerate(inside) if own]
    middle: Float64s = np.mean([one.loss.mean(axis=0) for one in measured], axis=0)
    if len(measured) == 1:
        middle = np.full(len(shared), np.nan)  # a method alone is not held against itself
    whole = _judged([one.in_cluster(ALL_CLUSTERS, middle) for one in measured])
    parts = _judged(
        [one.in_cluster(int(cluster), middle) for one in measured for cluster in np.unique(one.clusters)]
    )
    return sorted([*whole, *parts], key=lambda one: one.method)


def _together(groups: Sequence[Int64s]) -> Int64s:
    """Groups (n,) of rows that belong together in any of the runs, each of which has numbers of its own (n,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(groups[0])
    first = [np.unique(own, return_index=True, return_inverse=True)[1:] for own in groups]
    other = np.concatenate([index[place] for index, place in first])
    rows = np.tile(np.arange(n), len(groups))
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, other)), shape=(n, n))
    together: Int64s = connected_components(graph, directed=False)[1].astype(np.int64)
    return together


def _measured(
    method: int, tables: Sequence[pa.Table], clusters: Mapping[int, int] | None, groups: Int64s
) -> _Measured:
    """One method from tables of the same rows."""
    rows: Int64s = tables[0].column("example_id").to_numpy()
    of_rows: Int64s = (
        tables[0].column("cluster_id").to_numpy().astype(np.int64)
        if clusters is None
        else np.array([clusters.get(int(row), -1) for row in rows], dtype=np.int64)
    )
    loss = np.stack([table.column("loss").to_numpy().astype(np.float64) for table in tables])
    return _Measured(
        method, loss, tables[0].column("base_loss").to_numpy().astype(np.float64), of_rows, groups
    )


def _judged(losses: list[MethodLoss]) -> list[MethodLoss]:
    """The same with verdicts, looked at together."""
    found = change_verdicts([one.beside for one in losses])
    return [replace(one, verdict=WORDS[verdict]) for one, verdict in zip(losses, found, strict=True)]
