"""Names of clusters by their verbs."""

from __future__ import annotations

import pytest

from tamis.actions.clusters import cluster_names, redo_rename, rename_cluster, undo_rename
from tamis.errors import InvalidOptions
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import run_step


def test_a_name_is_given_undone_and_given_back(workspace: Workspace, dataset_id: str) -> None:
    run_step(workspace.path, dataset_id, "embed", {"encoder": "hashing"})
    clustering = run_step(workspace.path, dataset_id, "cluster", {"method_options": {"n_clusters": 2}})
    own = cluster_names(workspace, clustering).names[0]
    named = rename_cluster(workspace, clustering, 0, " Baking ", "kim")
    assert (named.names[0], named.renamed) == ("Baking", {0})
    assert undo_rename(workspace, clustering, "ana") is None  # people undo what they did themselves
    assert undo_rename(workspace, clustering, "kim") == 0
    assert cluster_names(workspace, clustering).names[0] == own
    assert redo_rename(workspace, clustering, "kim") == 0
    assert rename_cluster(workspace, clustering, 0, "", "kim").names[0] == own
    with pytest.raises(InvalidOptions, match="no cluster 7"):
        rename_cluster(workspace, clustering, 7, "Baking", "kim")
