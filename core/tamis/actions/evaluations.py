"""What training changed: losses and answers of the held-out rows before and after, row by row and per cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.read_rows import cluster_of
from tamis.compute.compare.histograms import mean_per_group
from tamis.store.artifacts.adapters import read_evaluation
from tamis.store.artifacts.store import Artifact
from tamis.types import Float64s

MEASURES = ("exact_match", "token_f1", "rouge_l", "json_valid")  # of an answer beside the reference


def evaluation_of(context: DatasetContext, adapter: Artifact) -> pa.Table:
    """Every held-out row with losses, answers and measures, by example id; without rows where none was held out.

    Clusters are those in view, whatever the run was reported by: so names, map and table speak of the same ones.
    """
    evaluation = read_evaluation(adapter)
    if evaluation is None:
        columns = {
            "example_id": pa.int64(),
            "cluster_id": pa.int64(),
            "base_loss": pa.float64(),
            "loss": pa.float64(),
        }
        return pa.table({name: pa.array([], kind) for name, kind in columns.items()})
    table = evaluation.sort_by("example_id")
    if context.view.clustering is None:
        return table
    ids = cluster_of(context)[table["example_id"].to_numpy()]
    return table.set_column(table.schema.get_field_index("cluster_id"), "cluster_id", pa.array(ids))


def measures_of(table: pa.Table) -> list[str]:
    """The measures of answers that were taken."""
    return [
        name for name in MEASURES if name in table.column_names and np.isfinite(_numbers(table, name)).any()
    ]


def answered(table: pa.Table) -> pa.Table:
    """The rows for which both models wrote an answer."""
    if "response" not in table.column_names:
        return table.slice(0, 0)
    return table.filter(pc.and_(pc.is_valid(table["response"]), pc.is_valid(table["base_response"])))


def cluster_losses(context: DatasetContext, table: pa.Table) -> pa.Table:
    """One line per cluster of an evaluation, most improved first: cluster_id, cluster, n, both losses and their change with
    its standard error, and the mean of each measure before and after.
    """
    loss, base = _numbers(table, "loss"), _numbers(table, "base_loss")
    known = np.isfinite(loss) & np.isfinite(base)
    clusters = table["cluster_id"].to_numpy().astype(np.int64)
    ids, groups = np.unique(clusters[known], return_inverse=True)
    n = np.bincount(groups, minlength=len(ids))
    change = loss[known] - base[known]
    means = {name: mean_per_group(groups, column, len(ids)) for name, column in (("base_loss", base[known]), ("loss", loss[known]), ("change", change))}  # fmt: skip
    squares = np.bincount(groups, weights=(change - means["change"][groups]) ** 2, minlength=len(ids))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(squares / (n - 1)) / np.sqrt(n)
    columns: dict[str, Any] = {
        "cluster_id": ids,
        "cluster": [name_of_cluster(context, int(one)) for one in ids],
        "n": n,
        **means,
        "error": np.where(n > 1, error, np.nan),
    }
    inside = np.isin(clusters, ids)
    places = np.searchsorted(ids, clusters[inside])
    for name in measures_of(table):
        for measure in (f"base_{name}", name):
            if measure in table.column_names:
                columns[measure] = mean_per_group(places, _numbers(table, measure)[inside], len(ids))
    order = np.argsort(means["change"], kind="stable")
    return pa.table(columns).take(order)


def overall_losses(table: pa.Table) -> dict[str, float]:
    """The same over all rows of an evaluation: n, both losses, their change with its standard error, and the measures."""
    loss, base = _numbers(table, "loss"), _numbers(table, "base_loss")
    known = np.isfinite(loss) & np.isfinite(base)
    change = loss[known] - base[known]
    losses = {
        "n": float(known.sum()),
        "base_loss": _mean(base[known]),
        "loss": _mean(loss[known]),
        "change": _mean(change),
    }
    losses["error"] = float(change.std(ddof=1) / np.sqrt(len(change))) if len(change) > 1 else np.nan
    for name in measures_of(table):
        for measure in (f"base_{name}", name):
            if measure in table.column_names:
                losses[measure] = _mean(_numbers(table, measure))
    return losses


def name_of_cluster(context: DatasetContext, cluster_id: int) -> str:
    """What a cluster is called now, where rows outside all have one too."""
    return "No cluster" if cluster_id < 0 else context.cluster_name(cluster_id)


def _numbers(table: pa.Table, name: str) -> Float64s:
    """A column as numbers, NaN where it has none."""
    return table[name].cast(pa.float64()).to_numpy().astype(np.float64)


def _mean(values: Float64s) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan
