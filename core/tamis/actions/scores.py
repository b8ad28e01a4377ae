"""What a score of a dataset looks like: how it is spread, the rows at its ends, its mean per cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.read_rows import cluster_of, read_column
from tamis.compute.compare.histograms import count_in, middle_edges
from tamis.scorers import SCORERS
from tamis.steps.score.options import ScoreOptions
from tamis.steps.spec import as_recorded
from tamis.types import JSON, Float64s, Int64s

N_BINS = 24
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreStats:
    """How a score is spread over the ``n`` rows that have one; NaN, and no quantile and no bin, where none has.

    ``counts`` are rows per bin between ``edges``, over the middle 99 %; what lies outside counts in the first and the last.
    """

    n: int
    n_missing: int
    low: float
    mean: float
    high: float
    quantiles: Mapping[float, float]
    edges: Float64s
    counts: Int64s


def score_stats(context: DatasetContext, name: str) -> ScoreStats:
    """Mean, quantiles and histogram of a score."""
    values = _values(context, name)
    known = values[np.isfinite(values)]
    if not len(known):
        nothing = np.zeros(0)
        return ScoreStats(
            n=0,
            n_missing=len(values),
            low=np.nan,
            mean=np.nan,
            high=np.nan,
            quantiles={},
            edges=nothing,
            counts=nothing.astype(np.int64),
        )
    edges = middle_edges(known, N_BINS)
    return ScoreStats(
        n=len(known),
        n_missing=len(values) - len(known),
        low=float(known.min()),
        mean=float(known.mean()),
        high=float(known.max()),
        quantiles=dict(zip(QUANTILES, np.quantile(known, QUANTILES).tolist(), strict=True)),
        edges=edges,
        counts=count_in(known, edges),
    )


def rows_at_the_end(context: DatasetContext, name: str, n: int, *, highest: bool) -> Int64s:
    """The rows with the lowest or the highest scores, that end first; rows without a score are left out."""
    values = _values(context, name)
    known = np.flatnonzero(np.isfinite(values))
    order = np.argsort(-values[known] if highest else values[known], kind="stable")
    return known[order[:n]].astype(np.int64)


def rows_within(context: DatasetContext, name: str, low: float, high: float, n: int) -> Int64s:
    """At most ``n`` rows with a score in [low, high], the lowest first."""
    values = _values(context, name)
    known = np.flatnonzero((values >= low) & (values <= high))
    return known[np.argsort(values[known], kind="stable")[:n]].astype(np.int64)


def score_per_cluster(context: DatasetContext, name: str) -> pa.Table:
    """Per cluster with a score, lowest mean first: cluster_id, mean, n rows, low and high (25 % and 75 %), name."""
    values, labels = _values(context, name), cluster_of(context)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(labels[known], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(order) else []
    means = np.array([values[rows].mean() for rows in parts])
    parts = [parts[at] for at in np.argsort(means, kind="stable")]
    ids = [int(labels[rows[0]]) for rows in parts]
    columns: dict[str, Any] = {
        "cluster_id": pa.array(ids, pa.int64()),
        "mean": np.sort(means, kind="stable"),
        "n": pa.array([len(rows) for rows in parts], pa.int64()),
        "low": pa.array([float(np.quantile(values[rows], 0.25)) for rows in parts], pa.float64()),
        "high": pa.array([float(np.quantile(values[rows], 0.75)) for rows in parts], pa.float64()),
        "name": pa.array([context.cluster_name(one) for one in ids], pa.string()),
    }
    return pa.table(columns)


def can_score_again(context: DatasetContext, name: str) -> bool:
    """Whether another run of a computed score could give other numbers: by other options, or from newer vectors."""
    if name not in SCORERS:
        return False
    used = context.view.scores[name].manifest.inputs.get("embeddings")
    newest = context.view.embeddings.id if context.view.embeddings else None
    return bool(SCORERS[name].options.model_fields) or (used is not None and used != newest)


def former_options(context: DatasetContext, name: str) -> dict[str, JSON]:
    """Options that a computed score was made without, as they came later, with what it did then; {} where it names all."""
    manifest = context.view.scores[name].manifest
    if manifest.step != "score":
        return {}
    named = dict(manifest.options.get("scorer_options") or {})
    then = dict(as_recorded(ScoreOptions, manifest.options).get("scorer_options") or {})
    return {option: value for option, value in then.items() if option not in named}


def _values(context: DatasetContext, name: str) -> Float64s:
    return read_column(context, f"score:{name}").astype(np.float64)
