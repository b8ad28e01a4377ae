"""What the scores of a dataset look like: spread, ends, means per cluster; cached by artifact ids."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.wording import ago
from tamis.scorers import SCORERS
from tamis.types import Int64s

SPARK_BINS = 24
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def score_table(context: DatasetContext) -> pd.DataFrame:
    """One row per scorer, computed or not: what it measures, how its values are spread, how many rows lack one."""
    found = []
    for name, scorer in SCORERS.items():
        row: dict[str, object] = {"score": scorer.title, "measures": scorer.summary}
        if name in context.view.scores:
            row |= _facts(context.key, name, _context=context)
            row["computed"] = ago(context.view.scores[name].manifest.created_at)
        found.append(row)
    columns = ["score", "spread", "mean", "low", "median", "high", "n_missing", "computed", "measures"]
    return pd.DataFrame(found).reindex(columns=columns)


def quantiles(context: DatasetContext, name: str) -> dict[float, float]:
    """QUANTILES of a score over the rows that have one; empty when none has."""
    return _quantiles(context.key, name, _context=context)


def score_histogram(context: DatasetContext, name: str) -> pd.DataFrame:
    """Rows per bin over the middle 99 %: low, high, count; what lies outside counts in the first and the last bin."""
    return _histogram(context.key, name, _context=context)


def ends(context: DatasetContext, name: str, n: int, *, highest: bool) -> Int64s:
    """The rows with the lowest or the highest scores, that end first; rows without a score are left out."""
    return _ends(context.key, name, n, highest, _context=context)


def cluster_means(context: DatasetContext, name: str) -> pd.DataFrame:
    """Mean, 25 % and 75 % quantile and rows of each cluster, lowest mean first; clusters without a score left out."""
    return _cluster_means(context.key, name, context.names.revision, _context=context)


@st.cache_data(max_entries=64, show_spinner=False)
def _facts(key: str, name: str, *, _context: DatasetContext) -> dict[str, object]:
    spread = queries.spread(_context, f"score:{name}")
    found = _quantiles(key, name, _context=_context)
    return {
        "spread": _histogram(key, name, _context=_context)["count"].tolist() if spread.n else [],
        "mean": spread.mean,
        "low": found.get(0.05),
        "median": found.get(0.5),
        "high": found.get(0.95),
        "n_missing": spread.n_missing,
    }


@st.cache_data(max_entries=64, show_spinner=False)
def _quantiles(key: str, name: str, *, _context: DatasetContext) -> dict[float, float]:
    values = queries.values(_context, f"score:{name}")
    known = values[np.isfinite(values)]
    return dict(zip(QUANTILES, np.quantile(known, QUANTILES).tolist(), strict=True)) if len(known) else {}


@st.cache_data(max_entries=64, show_spinner=False)
def _histogram(key: str, name: str, *, _context: DatasetContext) -> pd.DataFrame:
    values = queries.values(_context, f"score:{name}")
    known = values[np.isfinite(values)]
    if not len(known):
        return pd.DataFrame({"low": [], "high": [], "count": []})
    low, high = np.quantile(known, (0.005, 0.995))
    edges = np.linspace(low, high if high > low else low + 1.0, SPARK_BINS + 1)
    counts, _ = np.histogram(np.clip(known, edges[0], edges[-1]), bins=edges)
    return pd.DataFrame({"low": edges[:-1], "high": edges[1:], "count": counts})


@st.cache_data(max_entries=64, show_spinner=False)
def _ends(key: str, name: str, n: int, highest: bool, *, _context: DatasetContext) -> Int64s:
    values = queries.values(_context, f"score:{name}")
    known = np.flatnonzero(np.isfinite(values))
    order = np.argsort(-values[known] if highest else values[known], kind="stable")
    return known[order[:n]]


@st.cache_data(max_entries=32, show_spinner=False)
def _cluster_means(key: str, name: str, revision: int, *, _context: DatasetContext) -> pd.DataFrame:
    table = pd.DataFrame(
        {"cluster_id": queries.cluster_of(_context), "value": queries.values(_context, f"score:{name}")}
    ).dropna()
    grouped = table.groupby("cluster_id")["value"]
    means: pd.DataFrame = grouped.agg(mean="mean", n="count").assign(
        low=grouped.quantile(0.25), high=grouped.quantile(0.75)
    )
    means = means.reset_index().sort_values("mean", ignore_index=True)
    means["name"] = [_context.cluster_name(int(i)) for i in means["cluster_id"]]
    return means
