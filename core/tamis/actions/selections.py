"""What a selection took, beside the whole dataset, a random pick of the same size, and other selections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.read_rows import cluster_of, columns_of, read_column
from tamis.actions.roles import needs
from tamis.actions.submit import Submission, submit
from tamis.compute.compare.histograms import histograms, mean_per_group
from tamis.steps.compare.method_groups import share_luck
from tamis.store.artifacts.choices import BASELINE
from tamis.store.artifacts.readers import read_selected_ids, read_selection
from tamis.store.artifacts.store import Artifact
from tamis.types import Bools, Float64s, Int32s, Int64s

BINS = 28
WHOLE, PICKED, RANDOM = "All rows", "Picked", "Random pick"
ROW_ROLES = ("within", "pinned", "excluded")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionStats:
    """A selection in a few numbers; None where the dataset has no tokens or no such score."""

    n_picked: int
    n_rows: int
    n_clusters_hit: int
    n_clusters: int
    n_tokens: int | None
    n_tokens_whole: int | None
    quality: float | None
    quality_whole: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What a selection of ``n_rows`` rows shares with another: ``n_both`` rows, where ``by_chance`` were to be expected of
    two with luck of their own. More are where both were drawn by the same random numbers (``shares_luck``).
    """

    other: Artifact
    n_rows: int
    n_both: int
    by_chance: float
    share_fraction: float
    jaccard: float
    shares_luck: bool


def selected_rows(selection: Artifact) -> Int64s:
    """Sorted ids of the rows of a selection."""
    return read_selected_ids(selection)


def find_baseline(selections: Sequence[Artifact], selection: Artifact) -> Artifact | None:
    """A random pick of as many rows from the same ones; None when there is none yet, or when it is one itself."""
    mine = selection.manifest
    for other in selections:
        theirs = other.manifest
        same_size = other.summary["n_selected"] == selection.summary["n_selected"]
        same_rows = all(theirs.inputs.get(role) == mine.inputs.get(role) for role in ROW_ROLES)
        if theirs.options.get("method") == BASELINE and same_size and same_rows:
            return other
    return None


@needs("curator")
def submit_baseline(context: DatasetContext, selection: Artifact) -> Submission:
    """Draw a random pick of the same size from the same rows: is the selection any better than chance?"""
    inputs = selection.manifest.inputs
    values = {
        "method": BASELINE,
        "budget": int(selection.summary["n_selected"]),
        "quality": "none",
        "seed": int(selection.manifest.options.get("seed", 42)),
        **{role: inputs[role] for role in ROW_ROLES if role in inputs},
    }
    return submit(context.workspace, context.dataset_id, "select", values, standing="beside")


def score_of(context: DatasetContext, selection: Artifact) -> str:
    """The score to look at a selection by: its own quality, else the active score, else nothing."""
    own = str(selection.summary.get("quality", "none"))
    return own if own in context.view.scores else context.view.score


def total_tokens(context: DatasetContext) -> int | None:
    """Tokens of all rows, or None before they were counted."""
    tokens = _tokens(context)
    return None if tokens is None else int(tokens.sum())


def selection_stats(context: DatasetContext, selection: Artifact, score: str) -> SelectionStats:
    """Rows, clusters, tokens and the mean of a score of what was picked, beside all rows."""
    ids, labels, tokens = read_selected_ids(selection), cluster_of(context), _tokens(context)
    quality = read_column(context, f"score:{score}") if score else None
    return SelectionStats(
        n_picked=len(ids),
        n_rows=len(labels),
        n_clusters_hit=_n_clusters(labels[ids]),
        n_clusters=_n_clusters(labels),
        n_tokens=None if tokens is None else int(tokens[ids].sum()),
        n_tokens_whole=None if tokens is None else int(tokens.sum()),
        quality=None if quality is None else _mean(quality[ids]),
        quality_whole=None if quality is None else _mean(quality),
    )


