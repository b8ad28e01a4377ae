"""A small dataset and the tiny model, for tests of fine-tuning."""

from __future__ import annotations

import json

import numpy as np

from tamis.steps.execute import Task, execute
from tamis.steps.import_file.identify import plan_import
from tamis.steps.plan import plan_step
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.store import ArtifactStore, make_manifest

RECIPE = {
    "num_train_epochs": 1,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "bf16": "off",
    "use_cpu": True,
    "max_length": 200,
    "lora_r": 4,
}


class Reports:
    """Takes reports, and raises at the stage and position that a test names."""

    def __init__(self, error=None, stage="", at=0):
        self.stages, self.points = [], []
        self._error, self._stage, self._at = error, stage, at

    def progress(self, stage, done, total, message=""):
        self.stages.append((stage, done, total, message))
        if self._error is not None and stage == self._stage and done >= self._at:
            raise self._error

    def metric(self, name, value, position):
        self.points.append((name, value, position))


def small_dataset(folder, n=24):
    file = folder / "rows.jsonl"
    rows = [
        {"instruction": f"What is {i} plus {i}?", "input": "", "output": f"It is {2 * i}."} for i in range(n)
    ]
    rows[1]["output"] = '{"sum": 2}'
    file.write_text("\n".join(map(json.dumps, rows)))
    store = ArtifactStore(folder / "ws")
    plan = plan_import([str(file)])
    run(store, plan.dataset_id, "import", plan.options)
    return store, plan.dataset_id


def run(store, dataset_id, step, values, reports=None):
    plan = plan_step(store, dataset_id, step, values)
    options = plan.options.model_dump(mode="json")
    task = Task(dataset_id, step, options, plan.inputs, plan.input_kinds, plan.artifact_id)
    return execute(store, task, reports or Reports())


def rows_artifact(store, dataset_id, ids):
    return freeze_rows(store, dataset_id, np.asarray(ids, dtype=np.int64), "test").id


def clustering(store, dataset_id, cluster_ids, identifier="groups"):
    """A clustering written by hand."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with store.writing(dataset_id, "clustering", identifier) as writer:
        table = pa.table(
            {"cluster_id": pa.array(cluster_ids, pa.int32()), "distance": [0.0] * len(cluster_ids)}
        )
        pq.write_table(table, writer.path / "clustering.parquet")
        writer.commit(
            make_manifest(
                writer, kind="clustering", identifier=identifier, dataset_id=dataset_id, step="cluster",
                options={}, inputs={}, format_version=1, summary={"n_clusters": len(set(cluster_ids)), "n_noise": 0},
            )
        )  # fmt: skip
    return identifier
