"""What is drawn of the scores of a dataset, read once for each state of what it depends on."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.wording import ago, duration
from tamis.actions import scores
from tamis.actions.jobs import JobState, count_jobs
from tamis.actions.score_estimates import ScoreEstimate, estimate_scores
from tamis.actions.scores import ScoreStats
from tamis.scorers import SCORERS, scorer_title
from tamis.types import Int64s

SHORT_S = 30.0
COMPUTED, FREE, ASKS = "Computed", "Free", "Needs a model"


def score_table(context: DatasetContext) -> pd.DataFrame:
    """One row per score in three groups: those that there are and how their values are spread, those that take seconds, and
    those that ask a model, each with what it would take. Where there is none yet, nothing says how values are spread.
    """
    estimates, lines = estimates_of(context), []
    for name in in_groups(context):
        row: dict[str, object] = {
            "group": group_of(context, name),
            "score": scorer_title(name),
            "measures": SCORERS[name].summary
            if name in SCORERS
            else "Numbers that came with the data, or from a file.",
        }
        if name in context.view.scores:
            known = score_stats(context, name)
            row |= {
                "spread": known.counts.tolist(), "mean": known.mean, "low": known.quantiles.get(0.05), "median": known.quantiles.get(0.5),
                "high": known.quantiles.get(0.95), "n_missing": known.n_missing,
                "takes": ago(context.view.scores[name].manifest.created_at),
            }  # fmt: skip
        else:
            row["takes"] = say_what_it_takes(estimates.get(name))
        lines.append(row)
    spread = ["spread", "mean", "low", "median", "high", "n_missing"] if context.view.scores else []
    columns = ["group", "score", "takes", *spread, "measures"]
    return pd.DataFrame(lines).reindex(columns=columns)


def group_of(context: DatasetContext, name: str) -> str:
    """Which of the three groups a score is in."""
    if name in context.view.scores:
        return COMPUTED
    return ASKS if asks_model(name) else FREE


def say_what_it_takes(estimate: ScoreEstimate | None) -> str:
    """What a score takes in a few words; what was measured here is told from what is guessed."""
    if estimate is None or estimate.seconds is None:
        return "depends on the model"
    if estimate.basis == "rows":
        return "seconds" if estimate.seconds < SHORT_S else f"about {duration(estimate.seconds)}"
    told = f"about {duration(estimate.seconds)}"
    return told if estimate.basis == "runs" else f"{told}, a guess"


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


def estimates_of(context: DatasetContext) -> dict[str, ScoreEstimate]:
    """What each score would take, told before anybody asks."""
    done = count_jobs(context.workspace, step="score")[JobState.SUCCEEDED]
    return _estimates(context.key, done, _context=context)


def score_stats(context: DatasetContext, name: str) -> ScoreStats:
    """Mean, quantiles and histogram."""
    return _score_stats(context.key, name, _context=context)


def ends(context: DatasetContext, name: str, n: int, *, highest: bool) -> Int64s:
    """The rows with the lowest or the highest scores, that end first; rows without a score are left out."""
    return _ends(context.key, name, n, highest, _context=context)


def cluster_means(context: DatasetContext, name: str) -> pd.DataFrame:
    """Mean, 25 % and 75 % quantile and rows of each cluster, lowest mean first; clusters without a score left out."""
    return _cluster_means(context.key, name, context.names.revision, _context=context)


@st.cache_data(max_entries=32, show_spinner=False)
def _estimates(key: str, n_done: int, *, _context: DatasetContext) -> dict[str, ScoreEstimate]:
    return estimate_scores(_context)


@st.cache_data(max_entries=64, show_spinner=False)
def rows_within(key: str, name: str, low: float, high: float, n: int, *, _context: DatasetContext) -> Int64s:
    """At most ``n`` rows with a score in [low, high], the lowest first."""
    return scores.rows_within(_context, name, low, high, n)


@st.cache_data(max_entries=64, show_spinner=False)
def _score_stats(key: str, name: str, *, _context: DatasetContext) -> ScoreStats:
    return scores.score_stats(_context, name)


@st.cache_data(max_entries=64, show_spinner=False)
def _ends(key: str, name: str, n: int, highest: bool, *, _context: DatasetContext) -> Int64s:
    return scores.rows_at_the_end(_context, name, n, highest=highest)


@st.cache_data(max_entries=32, show_spinner=False)
def _cluster_means(key: str, name: str, revision: int, *, _context: DatasetContext) -> pd.DataFrame:
    return scores.score_per_cluster(_context, name).to_pandas()
