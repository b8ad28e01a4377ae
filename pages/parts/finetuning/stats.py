"""What is drawn of the evaluation of a run, read once for each state of what it depends on."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from tamis.actions import evaluations
from tamis.actions.votes import EVERY, Winner, WinRate, vote_rates, win_verdicts
from tamis.store.artifacts.adapters import held_out_groups
from tamis.store.artifacts.store import Artifact

ALL = "All held-out rows"
SMALLEST_CHANGE = 0.0005  # of a loss: below it a map has nothing to colour


def evaluation(context: DatasetContext, artifact: Artifact) -> pa.Table:
    """Every held-out row with losses, answers and measures, by example id."""
    return _evaluation(f"{context.key}:{artifact.path}", _context=context, _artifact=artifact)


def answers(context: DatasetContext, artifact: Artifact) -> pd.DataFrame:
    """The rows for which both models wrote an answer."""
    return evaluations.answered(evaluation(context, artifact)).to_pandas()


def cluster_losses(context: DatasetContext, table: pa.Table) -> pd.DataFrame:
    """One line per cluster: rows, both losses, their change with its interval and verdict, most improved first."""
    return evaluations.cluster_losses(context, table).to_pandas()


def cluster_wins(context: DatasetContext, artifact: Artifact, winners: Mapping[int, Winner]) -> pd.DataFrame:
    """One line for all votes and one per cluster with votes: win rate of the tuned model with its interval."""
    table = evaluations.answered(evaluation(context, artifact))
    rows, clusters = (table[name].to_numpy() for name in ("example_id", "cluster_id"))
    rates = vote_rates(rows, clusters, winners, held_out_groups(table))
    # All votes together are one question, the clusters are many.
    words = win_verdicts(rates[:1]) + win_verdicts(rates[1:])
    return pd.DataFrame(
        [_line(context, rate) | {"said": word} for rate, word in zip(rates, words, strict=True)]
    )


def _line(context: DatasetContext, rate: WinRate) -> dict[str, object]:
    name = ALL if rate.cluster_id == EVERY else evaluations.name_of_cluster(context, rate.cluster_id)
    return {
        "cluster_id": rate.cluster_id, "cluster": name, "n": rate.n_votes, "n_groups": rate.n_groups, "won": rate.n_won, "tied": rate.n_tied,
        "lost": rate.n_groups - rate.n_won - rate.n_tied, "rate": rate.rate, "low": rate.low, "high": rate.high,
    }  # fmt: skip


@st.cache_resource(max_entries=16, show_spinner=False)
def _evaluation(key: str, *, _context: DatasetContext, _artifact: Artifact) -> pa.Table:
    return evaluations.evaluation_of(_context, _artifact)
