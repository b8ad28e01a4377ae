"""What the evaluation of a run says: row by row, per cluster and overall; cached by the id of the adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared import queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.finetune_runs import MEASURES
from tamis.actions.votes import Winner, WinRate, win_rate
from tamis.store.artifacts.adapters import read_evaluation
from tamis.store.artifacts.store import Artifact

ALL = "All held-out rows"
EVERY = -2  # stands for all clusters where one is named by its id
SMALLEST_CHANGE = 0.0005  # of a loss; what is written as 0.000 is said to be unchanged


def evaluation(context: DatasetContext, artifact: Artifact) -> pd.DataFrame:
    """Every held-out row with losses, answers and measures, by example id.

    Clusters are those in view, whatever the run was reported by: so names, map and table speak of the same ones.
    """
    found = _evaluation(str(artifact.path), _artifact=artifact)
    if context.view.clustering is None or found.empty:
        return found
    return found.assign(cluster_id=queries.cluster_of(context)[found["example_id"].to_numpy()])


def answered(table: pd.DataFrame) -> pd.DataFrame:
    """The rows for which both models wrote an answer."""
    if "response" not in table:
        return table.head(0)
    return table[table["response"].notna() & table["base_response"].notna()]


def measures_of(table: pd.DataFrame) -> dict[str, str]:
    """The measures of answers that were taken, and their titles."""
    return {name: title for name, title in MEASURES.items() if name in table and table[name].notna().any()}


def cluster_losses(context: DatasetContext, table: pd.DataFrame) -> pd.DataFrame:
    """One line per cluster: rows, both losses with the standard error of their difference, most improved first."""
    known = table[table["loss"].notna() & table["base_loss"].notna()].copy()
    known["change"] = known["loss"] - known["base_loss"]
    grouped = known.groupby("cluster_id")
    found = grouped.agg(
        n=("loss", "size"), base_loss=("base_loss", "mean"), loss=("loss", "mean"), change=("change", "mean"),
        deviation=("change", "std"),
    ).reset_index()  # fmt: skip
    found["error"] = found["deviation"] / np.sqrt(found["n"])
    for name in measures_of(table):
        for measure in (f"base_{name}", name):
            if measure in table:
                found[measure] = found["cluster_id"].map(table.groupby("cluster_id")[measure].mean())
    found.insert(1, "cluster", _names(context, found["cluster_id"].tolist()))
    return found.sort_values("change", kind="stable").reset_index(drop=True)


def say_change(change: float) -> str:
    """What a change of a loss is called; its colour follows from the word."""
    if abs(change) < SMALLEST_CHANGE:
        return "Unchanged"
    return "Better" if change < 0 else "Worse"


def cluster_wins(context: DatasetContext, table: pd.DataFrame, winners: Mapping[int, Winner]) -> pd.DataFrame:
    """One line for all votes and one per cluster with votes: win rate of the tuned model with its interval."""
    voted = table[table["example_id"].isin(list(winners))]
    chosen = pd.Series([winners[int(row)] for row in voted["example_id"]], index=voted.index, dtype=object)
    rates = [(ALL, win_rate(list(chosen), EVERY))]
    ids = sorted(int(one) for one in voted["cluster_id"].unique())
    if len(ids) > 1:
        own = [win_rate(list(chosen[voted["cluster_id"] == one]), one) for one in ids]
        rates += [(_name(context, rate.cluster_id), rate) for rate in own]
    return pd.DataFrame([_line(name, rate) for name, rate in rates])


def _line(name: str, rate: WinRate) -> dict[str, object]:
    return {
        "cluster_id": rate.cluster_id, "cluster": name, "n": rate.n_votes, "won": rate.n_won, "tied": rate.n_tied,
        "lost": rate.n_votes - rate.n_won - rate.n_tied, "rate": rate.rate, "low": rate.low, "high": rate.high,
    }  # fmt: skip


def _names(context: DatasetContext, ids: Sequence[int]) -> list[str]:
    return [_name(context, int(one)) for one in ids]


def _name(context: DatasetContext, cluster_id: int) -> str:
    return "No cluster" if cluster_id < 0 else context.cluster_name(cluster_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def _evaluation(path: str, *, _artifact: Artifact) -> pd.DataFrame:
    found = read_evaluation(_artifact)
    if found is None:
        return pd.DataFrame(columns=["example_id", "cluster_id", "base_loss", "loss"])
    return found.to_pandas().sort_values("example_id").reset_index(drop=True)
