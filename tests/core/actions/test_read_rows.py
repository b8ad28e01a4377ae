"""Questions about rows: matching, sorting, meaning, and what a map draws of them."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.actions.dataset_context import DatasetContext, open_context, through_clustering
from tamis.actions.map_rows import cluster_middles
from tamis.actions.read_rows import (
    cluster_of,
    list_clusters,
    matching,
    nearest_in_cluster,
    pattern_problem,
    picked_in,
    rank_rows,
    read_messages,
    similar_rows,
    sort_by_similarity,
    sort_rows,
    tags_of,
)
from tamis.actions.tags import add_tag
from tamis.errors import ArtifactMissing
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
        rank_rows(context, "row:1", within=matching(context, ALL_ROWS))


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


def test_a_row_is_nearest_to_itself_and_a_sentence_to_rows_about_it(context: DatasetContext) -> None:
    everything = matching(context, ALL_ROWS)
    ranked = rank_rows(context, "row:5", within=everything, k=4)
    assert ranked[0] == 5 and len(set(ranked)) == 4
    assert rank_rows(context, "row:5", within=np.array([1, 2]), k=4)[0] != 5
    best = rank_rows(context, "text:Question about bread", within=everything, k=5)
    assert {row % 4 for row in best} == {0}
    in_order = sort_by_similarity(context, "row:5", np.array([1, 5, 9]))
    assert in_order[0] == 5 and sorted(in_order.tolist()) == [1, 5, 9]
    assert sort_by_similarity(context, "row:999", np.array([1, 5])).tolist() == [1, 5]
    assert sort_by_similarity(context, "row:5", np.array([], dtype=np.int64)).tolist() == []
    assert len(rank_rows(context, "row:5", within=np.array([1, 2]), k=2)) == 2


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
