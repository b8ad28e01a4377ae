"""What a refinement and its rounds hold; the file names and their columns stand here only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.errors import ArtifactDamaged
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.store import Artifact, ArtifactStore

KIND, ROUND = "refinement", "refinement_round"
PREVIOUS = "previous"  # the input of a round that names the one before it
PICKS, WEIGHTS, FLAGS = "picks.parquet", "weights.parquet", "flags.parquet"
GENERATIONS, ROW_SCORES, CLUSTERS = "generations.parquet", "row_scores.parquet", "clusters.parquet"
ADAPTER = "adapter"


def schema_of(**columns: pa.DataType) -> pa.Schema:
    """A schema with these columns in this order."""
    return pa.schema(columns)


def make_table(schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """A table of exactly the columns of ``schema``, in its types."""
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


ROUND_PICKS_SCHEMA = schema_of(
    example_id=pa.int64(),
    cluster_id=pa.int32(),
    rank=pa.int64(),
    weight=pa.float32(),
)
PICKS_SCHEMA = schema_of(
    example_id=pa.int64(),
    cluster_id=pa.int32(),
    round=pa.int32(),
    rank=pa.int64(),
    weight=pa.float32(),
)
GENERATIONS_SCHEMA = schema_of(
    example_id=pa.int64(),
    generated=pa.string(),
)
ROW_SCORES_SCHEMA = schema_of(
    example_id=pa.int64(),
    gold=pa.float32(),
    generated=pa.float32(),
    gap=pa.float32(),
)
CLUSTERS_SCHEMA = schema_of(
    cluster_id=pa.int32(),
    weight_before=pa.float64(),  # what the round drew by, factors included
    weight_after=pa.float64(),
    learned_after=pa.float64(),  # the same without the factors: what the next round starts from
    score=pa.float64(),  # mean gap of the scored rows, NaN where there is none
    standard_error=pa.float64(),
    shrunken=pa.float64(),  # the score that moved the weight, in the modes that look at one round alone
    effect=pa.float64(),  # what all rounds so far say lasts, in deviations of a row; NaN in those modes
    deviation=pa.float64(),  # of that effect
    probability_below=pa.float64(),  # that the effect is below 0
    rows_to_tell=pa.float64(),  # scored rows until half a deviation would stand out; -1 when that takes more rounds
    n_scored=pa.int64(),
    budget=pa.int64(),  # rows that the round took
    factor=pa.string(),  # "" for none, pinned, excluded or a number
)
WEIGHTS_SCHEMA = schema_of(
    round=pa.int32(),
    cluster_id=pa.int32(),
    weight=pa.float64(),
    score=pa.float64(),
    standard_error=pa.float64(),
    effect=pa.float64(),
    deviation=pa.float64(),
    probability_below=pa.float64(),
    n_scored=pa.int64(),
    budget=pa.int64(),
    factor=pa.string(),
)
# What runs of before pooled evidence do not have.
EVIDENCE = ("effect", "deviation", "probability_below", "rows_to_tell")
ROUND_FLAGS_SCHEMA = schema_of(
    example_id=pa.int64(),
    cluster_id=pa.int32(),
    reason=pa.string(),
    value=pa.float64(),
)
FLAGS_SCHEMA = schema_of(
    round=pa.int32(),
    example_id=pa.int64(),
    cluster_id=pa.int32(),
    reason=pa.string(),
    value=pa.float64(),
)


@dataclass(frozen=True, slots=True)
class RoundModel(HtmlFacts):
    """The round model of one round, as a form lists it; ``model`` is what any model option takes.

    ``refinement`` is the newest finished refinement that the round is part of, "" while there is none.
    """

    dataset_id: str
    artifact_id: str
    model: str
    base: str
    scorer: str
    refinement: str
    round: int
    n_train: int
    created_at: str


def known_round_models(store: ArtifactStore) -> list[RoundModel]:
    """Every round model that a round of a refinement left in the workspace, newest first."""
    found = [pair for dataset_id in store.dataset_ids() for pair in _round_models_of(store, dataset_id)]
    return [model for _, model in sorted(found, key=lambda pair: pair[0], reverse=True)]


def _round_models_of(store: ArtifactStore, dataset_id: str) -> list[tuple[tuple[int, str, str], RoundModel]]:
    """Each with what orders it."""
    part_of: dict[str, str] = {}
    for refinement in sorted(store.list(dataset_id, KIND), key=lambda one: one.order):
        part_of |= dict.fromkeys(map(str, refinement.summary.get("rounds") or ()), refinement.id)
    return [
        (one.order, _round_model(one, part_of.get(one.id, "")))
        for one in store.list(dataset_id, ROUND)
        if (one.path / ADAPTER).is_dir()
    ]


def _round_model(one: Artifact, refinement: str) -> RoundModel:
    return RoundModel(
        dataset_id=one.manifest.dataset_id,
        artifact_id=one.id,
        model=f"adapter:{one.id}",
        base=str((one.manifest.options.get("settings") or {}).get("model", "")),
        scorer=str(one.summary.get("scorer", "")),
        refinement=refinement,
        round=int(one.summary.get("round") or 0),
        n_train=int(one.summary.get("n_selected") or 0),
        created_at=one.manifest.created_at,
    )


def read_weights(refinement: Artifact) -> pa.Table:
    """Weight of every cluster (-1: rows outside all) after every round; round 0 is before the first."""
    return _completed(_read(refinement, WEIGHTS), WEIGHTS_SCHEMA)


def read_picks(refinement: Artifact) -> pa.Table:
    """Every selected row with the round that picked it; rows that a decision dropped later are not in it."""
    return _read(refinement, PICKS)


def read_flags(refinement: Artifact) -> pa.Table:
    """Flagged rows of a refinement, or of one round (then without the column ``round``)."""
    return _read(refinement, FLAGS)


def read_round_picks(round_artifact: Artifact) -> pa.Table:
    """The rows that one round added, in the order drawn."""
    return _read(round_artifact, PICKS)


def read_round_clusters(round_artifact: Artifact) -> pa.Table:
    """Weights before and after a round, scores and budget, one row per cluster."""
    return _completed(_read(round_artifact, CLUSTERS), CLUSTERS_SCHEMA)


def read_row_scores(round_artifact: Artifact) -> pa.Table:
    """Scores of the given and the generated answer of each row that a round looked at; NaN is not scored."""
    return _read(round_artifact, ROW_SCORES)


def read_generations(round_artifact: Artifact) -> pa.Table:
    """The model's own answers in a round."""
    return _read(round_artifact, GENERATIONS)


