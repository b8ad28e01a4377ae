"""Clusters changed by hand: what was asked, nothing else, as a new clustering with its parent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tamis
from tamis.actions.active import active_artifacts
from tamis.compute.cluster.regroup import group_of_rows, merge_groups, number_by_size, split_group
from tamis.errors import CurationError
from tamis.steps.plan import plan_step
from tamis.store.artifacts.readers import (
    read_centroids,
    read_cluster_ids,
    read_clusters,
    read_distances,
    read_vectors,
)
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step

ids = arrays(np.int32, st.integers(1, 30), elements=st.integers(-1, 5))


@given(ids, st.sets(st.integers(0, 5), min_size=2))
def test_a_merge_joins_those_and_leaves_the_others(before: np.ndarray, merged: set[int]) -> None:
    after = merge_groups(before, sorted(merged))
    inside = np.isin(before, list(merged))
    assert len(np.unique(after[inside])) <= 1
    assert (after[~inside] == before[~inside]).all()


@given(ids, st.randoms(use_true_random=False))
def test_a_split_is_inside_one_cluster_and_a_merge_of_its_parts_undoes_it(before: np.ndarray, chance) -> None:
    split = int(before.max())
    if split < 0:
        return
    parts = np.array([chance.randrange(3) for _ in range((before == split).sum())])
    after = split_group(before, split, parts)
    assert (after[before != split] == before[before != split]).all()
    assert (np.unique(parts).size) == np.unique(after[before == split]).size
    back = merge_groups(after, [split, *np.unique(after[after > split]).tolist()])
    assert (back == before).all()


@given(ids)
def test_numbers_follow_sizes_without_gaps(before: np.ndarray) -> None:
    after, old = number_by_size(before)
    sizes = np.bincount(after[after >= 0])
    assert (np.diff(sizes) <= 0).all() and (sizes > 0).all()
    assert (old[after[after >= 0]] == before[before >= 0]).all()
    assert ((after == -1) == (before == -1)).all()


def test_rows_of_several_clusters_become_one() -> None:
    inside = np.array([True, False, False, True])
    assert group_of_rows(np.array([0, 0, 1, -1], np.int32), inside).tolist() == [2, 0, 1, 2]


@pytest.fixture
def made(tmp_path: Path) -> tuple[Workspace, str]:
    dataset_id = import_file(tmp_path / "w", alpaca_file(tmp_path))
    run_pipeline(tmp_path / "w", dataset_id, budget=10)
    return open_workspace(tmp_path / "w"), dataset_id


def test_a_change_is_a_new_active_clustering_and_its_parent_the_way_back(made: tuple[Workspace, str]) -> None:
    workspace, dataset_id = made
    data = tamis.open(workspace.path).dataset(dataset_id)
    first = active_clustering(workspace, dataset_id)
    before = read_cluster_ids(workspace.artifacts.get(dataset_id, "clustering", first))
    data.clusters.rename(2, "Kept by hand")
    kept = before == 2

    merged = data.clusters.merge(0, 1, name="Both")
    second = active_clustering(workspace, dataset_id)
    artifact = workspace.artifacts.get(dataset_id, "clustering", second)
    after = read_cluster_ids(artifact)
    assert artifact.manifest.inputs["clustering"] == first
    assert len(np.unique(after[np.isin(before, [0, 1])])) == 1
    named = merged.names
    assert named[int(after[before == 0][0])] == "Both"
    assert {named[int(one)] for one in np.unique(after[kept])} == {"Kept by hand"}
    vectors = read_vectors(workspace.artifacts.list(dataset_id, "embeddings")[0])
    away = 1 - np.einsum("ij,ij->i", vectors, read_centroids(artifact)[after])
    assert read_distances(artifact) == pytest.approx(away, abs=1e-5)
    assert sum(read_clusters(artifact)["size"].to_pylist()) == len(before)

    split = data.clusters.split(0, into=2)
    assert len(split) == len(merged) + 1
    data.tags.add("mine", [0, 1, 2])
    of_tag = data.clusters.make("tag:mine", name="Mine")
    last = read_cluster_ids(
        workspace.artifacts.get(dataset_id, "clustering", active_clustering(workspace, dataset_id))
    )
    assert of_tag.names[int(last[0])] == "Mine"
    assert np.flatnonzero(last == last[0]).tolist() == [0, 1, 2]
    picked = data.select(budget=5, method="kmq", quality="none")
    selection = workspace.artifacts.get(dataset_id, "selection", picked.id)
    assert selection.manifest.inputs["clustering"] == active_clustering(workspace, dataset_id)

    for expected in (len(split), len(merged)):
        assert len(data.clusters.back()) == expected
    data.clusters.back()
    assert active_clustering(workspace, dataset_id) == first
    with pytest.raises(CurationError, match="nothing to undo"):
        data.clusters.back()


def test_a_change_reads_the_vectors_of_its_clustering_and_no_newer(made: tuple[Workspace, str]) -> None:
    workspace, dataset_id = made
    first = workspace.artifacts.list(dataset_id, "embeddings")[0]
    newer = run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing", "text": "prompt"})
    plan = plan_step(workspace.artifacts, dataset_id, "regroup", {"merge": [0, 1]})
    assert plan.inputs["embeddings"] == first.id != newer.id
    named = plan_step(workspace.artifacts, dataset_id, "regroup", {"merge": [0, 1], "embeddings": newer.id})
    assert named.inputs["embeddings"] == newer.id  # which the step then refuses, by name


def active_clustering(workspace: Workspace, dataset_id: str) -> str:
    return next(
        one.artifact_id for one in active_artifacts(workspace, dataset_id) if one.kind == "clustering"
    )


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda clusters: clusters.merge(1), "two clusters or more"),
        (lambda clusters: clusters.merge(0, 99), "no cluster 99"),
        (lambda clusters: clusters.split(0, into=900), "cannot be split into 900"),
        (lambda clusters: clusters.make("tag:nobody"), "nobody"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_is_said(made: tuple[Workspace, str], step, said: str) -> None:
    data = tamis.open(made[0].path).dataset(made[1])
    with pytest.raises(CurationError, match=said):
        step(data.clusters)
