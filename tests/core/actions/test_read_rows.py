"""Questions about rows: matching, sorting, meaning, and what a map draws of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tamis.actions.dataset_context import DatasetContext, open_context, through_clustering
from tamis.actions.map_rows import cluster_middles
from tamis.actions.read_rows import (
    cluster_of,
    list_clusters,
    matching,
    nearest_in_cluster,
    nearest_rows,
    pattern_problem,
    picked_in,
    read_messages,
    similar_rows,
    sort_by_similarity,
    sort_rows,
    tags_of,
    usual_cutoff,
)
from tamis.actions.tags import add_tag
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.store.artifacts.readers import read_vectors
from tamis.store.rows.scope import ALL_ROWS, Scope, where
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import run_pipeline


@pytest.fixture
def context(workspace: Workspace, dataset_id: str) -> DatasetContext:
    run_pipeline(workspace.path, dataset_id)
    add_tag(workspace, dataset_id, "few", np.array([3, 30]), "kim")
    return open_context(workspace, dataset_id)


def test_a_dataset_without_vectors_answers_what_it_can(workspace: Workspace, dataset_id: str) -> None:
    context = open_context(workspace, dataset_id)
    assert matching(context, ALL_ROWS).tolist() == list(range(40))
    assert set(cluster_of(context).tolist()) == {-1}
    assert [turn["role"] for turn in read_messages(context, [7])[0]] == ["user", "assistant"]
    with pytest.raises(ArtifactMissing, match="embed"):
        _ranked(context, "row:1", within=matching(context, ALL_ROWS))


def test_rows_are_matched_sorted_and_tagged(context: DatasetContext) -> None:
    about = Scope(conditions=(where("contains", "bread", "prompt"),))
    rows = matching(context, about)
    assert rows.tolist() == list(range(0, 40, 4))
    assert sort_rows(context, rows, "example_id", descending=True).tolist() == rows[::-1].tolist()
    by_length = sort_rows(context, rows, "prompt_chars", descending=False)
    assert sorted(by_length.tolist()) == rows.tolist()
    assert [tags_of(context, row) for row in (3, 4)] == [["few"], []]
    assert matching(context, Scope(conditions=(where("tagged", ["few"]),))).tolist() == [3, 30]
    assert pattern_problem("a(") and not pattern_problem("a")


def _ranked(context: DatasetContext, near: str, **asked: Any) -> list[int]:
    return nearest_rows(context, near, **asked).rows.tolist()


def test_a_row_is_nearest_to_itself_and_a_sentence_to_rows_about_it(context: DatasetContext) -> None:
    everything = matching(context, ALL_ROWS)
    ranked = _ranked(context, "row:5", within=everything, k=4)
    assert ranked[0] == 5 and len(set(ranked)) == 4
    assert _ranked(context, "row:5", within=np.array([1, 2]), k=4)[0] != 5
    best = _ranked(context, "text:Question about bread", within=everything, k=5)
    assert {row % 4 for row in best} == {0}
    in_order = sort_by_similarity(context, "row:5", np.array([1, 5, 9]))
    assert in_order[0] == 5 and sorted(in_order.tolist()) == [1, 5, 9]
    assert sort_by_similarity(context, "row:999", np.array([1, 5])).tolist() == [1, 5]
    assert sort_by_similarity(context, "row:5", np.array([], dtype=np.int64)).tolist() == []
    assert len(_ranked(context, "row:5", within=np.array([1, 2]), k=2)) == 2


def test_what_is_less_similar_than_chance_brings_it_can_be_left_out(context: DatasetContext) -> None:
    everything = matching(context, ALL_ROWS)
    all_of_them = nearest_rows(context, "row:5", within=everything, k=40)
    usual = usual_cutoff(context)
    assert usual == usual_cutoff(context)
    vectors = read_vectors(context.view.require("embeddings"), "both").astype(np.float64)
    pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    assert usual == pytest.approx(np.quantile(pairs, 0.99), abs=0.03)
    for asked, least in ((None, -1.0), (0.5, 0.5), ("0.5", 0.5), ("usual", usual)):
        found = nearest_rows(context, "row:5", within=everything, k=40, at_least=asked)
        assert found.rows.tolist() == all_of_them.rows[all_of_them.cosines >= least].tolist()
        ordered = sort_by_similarity(context, "row:5", everything, at_least=asked)
        assert ordered.tolist() == found.rows.tolist()
    for wrong in (1.5, "much", float("nan")):
        with pytest.raises(InvalidOptions, match="cosine from -1 to 1"):
            nearest_rows(context, "row:5", within=everything, at_least=wrong)


def test_the_nearest_of_the_same_cluster_stay_in_it(context: DatasetContext) -> None:
    clusters = cluster_of(context)
    near = nearest_in_cluster(similar_rows(context, 5, 20), clusters, 5, 3)
    assert 0 < len(near) <= 3
    assert {int(clusters[row]) for row, _ in near} == {int(clusters[5])}
    assert [cosine for _, cosine in near] == sorted((cosine for _, cosine in near), reverse=True)


def test_clusters_selections_and_the_view_go_together(context: DatasetContext) -> None:
    panel = list_clusters(context, np.array([3, 30]))
    assert sum(panel["n_matching"].to_pylist()) == 2 and sum(panel["size"].to_pylist()) == 40
    (selection,) = context.view.selections
    held = [row for row in range(40) if picked_in(context, row)]
    assert len(held) == int(selection.summary["n_selected"])
    assert context.view.clustering is not None
    other = through_clustering(context, context.view.clustering.id, selection_id=selection.id)
    assert other.key == context.key
    assert through_clustering(context, "gone").view.clustering == context.view.clustering


def test_the_middle_of_a_cluster_is_its_median() -> None:
    xy = np.array([[0, 0], [1, 1], [5, 5], [9, 9]], dtype=np.float32)
    assert cluster_middles(xy, np.array([0, 0, 0, -1], dtype=np.int32)) == {0: (1.0, 1.0)}