def round_chain(store: ArtifactStore, last: Artifact) -> list[Artifact]:
    """The rounds up to ``last``, in order; raises ArtifactMissing when one of them was deleted."""
    chain = [last]
    while PREVIOUS in chain[-1].manifest.inputs:
        previous = chain[-1].manifest.inputs[PREVIOUS]
        chain.append(store.get(last.manifest.dataset_id, ROUND, previous))
    return chain[::-1]


def rounds_of(store: ArtifactStore, refinement: Artifact) -> list[Artifact]:
    """The rounds of a refinement, in order; raises ArtifactMissing."""
    listed = refinement.summary["rounds"]
    return [store.get(refinement.manifest.dataset_id, ROUND, identifier) for identifier in listed]


def _completed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns of evidence, NaN where its edition had none."""
    nothing = pa.array(np.full(table.num_rows, np.nan))
    for name in EVIDENCE:
        if name in schema.names and name not in table.column_names:
            table = table.append_column(name, nothing)
    return table


def _read(artifact: Artifact, name: str) -> pa.Table:
    try:
        return pq.read_table(artifact.file(name))
    except pa.ArrowInvalid as error:
        raise ArtifactDamaged(
            f"{artifact.kind} {artifact.id}: file {name!r} cannot be read ({error}). "
            f"Delete the folder {artifact.path} and run refine again."
        ) from error
