from __future__ import annotations

import numpy as np
import pytest

from tamis.errors import ArtifactMissing, DatasetMissing
from tamis.store.artifacts.view import open_view
from tests.core.store.small_workspace import DATASET, make_rows, write, write_dataset


def test_the_newest_of_everything_is_in_view(store, view):
    assert view.dataset_id == DATASET
    assert view.n_rows == 60
    assert set(view.scores) == {"alignment", "length"}
    assert view.layout.kind == "projection"
    assert view.layout.manifest.inputs["embeddings"] == view.embeddings.id
    assert view.selections == (view.selection,)


def test_an_unknown_dataset_or_artifact_is_named(store):
    with pytest.raises(DatasetMissing, match=f"Known: {DATASET}"):
        open_view(store, "nope")
    with pytest.raises(ArtifactMissing, match="no clustering 'nope'. Known: "):
        open_view(store, DATASET, clustering_id="nope")


@pytest.mark.parametrize("hostile", ["../..", "..", ".", "", "/etc", "a/b", "a\x00b", "a\\b"])
def test_an_id_that_could_climb_out_of_the_workspace_names_nothing(store, hostile):
    with pytest.raises(DatasetMissing):
        open_view(store, hostile)
    assert store.find(DATASET, "examples", hostile) is None


def test_principal_components_are_the_map_until_a_projection_of_the_newest_vectors_exists(empty_store):
    made = write_dataset(empty_store, make_rows(10))
    assert open_view(empty_store, DATASET).layout == made["projection"]
    newer = write(
        empty_store,
        "embeddings",
        step="embed",
        options={"encoder": "other"},
        fill=lambda w: np.save(w.path / "pca.npy", np.zeros((10, 2), dtype=np.float32)),
    )
    view = open_view(empty_store, DATASET)
    assert view.layout == view.embeddings == newer
    assert open_view(empty_store, DATASET, projection_id=made["projection"].id).layout == made["projection"]
    assert open_view(empty_store, DATASET, projection_id=made["embeddings"].id).layout == made["embeddings"]


def test_the_key_changes_with_what_is_in_view(empty_store):
    made = write_dataset(empty_store, make_rows(10))
    before = open_view(empty_store, DATASET)
    assert before.key == open_view(empty_store, DATASET).key
    other = write(
        empty_store,
        "projection",
        step="project",
        options={"seed": 2},
        inputs={"embeddings": made["embeddings"].id},
        fill=lambda w: np.save(w.path / "projection.npy", np.zeros((10, 2), dtype=np.float32)),
    )
    after = open_view(empty_store, DATASET)
    assert after.layout == other
    assert after.key != before.key
    assert open_view(empty_store, DATASET, projection_id=before.layout.id).key == before.key


def test_what_is_missing_names_the_step(empty_store):
    from tests.core.store.small_workspace import _fill_examples

    write(empty_store, "examples", step="import", fill=lambda w: _fill_examples(w, make_rows(2), 2))
    view = open_view(empty_store, DATASET)
    assert (view.clustering, view.layout, view.selection, dict(view.scores)) == (None, None, None, {})
    with pytest.raises(ArtifactMissing, match=f"tamis run cluster --dataset {DATASET}"):
        view.require("clustering")
