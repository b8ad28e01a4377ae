"""What models trained on different selections lose on the same held-out rows: per method, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.compare.seeds import mean_over_seeds
from tamis.store.artifacts.adapters import read_evaluation
from tamis.store.artifacts.store import Artifact
from tamis.types import Float64s, Int64s

ALL_CLUSTERS = -2


@dataclass(frozen=True, slots=True)
class MethodLoss:
    """Held-out loss of one method in one cluster, or in all (ALL_CLUSTERS): the mean over its runs.

    ``low`` and ``high`` are the 95 % interval over runs (Student's t), NaN for one run. ``base_loss`` is that of the
    model before training. ``n_rows`` held-out rows in that cluster.
    """

    method: int
    cluster_id: int
    n_runs: int
    n_rows: int
    loss: float
    low: float
    high: float
    base_loss: float


def method_losses(
    methods: Sequence[Sequence[Artifact]], clusters: Mapping[int, int] | None = None
) -> list[MethodLoss]:
    """The losses of every method, ``methods[i]`` being its finished runs, over all rows and per cluster.

    ``clusters`` gives each held-out row its cluster; the one that the run was reported by where it is None. Methods
    without a run are left out. Rows whose loss is not a number are left out of the means.
    """
    losses = []
    for i, runs in enumerate(methods):
        tables = [table for table in map(read_evaluation, runs) if table is not None]
        if not tables:
            continue
        rows: Int64s = tables[0].column("example_id").to_numpy()
        groups: Int64s = (
            tables[0].column("cluster_id").to_numpy().astype(np.int64)
            if clusters is None
            else np.array([clusters.get(int(row), -1) for row in rows], dtype=np.int64)
        )
        loss = np.stack([table.column("loss").to_numpy().astype(np.float64) for table in tables])
        base: Float64s = tables[0].column("base_loss").to_numpy().astype(np.float64)
        losses.append(_group(i, ALL_CLUSTERS, loss, base))
        losses += [
            _group(i, int(one), loss[:, groups == one], base[groups == one]) for one in np.unique(groups)
        ]
    return losses


def _group(method: int, cluster_id: int, loss: Float64s, base: Float64s) -> MethodLoss:
    """``loss`` (runs, rows), ``base`` (rows,)."""
    known = np.isfinite(loss).all(axis=0) & np.isfinite(base)
    if not known.any():
        nan = float("nan")
        return MethodLoss(method, cluster_id, len(loss), 0, nan, nan, nan, nan)
    mean, low, high = mean_over_seeds(loss[:, known].mean(axis=1, keepdims=True))
    return MethodLoss(
        method, cluster_id, len(loss), int(known.sum()), float(mean[0]), float(low[0]), float(high[0]), float(base[known].mean()),
    )  # fmt: skip
