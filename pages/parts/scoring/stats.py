"""What is drawn of the scores of a dataset, read once for each state of what it depends on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.wording import ago
from tamis.actions import scores
from tamis.actions.scores import ScoreStats
from tamis.scorers import SCORERS, scorer_title
from tamis.types import Int64s


def score_table(context: DatasetContext) -> pd.DataFrame:
    """One row per score: those that there are and how their values are spread, then those that could be computed."""
    lines = []
    for name in in_groups(context):
        measures = (
            SCORERS[name].summary if name in SCORERS else "Numbers that came with the data, or from a file."
        )
        row: dict[str, object] = {
            "score": scorer_title(name),
            "measures": measures,
            "computed": needs_of(name),
        }
        if name in context.view.scores:
            known = score_stats(context, name)
            row |= {
                "spread": known.counts.tolist(), "mean": known.mean, "low": known.quantiles.get(0.05), "median": known.quantiles.get(0.5),
                "high": known.quantiles.get(0.95), "n_missing": known.n_missing,
                "computed": ago(context.view.scores[name].manifest.created_at),
            }  # fmt: skip
        lines.append(row)
    columns = ["score", "spread", "mean", "low", "median", "high", "n_missing", "computed", "measures"]
    return pd.DataFrame(lines).reindex(columns=columns)


def in_groups(context: DatasetContext) -> list[str]:
    """Every score by name: those that there are, then what is computed without a model, then what asks one."""
    free = [one for one in SCORERS if not asks_model(one)]
    asking = [one for one in SCORERS if asks_model(one)]
    return list(dict.fromkeys([*context.view.scores, *free, *asking]))


def asks_model(name: str) -> bool:
    """Whether a score that is computed asks a model for each row, which takes its time."""
    return name in SCORERS and (
        bool(SCORERS[name].needs_llm) or "model" in SCORERS[name].options.model_fields
    )


def needs_of(name: str) -> str:
    """What a score that is not computed yet waits for."""
    return "not yet, asks a model" if asks_model(name) else "not yet"


def score_stats(context: DatasetContext, name: str) -> ScoreStats:
    """Mean, quantiles and histogram."""
    return _score_stats(context.key, name, _context=context)


def ends(context: DatasetContext, name: str, n: int, *, highest: bool) -> Int64s:
    """The rows with the lowest or the highest scores, that end first; rows without a score are left out."""
    return _ends(context.key, name, n, highest, _context=context)


def cluster_means(context: DatasetContext, name: str) -> pd.DataFrame:
    """Mean, 25 % and 75 % quantile and rows of each cluster, lowest mean first; clusters without a score left out."""
    return _cluster_means(context.key, name, context.names.revision, _context=context)


@st.cache_data(max_entries=64, show_spinner=False)
def _score_stats(key: str, name: str, *, _context: DatasetContext) -> ScoreStats:
    return scores.score_stats(_context, name)


@st.cache_data(max_entries=64, show_spinner=False)
def _ends(key: str, name: str, n: int, highest: bool, *, _context: DatasetContext) -> Int64s:
    return scores.rows_at_the_end(_context, name, n, highest=highest)


@st.cache_data(max_entries=32, show_spinner=False)
def _cluster_means(key: str, name: str, revision: int, *, _context: DatasetContext) -> pd.DataFrame:
    return scores.score_per_cluster(_context, name).to_pandas()
