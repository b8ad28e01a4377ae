"""What selecting cost, read off the artifacts that a selection was made from: from text, and with what is cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tamis.compute.referee.cost import (
    forward_flops,
    generation_flops,
    kmeans_flops,
    neighbours_flops,
    training_flops,
)
from tamis.store.artifacts.readers import read_token_counts
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import JSON

# Parameters in matrix products of a token's way through an encoder: layers · 12 · width²; None where nobody counted.
ENCODERS: Mapping[str, float] = {"hashing": 0.0, "minilm": 6 * 12 * 384.0**2}
SMOLLM2 = 134.5e6
KMEANS_ITERATIONS = 25
PASSES: Mapping[str, int] = {"perplexity": 1, "ifd": 2, "pmi": 2}  # of a likelihood score over its row
FREE = frozenset({"length", "defects", "duplicates", "contamination"})  # no vector and no model
COMPARES_ALL = frozenset({"qdit", "facility_location", "novel_select"})
COMPARES_PICKS = frozenset({"k_center", "deita", "log_det"})
READINGS = 4  # of a row in a round of refinement: the score of two answers, each with and without its prompt


@dataclass(frozen=True, slots=True)
class SelectingCost:
    """Operations from text (``cold``) and with vectors, clusters and scores that are there (``marginal``); NaN: not known."""

    cold: float
    marginal: float


def selecting_cost(store: ArtifactStore, made: Artifact, row_tokens: float, n_rows: int) -> SelectingCost:
    """The cost of a selection, or of a refinement; ``row_tokens`` is the mean length of a row in the proxy's tokens."""
    inputs = list(_ancestors(store, made).values())
    shared = float(sum(_cost_of(store, one, row_tokens, n_rows) for one in inputs))
    own = _own_cost(store, made, row_tokens, n_rows, inputs)
    return SelectingCost(shared + own, own)


def _ancestors(store: ArtifactStore, made: Artifact) -> dict[str, Artifact]:
    """Everything that was computed before it, each once."""
    found: dict[str, Artifact] = {}
    waiting = [made]
    while waiting:
        for identifier in waiting.pop().manifest.inputs.values():
            if identifier in found:
                continue
            for kind in ("embeddings", "clustering", "scores"):
                artifact = store.find(made.manifest.dataset_id, kind, identifier)
                if artifact is not None:
                    found[identifier] = artifact
                    waiting.append(artifact)
    return found


def _cost_of(store: ArtifactStore, one: Artifact, row_tokens: float, n_rows: int) -> float:
    options, summary = one.manifest.options, one.summary
    if one.kind == "embeddings":
        parameters = ENCODERS.get(str(options.get("encoder")), np.nan)
        return forward_flops(parameters, float(np.asarray(read_token_counts(one)).sum()))
    if one.kind == "clustering":
        n_clusters = int(summary["n_clusters"])
        return kmeans_flops(n_rows, n_clusters, _width(store, one), KMEANS_ITERATIONS)
    scorer = str(options["scorer"])
    if one.manifest.step != "score" or scorer in FREE:
        # A column, or numbers of a file: what made them before is not known here.
        return np.nan if one.manifest.step == "import_scores" else 0.0
    if scorer == "alignment":
        return 2.0 * n_rows * _width(store, one)
    return PASSES[scorer] * forward_flops(SMOLLM2, n_rows * row_tokens) if scorer in PASSES else np.nan


def _own_cost(
    store: ArtifactStore, made: Artifact, row_tokens: float, n_rows: int, inputs: list[Artifact]
) -> float:
    if made.kind == "refinement":
        return sum(_round_cost(one.summary, row_tokens) for one in _rounds(store, made))
    method = str(made.manifest.options.get("method"))
    width = next((int(one.summary.get("dimension") or 0) for one in inputs if one.kind == "embeddings"), 0)
    if method in COMPARES_ALL:
        return neighbours_flops(n_rows, width)
    if method in COMPARES_PICKS:
        return 2.0 * n_rows * int(made.summary["n_selected"]) * width
    return 0.0


def _rounds(store: ArtifactStore, made: Artifact) -> list[Artifact]:
    found = (store.find(made.manifest.dataset_id, "refinement_round", one) for one in made.summary["rounds"])
    return [one for one in found if one is not None]


def _round_cost(summary: Mapping[str, JSON], row_tokens: float) -> float:
    """Training its model, writing an answer to each row about as long as the row, and reading both."""
    trained = training_flops(SMOLLM2, float((summary.get("training") or {}).get("n_tokens", 0)))
    n_answered = int(summary.get("n_answered") or 0)
    written = generation_flops(SMOLLM2, row_tokens, row_tokens)
    return trained + n_answered * (written + READINGS * forward_flops(SMOLLM2, row_tokens))


def _width(store: ArtifactStore, one: Artifact) -> int:
    for identifier in one.manifest.inputs.values():
        embeddings = store.find(one.manifest.dataset_id, "embeddings", identifier)
        if embeddings is not None:
            return int(embeddings.summary.get("dimension") or 0)
    return 0
