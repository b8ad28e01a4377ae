"""An adapter as ``finetune`` leaves it, written by hand: pages are tested without training anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.steps.plan import plan_step
from tamis.store.artifacts.adapters import CURVES, EVALUATION, HELD_OUT, TRAIN
from tamis.store.artifacts.readers import read_cluster_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore, make_manifest

HOSTILE = "<script>alert(1)</script> **bold** [link](javascript:alert(1)) $x$ :red[no]"


def write_adapter(
    workspace: Path,
    dataset_id: str,
    *,
    values: Mapping[str, object] | None = None,
    n_held_out: int = 8,
    n_answers: int = 6,
) -> Artifact:
    """A finished run over the dataset with a held-out loss that fell by a half; its first prompt is hostile."""
    store = ArtifactStore(workspace)
    plan = plan_step(store, dataset_id, "finetune", dict(values or {}))
    held_out = np.arange(n_held_out, dtype=np.int64)
    with store.writing(dataset_id, "adapter", plan.artifact_id) as writer:
        folder = writer.path / "adapter"
        folder.mkdir()
        (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "smollm2"}')
        (folder / "adapter_model.safetensors").write_bytes(b"weights")
        for name in (TRAIN, HELD_OUT):
            (writer.path / name).write_text("")
        np.save(writer.path / "held_out_rows.npy", held_out)
        pq.write_table(_curves(), writer.path / CURVES)
        summary: dict[str, object] = {
            "recipe": plan.options.model_dump()["recipe"], "model": "smollm2", "n_train": 32, "n_held_out": n_held_out,
            "n_steps": 10, "n_tokens": 4000, "train_loss": 1.9, "stopped": "", "seconds": 20.0, "train_sha256": "feed",
            "fit": {"n_rows": 32, "n_truncated": 3, "n_dropped": 1, "max_length": 64, "longest": 90, "reasons": {}, "text": "Cut."},
        }  # fmt: skip
        if n_held_out:
            table = _evaluation(store, dataset_id, held_out, n_answers)
            pq.write_table(table, writer.path / EVALUATION)
            names = ("loss", "exact_match", "token_f1", "rouge_l")
            measured = [f"{prefix}{name}" for prefix in ("", "base_") for name in names]
            summary |= {name: float(np.nanmean(table[name].to_numpy())) for name in measured}
            summary |= {"n_answered": n_answers, "json_valid": None, "base_json_valid": None}
        writer.commit(
            make_manifest(
                writer, kind="adapter", identifier=plan.artifact_id, dataset_id=dataset_id, step="finetune",
                options=plan.options.identity(), inputs=plan.inputs, format_version=1, summary=summary,
            )
        )  # fmt: skip
    return store.get(dataset_id, "adapter", plan.artifact_id)


def write_round_model(workspace: Path, dataset_id: str) -> tuple[Artifact, Artifact]:
    """The second round of a refinement with the round model that it left, and the refinement; neither has anything else."""
    store = ArtifactStore(workspace)
    summary = {"round": 2, "scorer": "pmi", "n_selected": 24}
    options = {"settings": {"model": "smollm2"}, "round": 2, "n_rows": 12}
    round_model = _write_bare(store, dataset_id, "refinement_round", "5a1d" * 4, options, summary)
    folder = round_model.path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "smollm2"}')
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    whole = {"rounds": [round_model.id], "selections": []}
    return round_model, _write_bare(store, dataset_id, "refinement", "beef" * 4, {}, whole)


def _write_bare(
    store: ArtifactStore,
    dataset_id: str,
    kind: str,
    identifier: str,
    options: dict[str, object],
    summary: dict[str, object],
) -> Artifact:
    with store.writing(dataset_id, kind, identifier) as writer:
        writer.commit(
            make_manifest(
                writer, kind=kind, identifier=identifier, dataset_id=dataset_id, step="refine", options=options, inputs={},
                format_version=1, summary=summary,
            )
        )  # fmt: skip
    return store.get(dataset_id, kind, identifier)


def _curves() -> pa.Table:
    points = [(step, "loss", 3.0 - 0.1 * step) for step in range(1, 11)]
    points += [(step, "eval_loss", 3.0 - 0.08 * step) for step in (5, 10)]
    points += [(step, "learning_rate", 1e-4 * step) for step in range(1, 11)]
    steps, names, values = zip(*points, strict=True)
    return pa.table({"step": list(steps), "name": list(names), "value": list(values)})


def _evaluation(store: ArtifactStore, dataset_id: str, held_out: np.ndarray, n_answers: int) -> pa.Table:
    n = len(held_out)
    found = store.list(dataset_id, "clustering")
    clusters = read_cluster_ids(found[0])[held_out] if found else np.full(n, -1)
    answered = np.arange(n) < n_answers
    base = 2.0 + 0.1 * np.arange(n)
    texts = [HOSTILE if i == 0 else f"Question {i}?" for i in range(n)]
    columns: dict[str, object] = {
        "example_id": held_out, "cluster_id": clusters.astype(np.int32), "prompt": texts,
        "gold": [f"Answer {i}" for i in range(n)], "base_loss": base.astype(np.float32),
        # The last row became worse, so that there is something to find; the others changed unevenly, as rows do.
        "loss": np.where(np.arange(n) == n - 1, base + 0.1, base - 0.5 - 0.2 * (np.arange(n) % 3 - 1)).astype(np.float32),
        "base_response": [f"Base {i}" if yes else None for i, yes in enumerate(answered)],
        "response": [f"Tuned {i} {HOSTILE}" if yes else None for i, yes in enumerate(answered)],
    }  # fmt: skip
    for name, before, after in (("exact_match", 0, 1), ("token_f1", 0.25, 0.5), ("rouge_l", 0.2, 0.4)):
        columns[f"base_{name}"] = np.where(answered, before, np.nan).astype(np.float32)
        columns[name] = np.where(answered, after, np.nan).astype(np.float32)
    columns["base_json_valid"] = columns["json_valid"] = np.full(n, np.nan, dtype=np.float32)
    return pa.table(columns)
