"""A refinement over the clouds of large_map, written directly: weights that drift, picks and flags in every round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.store.artifacts.readers import read_cluster_ids
from tamis.store.artifacts.refinements import (
    FLAGS,
    FLAGS_SCHEMA,
    PICKS,
    PICKS_SCHEMA,
    WEIGHTS,
    WEIGHTS_SCHEMA,
    make_table,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tests.core.store.small_workspace import write
from tests.support.large_map import DATASET

ROUNDS, PER_ROUND = 6, 600


def write_refinement(store: ArtifactStore, *, seed: int = 0) -> Artifact:
    """A finished one of ROUNDS rounds; its rounds themselves are gone."""
    (clustering,) = store.list(DATASET, "clustering")
    ids, rng = read_cluster_ids(clustering), np.random.default_rng(seed)
    weights = _weights(ids, rng)
    picks, flags = _picks(ids, weights, rng), []
    for number in range(1, ROUNDS + 1):
        rows, clusters, _ = (column[picks[2] == number] for column in picks)
        low = np.argsort(weights[number][clusters])[:40]  # of clusters that lost
        flags += [(number, int(rows[i]), int(clusters[i])) for i in low]
    inputs = {"clustering": clustering.id, "embeddings": clustering.manifest.inputs["embeddings"]}
    summary = {
        "method": "refinement", "mode": "linear", "scorer": "alignment", "control": "none", "cheap": True, "n_rounds": ROUNDS,
        "n_rounds_before": 0, "rounds": ["0" * 16], "selections": ["0" * 16], "selection": "0" * 16,
        "budget": ROUNDS * PER_ROUND, "unit": "rows", "n_selected": ROUNDS * PER_ROUND, "shortfall": 0, "n_flags": len(flags),
        "n_scored": ROUNDS * PER_ROUND, "n_not_scored": 0, "n_empty": 0, "rank_correlations": [None] * ROUNDS,
        "fallen_fraction": 0.2, "notes": [],
    }  # fmt: skip
    options = {
        "rounds": ROUNDS,
        "budget": ROUNDS * PER_ROUND,
        "scorer": "alignment",
        "mode": "linear",
        "train": False,
        "seed": seed,
    }
    return write(
        store, "refinement", step="refine", fill=lambda w: _tables(w.path, weights, picks, flags), dataset=DATASET,
        options=options, inputs=inputs, summary=summary,
    )  # fmt: skip


def _weights(ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Weight of every cluster after every round, (rounds + 1, k): a walk that one cluster does not survive."""
    first = np.bincount(ids[ids >= 0]).astype(np.float64)
    drift = rng.normal(0, 0.35, len(first))
    steps = np.arange(ROUNDS + 1)[:, None] * drift + rng.normal(0, 0.12, (ROUNDS + 1, len(first)))
    weights = first * np.exp(steps - steps[:1])
    weights[3:, 0] = 0
    return weights / weights.sum(axis=1, keepdims=True)


def _picks(
    ids: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, rows = np.flatnonzero(ids >= 0), []
    for number in range(ROUNDS):
        share = (weights[number] / np.bincount(ids[left], minlength=len(weights[0])).clip(1))[ids[left]]
        chosen = rng.choice(left, PER_ROUND, replace=False, p=share / share.sum())
        rows.append(np.sort(chosen))
        left = np.setdiff1d(left, chosen)
    picked = np.concatenate(rows)
    return picked, ids[picked], np.repeat(np.arange(1, ROUNDS + 1), PER_ROUND)


def _tables(
    folder: Path,
    weights: np.ndarray,
    picks: tuple[np.ndarray, np.ndarray, np.ndarray],
    flags: list[tuple[int, int, int]],
) -> None:
    n_rounds, k = weights.shape
    empty, nothing = np.zeros(n_rounds * k, np.int64), np.full(n_rounds * k, np.nan)
    columns = dict.fromkeys(("score", "standard_error", "effect", "deviation", "probability_below"), nothing)
    columns |= {
        "round": np.repeat(np.arange(n_rounds), k), "cluster_id": np.tile(np.arange(k), n_rounds), "weight": weights.ravel(),
        "n_scored": empty, "budget": empty, "factor": pa.array([""] * (n_rounds * k)),
    }  # fmt: skip
    pq.write_table(make_table(WEIGHTS_SCHEMA, columns), folder / WEIGHTS)
    rows, clusters, number = picks
    drawn = {
        "example_id": rows,
        "cluster_id": clusters,
        "round": number,
        "rank": np.arange(len(rows)),
        "weight": np.ones(len(rows)),
    }
    pq.write_table(make_table(PICKS_SCHEMA, drawn), folder / PICKS)
    number, rows, clusters = (np.array(column) for column in zip(*flags, strict=True))
    flagged = {
        "round": number, "example_id": rows, "cluster_id": clusters, "reason": pa.array(["low_cluster_weight"] * len(rows)),
        "value": np.zeros(len(rows)),
    }  # fmt: skip
    pq.write_table(make_table(FLAGS_SCHEMA, flagged), folder / FLAGS)
