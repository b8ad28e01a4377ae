from __future__ import annotations

import pytest

from tamis.errors import DatasetMissing, InvalidOptions
from tamis.store.names import (
    cluster_names,
    dataset_names,
    find_dataset,
    name_dataset,
    redo_rename,
    rename_cluster,
    undo_rename,
)
from tamis.store.workspace import open_workspace
from tests.core.store.small_workspace import DATASET, _fill_examples, make_rows, write


@pytest.fixture
def clustering(view):
    return view.clustering


def test_a_dataset_has_the_name_of_its_import_until_somebody_names_it(workspace):
    assert dataset_names(workspace) == {DATASET: "Hostile rows"}
    assert name_dataset(workspace.database, DATASET, "  It's \u4f60 ") == "It's \u4f60"
    assert dataset_names(workspace) == {DATASET: "It's \u4f60"}
    name_dataset(workspace.database, DATASET, "again")
    assert dataset_names(workspace) == {DATASET: "again"}


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "x" * 201])
def test_a_bad_dataset_name_is_refused(database, name):
    with pytest.raises(InvalidOptions, match="name"):
        name_dataset(database, DATASET, name)


def test_a_dataset_is_found_by_id_or_name(workspace):
    assert find_dataset(workspace, DATASET) == DATASET
    assert find_dataset(workspace, "Hostile rows") == DATASET
    with pytest.raises(DatasetMissing, match=f"Known: {DATASET}"):
        find_dataset(workspace, "nope")


def test_a_name_that_two_datasets_share_is_not_guessed(empty_store):
    for dataset in ("one-1", "two-2"):
        rows = make_rows(2)
        write(
            empty_store,
            "examples",
            step="import",
            fill=lambda w, rows=rows: _fill_examples(w, rows, 2),
            summary={"name": "same"},
            dataset=dataset,
        )
    with pytest.raises(DatasetMissing, match="2 datasets are called 'same': use an id"):
        find_dataset(open_workspace(empty_store.workspace), "same")


def test_clusters_have_default_names(database, clustering):
    names = cluster_names(database, clustering)
    assert names.names == {
        -1: "Noise",
        0: "words 0",
        1: "words 1",
        2: "words 2",
        3: "words 3",
        4: "Cluster 4",
    }
    assert (names.revision, names.renamed) == (0, frozenset())


def test_renaming_undo_and_redo(database, clustering):
    rename_cluster(database, clustering, 2, "Cooking", "ann")
    rename_cluster(database, clustering, 2, "Baking \U0001f35e", "ann")
    assert cluster_names(database, clustering).names[2] == "Baking \U0001f35e"
    assert undo_rename(database, clustering, "ann") == 2
    assert cluster_names(database, clustering).names[2] == "Cooking"
    assert redo_rename(database, clustering, "ann") == 2
    assert cluster_names(database, clustering).names[2] == "Baking \U0001f35e"
    assert undo_rename(database, clustering, "bob") is None
    undo_rename(database, clustering, "ann")
    undo_rename(database, clustering, "ann")
    assert cluster_names(database, clustering).names[2] == "words 2"
    assert undo_rename(database, clustering, "ann") is None


def test_an_empty_name_gives_the_default_back(database, clustering):
    rename_cluster(database, clustering, 2, "Cooking", "ann")
    assert cluster_names(database, clustering).renamed == {2}
    rename_cluster(database, clustering, 2, " ", "ann")
    assert cluster_names(database, clustering).names[2] == "words 2"
    assert cluster_names(database, clustering).renamed == frozenset()


def test_every_rename_makes_a_new_revision(database, clustering):
    revisions = [cluster_names(database, clustering).revision]
    for act in (
        lambda: rename_cluster(database, clustering, 1, "a", "ann"),
        lambda: undo_rename(database, clustering, "ann"),
        lambda: redo_rename(database, clustering, "ann"),
    ):
        act()
        revisions.append(cluster_names(database, clustering).revision)
    assert revisions == sorted(set(revisions))


def test_a_cluster_that_is_not_there_is_named(database, clustering):
    with pytest.raises(InvalidOptions, match="no cluster 99"):
        rename_cluster(database, clustering, 99, "x", "ann")
