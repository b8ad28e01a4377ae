from __future__ import annotations

import numpy as np
import pytest

from tamis.errors import UnknownName
from tamis.store.artifacts.view import open_view
from tamis.store.names import cluster_names, rename_cluster
from tamis.store.rows.clusters import cluster_panel
from tests.core.store.small_workspace import DATASET, make_rows, write_dataset

ROWS = make_rows()


def _members(cluster_id: int) -> list[int]:
    return [i for i, c in enumerate(ROWS.clusters) if c == cluster_id]


def test_each_cluster_has_its_size_scores_and_share_selected(view):
    panel = cluster_panel(view)
    assert set(panel["cluster_id"].to_pylist()) == {-1, 0, 1, 2, 3, 4}
    for row in panel.to_pylist():
        members = _members(row["cluster_id"])
        scored = [
            ROWS.scores["alignment"][i]
            for i in members
            if ROWS.scores["alignment"][i] == ROWS.scores["alignment"][i]
        ]
        assert row["size"] == len(members) == row["n_matching"]
        assert row["score:alignment"] == pytest.approx(np.mean(scored) if scored else np.nan, nan_ok=True)
        assert row["n_selected"] == len(set(members) & set(ROWS.selected))
        assert row["selected_fraction"] == pytest.approx(row["n_selected"] / max(1, len(members)))


def test_an_empty_cluster_keeps_its_row(view):
    empty = [row for row in cluster_panel(view).to_pylist() if row["cluster_id"] == 4][0]
    assert (empty["size"], empty["selected_fraction"], empty["name"]) == (0, 0.0, "Cluster 4")
    assert np.isnan(empty["score:length"])


def test_noise_is_a_row_of_its_own(view):
    noise = [row for row in cluster_panel(view).to_pylist() if row["cluster_id"] == -1][0]
    assert (noise["name"], noise["keywords"], noise["medoids"]) == ("Noise", [], [])
    assert noise["size"] == len(_members(-1)) > 0


def test_names_that_people_gave_are_shown(view, database):
    rename_cluster(database, view.clustering, 2, "Cooking", "ann")
    panel = cluster_panel(view, cluster_names(database, view.clustering))
    assert dict(zip(panel["cluster_id"].to_pylist(), panel["name"].to_pylist(), strict=True))[2] == "Cooking"


def test_sorting_by_any_column(view):
    sizes = cluster_panel(view)["size"].to_pylist()
    assert sizes == sorted(sizes, reverse=True)
    assert cluster_panel(view, sort_by="cluster_id", descending=False)["cluster_id"].to_pylist() == [
        -1,
        0,
        1,
        2,
        3,
        4,
    ]
    with pytest.raises(UnknownName, match="colour"):
        cluster_panel(view, sort_by="colour")


def test_matching_rows_are_counted_beside_the_whole(view):
    panel = cluster_panel(view, rows=np.array([0, 1, 2, 3]))
    assert sum(panel["n_matching"].to_pylist()) == 4
    assert sum(panel["size"].to_pylist()) == len(ROWS)


def test_without_a_selection_the_share_is_unknown(empty_store):
    rows = make_rows(20)
    made = write_dataset(empty_store, rows)
    import shutil

    shutil.rmtree(made["selection"].path)
    panel = cluster_panel(open_view(empty_store, DATASET))
    assert set(panel["selected_fraction"].to_pylist()) == {None}
