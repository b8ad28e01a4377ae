"""Losses of methods are compared on the rows that all their runs were measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tamis.steps.compare.training import ALL_CLUSTERS, method_losses
from tamis.store.artifacts.adapters import EVALUATION
from tamis.store.artifacts.store import Artifact, ArtifactStore, make_manifest


def evaluated(store: ArtifactStore, identifier: str, rows: list[int], shift: object) -> Artifact:
    ids = np.array(rows)
    with store.writing("data", "adapter", identifier) as writer:
        columns = {
            "example_id": ids, "cluster_id": (ids % 2).astype(np.int32), "loss": 1.0 + ids + shift, "base_loss": 3.0 + ids
        }  # fmt: skip
        pq.write_table(pa.table(columns), writer.path / EVALUATION)
        writer.commit(
            make_manifest(
                writer, kind="adapter", identifier=identifier, dataset_id="data", step="finetune", options={}, inputs={},
                format_version=1, summary={},
            )
        )  # fmt: skip
    return store.get("data", "adapter", identifier)


def test_runs_of_other_held_out_rows_are_compared_on_those_in_common(tmp_path: Path) -> None:
    """As a run of before beside one that left out rows that its model knew."""
    store = ArtifactStore(tmp_path)
    first = [evaluated(store, "a", [0, 1, 2, 3], 0.0), evaluated(store, "b", [3, 2, 1], 0.2)]
    found = method_losses([first, [], [evaluated(store, "c", [1, 2, 3, 9], 1.0)]])
    whole = {one.method: one for one in found if one.cluster_id == ALL_CLUSTERS}
    assert {method: (one.n_rows, one.n_runs) for method, one in whole.items()} == {0: (3, 2), 2: (3, 1)}
    assert whole[0].loss == pytest.approx(3.1)
    assert whole[2].loss - whole[0].loss == pytest.approx(0.9)
    assert whole[0].base_loss == whole[2].base_loss == pytest.approx(5.0)
    assert method_losses([[], []]) == []


def test_a_method_is_better_only_beyond_what_rows_leave_open(tmp_path: Path) -> None:
    store, rng = ArtifactStore(tmp_path), np.random.default_rng(0)
    rows = list(range(80))
    names = ("ahead", "behind", "too")
    runs = [
        [evaluated(store, name, rows, rng.normal(shift, 0.3, 80))]
        for name, shift in zip(names, (-0.4, 0.2, 0.2), strict=True)
    ]
    found = method_losses(runs)
    whole = [one for one in found if one.cluster_id == ALL_CLUSTERS]
    assert [one.verdict for one in whole] == ["better", "worse", "worse"]
    assert sum(one.beside.mean for one in whole) == pytest.approx(0)
    assert all(one.beside.low <= one.beside.mean <= one.beside.high for one in whole)
    # Two alike: no cell is called, whatever the sign of its difference.
    alike = [[evaluated(store, f"alike{i}", rows, rng.normal(0, 0.3, 80))] for i in range(2)]
    assert {one.verdict for one in method_losses(alike)} == {"not clear"}
    alone = method_losses(runs[:1])
    assert {one.verdict for one in alone} == {"not clear"}
    assert np.isnan([one.beside.mean for one in alone]).all()
