"""What a fine-tuning left behind: weights, curves, and the comparison with its base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.text.near_duplicates import NONE, exact_duplicates
from tamis.errors import ArtifactDamaged
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import JSON, Int64s

KIND = "adapter"
TRAIN, HELD_OUT, STOPPING = "train.jsonl", "held_out.jsonl", "stopping.jsonl"
GROUP = "group"  # the column of the evaluation that says which held-out rows belong together
PROMPT = "prompt"
CURVES, EVALUATION, CLUSTERS = "curves.parquet", "evaluation.parquet", "evaluation_clusters.parquet"


@dataclass(frozen=True, slots=True)
class KnownAdapter(HtmlFacts):
    """One adapter of a workspace, as a form lists it; ``model`` is what any model option takes."""

    dataset_id: str
    artifact_id: str
    model: str
    base: str
    recipe: str
    n_train: int
    created_at: str
    folder: Path


def known_adapters(store: ArtifactStore) -> list[KnownAdapter]:
    """Every finished adapter of the workspace, newest first."""
    adapters = [one for dataset_id in store.dataset_ids() for one in store.list(dataset_id, KIND)]
    return [_known(one) for one in sorted(adapters, key=lambda one: one.order, reverse=True)]


def read_curves(adapter: Artifact) -> pa.Table:
    """Points of the training: step, name (loss, eval_loss, learning_rate, grad_norm, tokens_per_s, memory_mb), value."""
    return _read(adapter, CURVES)


def read_evaluation(adapter: Artifact) -> pa.Table | None:
    """One row per held-out row, as ``tamis.steps.finetune.evaluate`` says; None when no row was held out."""
    return _read(adapter, EVALUATION) if EVALUATION in adapter.manifest.files else None


def held_out_groups(table: pa.Table) -> Int64s:
    """A number for each row of an evaluation, the same for rows with like prompts or of one family, shape (n,).

    Files of before do not say so, or have a group for every row where too much was alike: in them rows with equal prompts
    are of one.
    """
    n_rows = table.num_rows
    groups: Int64s = np.arange(n_rows, dtype=np.int64)
    if GROUP in table.column_names:
        groups = table.column(GROUP).to_numpy().astype(np.int64)
    if len(np.unique(groups)) < n_rows or PROMPT not in table.column_names:
        return groups
    of = exact_duplicates([str(one) for one in table.column(PROMPT).to_pylist()]).of
    return np.where(of == NONE, groups, groups[of])


def read_evaluation_clusters(adapter: Artifact) -> pa.Table | None:
    """The same per cluster: cluster_id, n_rows, n_answered and the mean of every measure; None without held-out rows."""
    return _read(adapter, CLUSTERS) if CLUSTERS in adapter.manifest.files else None


def _known(artifact: Artifact) -> KnownAdapter:
    summary: dict[str, JSON] = artifact.summary
    return KnownAdapter(
        dataset_id=artifact.manifest.dataset_id,
        artifact_id=artifact.id,
        model=f"adapter:{artifact.id}",
        base=str(summary.get("model", "")),
        recipe=str(summary.get("recipe", "")),
        n_train=int(summary.get("n_train") or 0),
        created_at=artifact.manifest.created_at,
        folder=artifact.path / "adapter",
    )


def _read(adapter: Artifact, name: str) -> pa.Table:
    path = adapter.file(name)
    try:
        return pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise ArtifactDamaged(
            f"adapter {adapter.id}: file {name!r} cannot be read ({error}). Delete the folder {adapter.path} and run "
            "'finetune' again."
        ) from error
