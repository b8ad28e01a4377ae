"""The course of a refinement as tables: weights, scores, budget and flags per round, and what they say in short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.runs.runs import Run
from tamis.compute.refine.weights import fallen_fraction, movers
from tamis.errors import ArtifactMissing
from tamis.steps.refine.results import all_flags, all_weights
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.refinements import (
    read_flags,
    read_generations,
    read_round_picks,
    read_row_scores,
    read_weights,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Float64s, Int64s

MOST_MOVERS = 8


@dataclass(frozen=True, slots=True)
class Course:
    """What is known of a run now: ``weights`` per round (0: before the first) and cluster, ``flags``, ``rounds``."""

    key: str
    chain: tuple[Artifact, ...]
    weights: pd.DataFrame
    flags: pd.DataFrame

    @property
    def mark(self) -> str:
        """A short name that sets the widgets of one run apart from those of another."""
        return self.key.rpartition(":")[2][:6]

    @property
    def n_rounds(self) -> int:
        """Finished rounds."""
        return int(self.weights["round"].max()) if len(self.weights) else 0

    @property
    def cluster_ids(self) -> Int64s:
        """Clusters in the order of the tables; -1 for rows outside all."""
        ids: Int64s = self.weights.loc[self.weights["round"] == 0, "cluster_id"].to_numpy(dtype=np.int64)
        return ids

    def of_round(self, number: int, column: str) -> Float64s:
        """One number per cluster after a round."""
        held: Float64s = self.weights.loc[self.weights["round"] == number, column].to_numpy(dtype=np.float64)
        return held

    def change(self, number: int | None = None) -> Float64s:
        """Weight after a round (the last) over the first weight, per cluster; NaN for a cluster without a first weight."""
        last = self.of_round(self.n_rounds if number is None else number, "weight")
        first = self.of_round(0, "weight")
        change: Float64s = np.divide(last, first, out=np.full(first.shape, np.nan), where=first > 0)
        return change

    def budget(self) -> Float64s:
        """Rows taken from each cluster in all rounds."""
        held: Float64s = (
            self.weights.groupby("cluster_id", sort=False)["budget"].sum().to_numpy(dtype=np.float64)
        )
        return held

    def movers(self, most: int = MOST_MOVERS) -> tuple[list[int], list[int]]:
        """Ids of the clusters whose weight rose and fell most."""
        up, down = movers(self.of_round(0, "weight"), self.of_round(self.n_rounds, "weight"), most)
        ids = self.cluster_ids
        return [int(ids[i]) for i in up], [int(ids[i]) for i in down]

    def fallen(self) -> float:
        """Share of the picks in clusters that ended below half their first weight; NaN without picks."""
        return fallen_fraction(
            self.budget(), self.of_round(0, "weight"), self.of_round(self.n_rounds, "weight")
        )


def course_of(context: DatasetContext, run: Run, chain: Sequence[Artifact]) -> Course | None:
    """The course so far; None before the first round has ended."""
    if not chain and run.artifact is None:
        return None
    key = run.run_id if run.artifact is not None else chain[-1].id
    return _course(f"{context.workspace.path}:{key}", _run=run, _chain=tuple(chain))


def name_of(context: DatasetContext, cluster_id: int) -> str:
    """A cluster as people call it."""
    return "Outside all clusters" if cluster_id < 0 else context.cluster_name(int(cluster_id))


def names_of(context: DatasetContext, cluster_ids: Sequence[int] | Int64s) -> dict[int, str]:
    """Names by id, no two alike."""
    seen: dict[str, int] = {}
    out = {}
    for cluster_id in (int(one) for one in cluster_ids):
        name = name_of(context, cluster_id)
        seen[name] = seen.get(name, 0) + 1
        out[cluster_id] = name if seen[name] == 1 else f"{name} ({cluster_id})"
    return out


def rounds_table(chain: Sequence[Artifact]) -> pd.DataFrame:
    """One line per round with what its summary says."""
    found = []
    for one in chain:
        said = one.summary
        training = said.get("training") or {}
        found.append(
            {
                "round": int(said["round"]),
                "new": said["n_new"],
                "selected": said["n_selected"],
                "pool": said["n_pool"],
                "scored": said["n_scored"],
                "not_scored": said["n_not_scored"],
                "empty": said["n_empty"],
                "clusters": said["n_clusters_scored"],
                "gap": said["mean_gap"],
                "rank_correlation": said["rank_correlation"],
                "flags": said["n_flags"],
                "loss": training.get("train_loss"),
                "steps": training.get("n_steps"),
            }
        )
    return pd.DataFrame(found)


def answered_rows(chain: Sequence[Artifact]) -> pd.DataFrame:
    """Every row that a round looked at, once, as the newest round saw it: example_id, gold, own, gap, generated, round."""
    return _answered(":".join(one.id for one in chain), _chain=tuple(chain))


def picked_rows(chain: Sequence[Artifact]) -> pd.DataFrame:
    """The rows that each round added: example_id, cluster_id, round."""
    return _picked(":".join(one.id for one in chain), _chain=tuple(chain))


def selection_after(store: ArtifactStore, run: Run, number: int) -> Artifact | None:
    """The selection after a round of a finished run; None when it was deleted."""
    ids = list(run.summary.get("selections", ()))
    if not 1 <= number <= len(ids) or run.artifact is None:
        return None
    try:
        return store.get(run.artifact.manifest.dataset_id, "selection", ids[number - 1])
    except ArtifactMissing:
        return None


def selected_ids(selection: Artifact) -> Int64s:
    """Sorted ids of the rows of a selection."""
    return read_selected_ids(selection)


@st.cache_resource(max_entries=64, show_spinner=False)
def _course(key: str, *, _run: Run, _chain: tuple[Artifact, ...]) -> Course:
    if _run.artifact is not None:
        weights, flags = read_weights(_run.artifact), read_flags(_run.artifact)
    else:
        weights, flags = all_weights(_chain), all_flags(_chain)
    return Course(key, _chain, weights.to_pandas(), flags.to_pandas())


@st.cache_data(max_entries=32, show_spinner=False)
def _answered(key: str, *, _chain: tuple[Artifact, ...]) -> pd.DataFrame:
    columns = ["example_id", "gold", "own", "gap", "generated", "round"]
    parts = []
    for one in _chain:
        scores = read_row_scores(one).to_pandas().rename(columns={"generated": "own"})
        said = read_generations(one).to_pandas()
        parts.append(scores.merge(said, on="example_id", how="left").assign(round=int(one.summary["round"])))
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts)[columns].drop_duplicates("example_id", keep="last").reset_index(drop=True)


@st.cache_data(max_entries=32, show_spinner=False)
def _picked(key: str, *, _chain: tuple[Artifact, ...]) -> pd.DataFrame:
    parts = [
        read_round_picks(one)
        .to_pandas()[["example_id", "cluster_id"]]
        .assign(round=int(one.summary["round"]))
        for one in _chain
    ]
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["example_id", "cluster_id", "round"])
    )
