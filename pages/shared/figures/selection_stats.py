"""What a selection took, beside the whole dataset and a random pick of the same size; cached by artifact ids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from tamis.selectors import SELECTORS
from tamis.store.artifacts.readers import read_selected_ids, read_selection
from tamis.store.artifacts.store import Artifact
from tamis.store.rows.columns import list_columns
from tamis.types import Bools, Float64s, Int32s, Int64s

BASELINE = "random"  # the method that every selection is shown beside
BINS = 28
WHOLE, PICKED, RANDOM = "All rows", "Picked", "Random pick"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNumbers:
    """A selection in a few numbers; None where the dataset has no tokens or no such score."""

    n_picked: int
    n_rows: int
    n_clusters_hit: int
    n_clusters: int
    n_tokens: int | None
    n_tokens_whole: int | None
    quality: float | None
    quality_whole: float | None


def label_of(selection: Artifact) -> str:
    """A selection in one line: ``kMQ · 103 rows · by alignment · 22 Nov 04:25``."""
    summary, method = selection.summary, str(selection.manifest.options.get("method"))
    said = [SELECTORS[method].title if method in SELECTORS else method, f"{summary['n_selected']:,} rows"]
    if method != BASELINE and summary.get("quality", "none") != "none":
        said.append(f"by {summary['quality']}")
    if summary.get("n_pinned"):
        said.append(f"{summary['n_pinned']:,} pinned")
    created = pd.Timestamp(selection.manifest.created_at)
    return " · ".join([*said, f"{created:%d %b %H:%M}"])


def find_baseline(selections: tuple[Artifact, ...], selection: Artifact) -> Artifact | None:
    """A random pick of as many rows from the same ones; None when there is none yet."""
    mine = selection.manifest
    for other in selections:
        theirs = other.manifest
        same_size = other.summary["n_selected"] == selection.summary["n_selected"]
        same_rows = all(
            theirs.inputs.get(role) == mine.inputs.get(role) for role in ("within", "pinned", "excluded")
        )
        if theirs.options.get("method") == BASELINE and same_size and same_rows:
            return other
    return None


def score_of(context: DatasetContext, selection: Artifact) -> str:
    """The score to look at a selection by: its own quality, else the dataset's first score, else nothing."""
    own = str(selection.summary.get("quality", "none"))
    return own if own in context.view.scores else next(iter(context.view.scores), "")


def key_numbers(context: DatasetContext, selection: Artifact, score: str) -> KeyNumbers:
    """The numbers at the top of the page."""
    return _key_numbers(context.key, selection.id, score, _context=context, _selection=selection)


def per_cluster(
    context: DatasetContext, selection: Artifact, baseline: Artifact | None, score: str
) -> pd.DataFrame:
    """One row per cluster, largest first: what it has, what was picked of it, and what was to be expected."""
    asked = (selection.id, baseline.id if baseline else "", score, context.names.revision)
    return _per_cluster(context.key, asked, _context=context, _selection=selection, _baseline=baseline)


def score_histograms(
    context: DatasetContext,
    selection: Artifact,
    baseline: Artifact | None,
    column: str,
    *,
    logarithmic: bool = False,
) -> pd.DataFrame:
    """Histograms over the same bins, as shares of each set: low, high, share_fraction, rows."""
    asked = (selection.id, baseline.id if baseline else "", column, logarithmic)
    return _spread(context.key, asked, _context=context, _selection=selection, _baseline=baseline)


def overlaps(context: DatasetContext, selection: Artifact) -> pd.DataFrame:
    """Every other selection: how many rows it shares with this one, and the Jaccard index of the two."""
    return _overlaps(context.key, selection.id, _context=context, _selection=selection)


def ranked_picks(selection: Artifact) -> pd.DataFrame:
    """The picks in the order of their rank: example_id, cluster_id, rank, and the rank inside the cluster, from 1."""
    return _picked_rows(str(selection.path), _selection=selection)


def total_tokens(context: DatasetContext) -> int | None:
    """Tokens of all rows, or None before they were counted."""
    return int(queries.values(context, "tokens").sum()) if _has(context, "tokens") else None


def _has(context: DatasetContext, column: str) -> bool:
    return any(known.key == column for known in list_columns(context.view))


def _mask(n_rows: int, ids: Int64s) -> Bools:
    mask = np.zeros(n_rows, dtype=bool)
    mask[ids] = True
    return mask


@st.cache_data(max_entries=64, show_spinner=False)
def _key_numbers(
    key: str, selection: str, score: str, *, _context: DatasetContext, _selection: Artifact
) -> KeyNumbers:
    ids = read_selected_ids(_selection)
    labels = queries.cluster_of(_context)
    tokens = queries.values(_context, "tokens") if _has(_context, "tokens") else None
    quality = queries.values(_context, f"score:{score}") if score else None
    return KeyNumbers(
        n_picked=len(ids),
        n_rows=len(labels),
        n_clusters_hit=_n_clusters(labels[ids]),
        n_clusters=_n_clusters(labels),
        n_tokens=None if tokens is None else int(tokens[ids].sum()),
        n_tokens_whole=None if tokens is None else int(tokens.sum()),
        quality=None if quality is None else _mean(quality[ids]),
        quality_whole=None if quality is None else _mean(quality),
    )


