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
from tests.support.changes import told_alone


def evaluated(
    store: ArtifactStore, identifier: str, rows: list[int], shift: object, **more: object
) -> Artifact:
    ids = np.array(rows)
    with store.writing("data", "adapter", identifier) as writer:
        columns = {
            "example_id": ids, "cluster_id": (ids % 2).astype(np.int32), "loss": 1.0 + ids + shift, "base_loss": 3.0 + ids
        } | more  # fmt: skip
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


def test_rows_that_any_run_kept_together_count_once(tmp_path: Path) -> None:
    """Sixty rows of five prompts are five pairs, too few for a verdict, also where only the other run says so."""
    store, rows = ArtifactStore(tmp_path), list(range(60))
    shift = np.random.default_rng(0).normal(-0.4, 0.1, 60)
    alone = [[evaluated(store, "a", rows, shift)], [evaluated(store, "b", rows, 0.0)]]
    assert {one.verdict for one in method_losses(alone)} == {"better", "worse"}
    prompts = np.arange(60) // 12
    told = [[evaluated(store, "c", rows, shift)], [evaluated(store, "d", rows, 0.0, group=prompts)]]
    found = [one for one in method_losses(told) if one.cluster_id == ALL_CLUSTERS]
    assert [(one.verdict, one.n_rows, one.beside.n) for one in found] == [("not clear", 60, 5)] * 2
    assert found[0].beside.mean == pytest.approx(shift.mean() / 2)
    # One run holds pairs together, the other the pair of two pairs: all are one.
    chained = [
        [evaluated(store, "e", rows, shift, group=np.arange(60) // 2)],
        [evaluated(store, "f", rows, 0.0, group=(np.arange(60) + 1) // 2)],
    ]
    assert {one.beside.n for one in method_losses(chained)} == {1}


def test_cells_of_methods_and_clusters_are_looked_at_together(tmp_path: Path) -> None:
    """A cell that is told alone, at p = .03, is not told among forty."""
    store, n_clusters = ArtifactStore(tmp_path), 20
    shift = told_alone(n_clusters)
    clusters = np.repeat(np.arange(n_clusters), len(shift) // n_clusters)
    for n, verdicts in ((1, {"better", "worse"}), (n_clusters, {"not clear"})):
        inside = np.flatnonzero(clusters < n)
        runs = [
            [
                evaluated(
                    store, f"{name}{n}", inside.tolist(), sign * shift[inside], cluster_id=clusters[inside]
                )
            ]
            for name, sign in (("a", 1), ("b", -1))
        ]
        parts = [one for one in method_losses(runs) if one.cluster_id != ALL_CLUSTERS]
        assert len(parts) == 2 * n
        assert {one.verdict for one in parts} == verdicts
