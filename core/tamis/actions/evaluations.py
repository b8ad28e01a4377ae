"""What training changed: losses and answers of the held-out rows before and after, row by row and per cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.read_rows import cluster_of
from tamis.compute.compare.histograms import mean_per_group
from tamis.compute.compare.paired import (
    PairedChange,
    Verdict,
    change_verdicts,
    mean_in_groups,
    paired_change,
    unpaired_change,
)
from tamis.store.artifacts.adapters import held_out_groups, read_evaluation
from tamis.store.artifacts.store import Artifact
from tamis.types import JSON, Float64s, Int64s

MEASURES = ("exact_match", "token_f1", "rouge_l", "json_valid")  # of an answer beside the reference
LOSSES = ("n_groups", "base_loss", "loss", "change", "error", "low", "high")
BETTER, WORSE, UNCLEAR = "better", "worse", "not clear"
VERDICT_RULE = (
    "Better and worse are said where the 95 % interval of the paired change leaves zero out, rows with like prompts or of one "
    "family counting once and at least six such, and of several at once only where Benjamini and Hochberg's rule at 5 % does "
    "too: of all that are called so, one in twenty may be chance."
)


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What became of one metric of one task: ``change`` with its interval, and the verdict among all metrics asked.

    ``said`` is empty where the base has no value or nobody says which direction is better.
    """

    entry: Mapping[str, JSON]
    change: PairedChange | None
    said: str


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
    """One line per cluster of an evaluation, most improved first: cluster_id, cluster, n rows in n_groups of
    like ones, both losses, their change with its standard error, its 95 % interval (low, high) and the verdict (see
    VERDICT_RULE) among all clusters, and the mean of each measure before and after. Losses and change count every group
    once.
    """
    loss, base = _numbers(table, "loss"), _numbers(table, "base_loss")
    known = np.isfinite(loss) & np.isfinite(base)
    clusters = table["cluster_id"].to_numpy().astype(np.int64)
    ids = np.unique(clusters[known])
    together = held_out_groups(table)
    parts = [known & (clusters == one) for one in ids]
    told = [_told(base[part], loss[part], together[part]) for part in parts]
    verdicts = change_verdicts([one.change for one in told])
    columns: dict[str, Any] = {
        "cluster_id": ids,
        "cluster": [name_of_cluster(context, int(one)) for one in ids],
        "n": np.array([part.sum() for part in parts], dtype=np.int64),
        **{name: np.array([one.columns[name] for one in told]) for name in LOSSES},
        "verdict": [word_of(one, higher_is_better=False) for one in verdicts],
    }
    columns["n_groups"] = columns["n_groups"].astype(np.int64)
    inside = np.isin(clusters, ids)
    places = np.searchsorted(ids, clusters[inside])
    for name in measures_of(table):
        for measure in (f"base_{name}", name):
            if measure in table.column_names:
                columns[measure] = mean_per_group(places, _numbers(table, measure)[inside], len(ids))
    order = np.argsort(columns["change"], kind="stable")
    return pa.table(columns).take(order)


def overall_losses(table: pa.Table) -> dict[str, Any]:
    """The same over all rows of an evaluation: n, n_groups, both losses, their change with error, interval and verdict, and the
    measures.
    """
    loss, base = _numbers(table, "loss"), _numbers(table, "base_loss")
    known = np.isfinite(loss) & np.isfinite(base)
    told = _told(base[known], loss[known], held_out_groups(table)[known])
    losses: dict[str, Any] = {
        "n": float(known.sum()),
        **told.columns,
        "verdict": word_of(change_verdicts([told.change])[0], higher_is_better=False),
    }
    for name in measures_of(table):
        for measure in (f"base_{name}", name):
            if measure in table.column_names:
                losses[measure] = _mean(_numbers(table, measure))
    return losses


def measure_verdicts(table: pa.Table) -> dict[str, str]:
    """What became of the loss and of each measure over all rows: better, worse or not clear, looked at together."""
    names = ["loss", *measures_of(table)]
    groups = held_out_groups(table)
    changes = [
        paired_change(_numbers(table, name) - _numbers(table, f"base_{name}"), groups) for name in names
    ]
    return {
        name: word_of(verdict, higher_is_better=name != "loss")
        for name, verdict in zip(names, change_verdicts(changes), strict=True)
    }


def word_of(verdict: Verdict, *, higher_is_better: bool) -> str:
    """Better, worse, or not clear."""
    if verdict == "unclear":
        return UNCLEAR
    return BETTER if (verdict == "higher") == higher_is_better else WORSE


def task_changes(entries: Sequence[Mapping[str, JSON]]) -> list[TaskChange]:
    """The metrics of the tasks of one run, ``summary["lm_eval"]``, each with its change and verdict.

    Question by question where the run kept that; else from both standard errors, which makes the interval too wide.
    """
    changes = [_task_change(one) for one in entries]
    judged = [
        i
        for i, one in enumerate(entries)
        if changes[i] is not None and isinstance(one.get("higher_is_better"), bool)
    ]
    found = change_verdicts([change for i in judged if (change := changes[i]) is not None])
    words = {
        i: word_of(verdict, higher_is_better=bool(entries[i]["higher_is_better"]))
        for i, verdict in zip(judged, found, strict=True)
    }
    return [TaskChange(one, changes[i], words.get(i, "")) for i, one in enumerate(entries)]


@dataclass(frozen=True, slots=True)
class _Told:
    """What became of the losses of some rows; ``columns`` by the names in LOSSES."""

    change: PairedChange
    columns: Mapping[str, float]


def _told(base: Float64s, loss: Float64s, groups: Int64s) -> _Told:
    """Losses of rows (n,) before and after, averaged over the rows of each group and then over groups."""
    before, after = mean_in_groups(groups, base), mean_in_groups(groups, loss)
    change = paired_change(after - before)
    values = (
        change.n, _mean(before), _mean(after), change.mean, _error(after - before), change.low, change.high,
    )  # fmt: skip
    return _Told(change, dict(zip(LOSSES, map(float, values), strict=True)))


def _task_change(one: Mapping[str, JSON]) -> PairedChange | None:
    if one.get("base") is None:
        return None
    paired = one.get("paired")
    if paired:
        mean, low, high, p = (
            np.nan if (value := paired[name]) is None else float(value)
            for name in ("mean", "low", "high", "p")
        )
        return PairedChange(int(paired["n"]), mean, low, high, p)
    errors = [float(one[name]) for name in ("stderr", "base_stderr") if one.get(name) is not None]
    return unpaired_change(float(one["value"]) - float(one["base"]), errors, int(one.get("n") or 0))


def name_of_cluster(context: DatasetContext, cluster_id: int) -> str:
    """What a cluster is called now, where rows outside all have one too."""
    return "No cluster" if cluster_id < 0 else context.cluster_name(cluster_id)


def _numbers(table: pa.Table, name: str) -> Float64s:
    """A column as numbers, NaN where it has none."""
    return table[name].cast(pa.float64()).to_numpy().astype(np.float64)


def _mean(values: Float64s) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _error(values: Float64s) -> float:
    """Standard error of a mean; NaN for fewer than two values."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