def picks_per_cluster(
    context: DatasetContext, selection: Artifact, baseline: Artifact | None, score: str
) -> pa.Table:
    """One row per cluster, largest first: cluster_id (-1: in none), name, size, picked, expected by its share of all rows,
    ratio of the two, random (where there is a ``baseline``), quality_picked and quality_whole (where there is a score).
    """
    labels = cluster_of(context).astype(np.int64) + 1
    size, ids = np.bincount(labels), read_selected_ids(selection)
    picked = np.bincount(labels[ids], minlength=len(size))
    expected = size * len(ids) / max(1, len(labels))
    columns: dict[str, Int64s | Float64s] = {"size": size, "picked": picked, "expected": expected}
    if baseline is not None:
        columns["random"] = np.bincount(labels[read_selected_ids(baseline)], minlength=len(size))
    columns["ratio"] = np.divide(picked, expected, out=np.full(len(size), np.nan), where=expected > 0)
    if score:
        quality = read_column(context, f"score:{score}")
        columns["quality_picked"] = mean_per_group(labels[ids], quality[ids], len(size))
        columns["quality_whole"] = mean_per_group(labels, quality, len(size))
    order = np.lexsort((np.arange(len(size)), -size))
    order = order[size[order] > 0]
    ids_of = order - 1
    names = [context.cluster_name(int(one)) for one in ids_of]
    table: dict[str, Any] = {
        "cluster_id": ids_of,
        **{name: values[order] for name, values in columns.items()},
    }
    return pa.table(table | {"name": names})


def picked_histograms(
    context: DatasetContext,
    selection: Artifact,
    baseline: Artifact | None,
    column: str,
    *,
    logarithmic: bool = False,
) -> pa.Table:
    """Histograms of a column over the same bins, as shares of each set: low, high, share_fraction, count, rows."""
    subsets: dict[str, Int64s | slice] = {WHOLE: slice(None), PICKED: read_selected_ids(selection)}
    if baseline is not None:
        subsets[RANDOM] = read_selected_ids(baseline)
    edges, counts = histograms(read_column(context, column), subsets, BINS, logarithmic=logarithmic)
    parts = []
    for name, counted in counts.items():
        share = counted / max(1, counted.sum())
        columns: dict[str, Any] = {
            "low": edges[:-1],
            "high": edges[1:],
            "share_fraction": share,
            "count": counted,
        }
        parts.append(pa.table(columns | {"rows": [name] * len(counted)}))
    return pa.concat_tables(parts)


def overlaps(context: DatasetContext, selection: Artifact) -> list[Overlap]:
    """What a selection shares with every other one of its dataset."""
    mine = _mask(context.n_rows, read_selected_ids(selection))
    n_mine, lines = int(mine.sum()), []
    for other in context.view.selections:
        if other.id == selection.id:
            continue
        theirs = read_selected_ids(other)
        both = int(mine[theirs].sum())
        lines.append(
            Overlap(
                other=other,
                n_rows=len(theirs),
                n_both=both,
                by_chance=float(mine.mean()) * len(theirs),
                share_fraction=both / max(1, n_mine),
                jaccard=both / max(1, n_mine + len(theirs) - both),
                shares_luck=share_luck(selection, other),
            )
        )
    return lines


def ranked_picks(selection: Artifact) -> pa.Table:
    """The picks in the order of their rank, with their place inside their cluster from 1: column rank_in_cluster."""
    table = read_selection(selection).sort_by("rank")
    clusters = table["cluster_id"].to_numpy()
    order = np.argsort(clusters, kind="stable")
    starts = (
        np.r_[0, np.flatnonzero(np.diff(clusters[order])) + 1] if len(order) else np.zeros(0, dtype=np.int64)
    )
    places = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = places + 1
    return table.append_column("rank_in_cluster", pa.array(ranks))


def _tokens(context: DatasetContext) -> Int64s | None:
    there = any(known.key == "tokens" for known in columns_of(context))
    return read_column(context, "tokens") if there else None


def _mask(n_rows: int, ids: Int64s) -> Bools:
    mask = np.zeros(n_rows, dtype=np.bool_)
    mask[ids] = True
    return mask


def _n_clusters(labels: Int32s) -> int:
    counts = np.bincount(labels.astype(np.int64) + 1)  # noise is -1, and no cluster
    return int(np.count_nonzero(counts[1:]))


def _mean(values: Float64s) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