def _n_clusters(labels: Int32s) -> int:
    found = np.bincount(labels.astype(np.int64) + 1)  # noise is -1, and no cluster
    return int(np.count_nonzero(found[1:]))


def _mean(values: Float64s) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


@st.cache_data(max_entries=64, show_spinner=False)
def _per_cluster(
    key: str,
    asked: tuple[str, str, str, int],
    *,
    _context: DatasetContext,
    _selection: Artifact,
    _baseline: Artifact | None,
) -> pd.DataFrame:
    score = asked[2]
    labels = queries.cluster_of(_context).astype(np.int64) + 1
    size = np.bincount(labels)
    ids = read_selected_ids(_selection)
    picked = np.bincount(labels[ids], minlength=len(size))
    table = pd.DataFrame({"cluster_id": np.arange(len(size)) - 1, "size": size, "picked": picked})
    table["expected"] = size * len(ids) / len(labels)
    if _baseline is not None:
        table["random"] = np.bincount(labels[read_selected_ids(_baseline)], minlength=len(size))
    table["ratio"] = table["picked"] / table["expected"].replace(0, np.nan)
    if score:
        quality = queries.values(_context, f"score:{score}")
        table["quality_picked"] = _means(labels[ids], quality[ids], len(size))
        table["quality_whole"] = _means(labels, quality, len(size))
    table["name"] = [_context.cluster_name(int(i)) for i in table["cluster_id"]]
    there = table[table["size"] > 0]
    return there.sort_values(["size", "cluster_id"], ascending=[False, True]).reset_index(drop=True)


def _means(labels: Int64s, values: Float64s, n: int) -> Float64s:
    known = np.isfinite(values)
    sums = np.bincount(labels[known], weights=values[known], minlength=n)
    counts = np.bincount(labels[known], minlength=n)
    means: Float64s = np.divide(sums, counts, out=np.full(n, np.nan), where=counts > 0)
    return means


@st.cache_data(max_entries=64, show_spinner=False)
def _spread(
    key: str,
    asked: tuple[str, str, str, bool],
    *,
    _context: DatasetContext,
    _selection: Artifact,
    _baseline: Artifact | None,
) -> pd.DataFrame:
    _, _, column, logarithmic = asked
    values = queries.values(_context, column).astype(np.float64)
    edges = _edges(values[np.isfinite(values)], logarithmic=logarithmic)
    sets = {WHOLE: values, PICKED: values[read_selected_ids(_selection)]}
    if _baseline is not None:
        sets[RANDOM] = values[read_selected_ids(_baseline)]
    parts = []
    for name, held in sets.items():
        known = held[np.isfinite(held)]
        counts, _ = np.histogram(np.clip(known, edges[0], edges[-1]), bins=edges)
        share = counts / max(1, len(known))
        parts.append(
            pd.DataFrame(
                {"low": edges[:-1], "high": edges[1:], "share_fraction": share, "count": counts, "rows": name}
            )
        )
    return pd.concat(parts, ignore_index=True)


def _edges(known: Float64s, *, logarithmic: bool) -> Float64s:
    """Bins over the middle 99 % of the values; what lies outside counts in the first and the last."""
    if not len(known):
        return np.linspace(0.0, 1.0, BINS + 1)
    low, high = np.quantile(known, (0.005, 0.995))
    if logarithmic:
        return np.geomspace(max(low, 1.0), max(high, low + 1.0, 2.0), BINS + 1)
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1)


@st.cache_data(max_entries=32, show_spinner=False)
def _overlaps(key: str, selection: str, *, _context: DatasetContext, _selection: Artifact) -> pd.DataFrame:
    mine = _mask(_context.n_rows, read_selected_ids(_selection))
    found = []
    for other in _context.view.selections:
        if other.id == selection:
            continue
        theirs = read_selected_ids(other)
        both = int(mine[theirs].sum())
        either = int(mine.sum()) + len(theirs) - both
        by_chance = mine.mean() * len(theirs)
        found.append(
            {
                "selection": label_of(other),
                "rows": len(theirs),
                "both": both,
                "by_chance": round(by_chance, 1),
                "share_fraction": round(both / max(1, int(mine.sum())), 2),
                "jaccard": both / max(1, either),
                "id": other.id,
            }
        )
    return pd.DataFrame(found)


@st.cache_data(max_entries=32, show_spinner=False)
def _picked_rows(path: str, *, _selection: Artifact) -> pd.DataFrame:
    table = read_selection(_selection).to_pandas().sort_values("rank", ignore_index=True)
    table["rank_in_cluster"] = table.groupby("cluster_id").cumcount() + 1
    return table
