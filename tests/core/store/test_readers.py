from __future__ import annotations

import numpy as np
import pytest

from tamis.errors import ArtifactDamaged
from tamis.store.artifacts import readers
from tamis.store.artifacts.view import open_view
from tests.core.store.small_workspace import DATASET, FIELDS, make_rows, write_dataset


def test_examples_come_whole_or_in_batches(view, rows):
    assert readers.count_examples(view.examples) == len(rows)
    assert readers.read_examples(view.examples, ["prompt"])["prompt"].to_pylist() == rows.prompts
    batches = list(readers.iter_examples(view.examples, ["response"], batch_rows=7))
    assert max(batch.num_rows for batch in batches) <= 7
    assert [text for batch in batches for text in batch["response"].to_pylist()] == rows.responses


def test_rejects_and_metadata_fields(view):
    assert readers.read_rejects(view.examples).to_pylist() == [
        {"line": 7, "reason": "no response", "raw": '{"a": "\u2028"}'}
    ]
    assert readers.metadata_fields(view.examples) == FIELDS


def test_arrays_are_mapped_not_loaded(view, rows):
    assert isinstance(readers.read_vectors(view.embeddings), np.memmap)
    assert readers.read_token_counts(view.embeddings).tolist() == rows.tokens
    np.testing.assert_array_equal(readers.read_coordinates(view.layout), rows.xy)
    assert readers.read_coordinates(view.embeddings).shape == (len(rows), 2)
    assert readers.read_centroids(view.clustering).shape == (5, 8)
    with pytest.raises(ValueError, match="read-only"):
        readers.read_vectors(view.embeddings)[0, 0] = 1


def test_clusterings_scores_and_selections(view, rows):
    labels = readers.read_cluster_ids(view.clustering)
    assert (labels.dtype, labels.tolist()) == (np.int32, rows.clusters)
    assert readers.read_distances(view.clustering).tolist() == rows.distances
    np.testing.assert_array_equal(readers.read_scores(view.scores["alignment"]), rows.scores["alignment"])
    assert readers.read_evidence(view.scores["length"]).column_names == ["score"]
    assert readers.read_selected_ids(view.selection).tolist() == rows.selected
    assert readers.read_selection(view.selection)["rank"].to_pylist() == list(range(len(rows.selected)))


@pytest.mark.parametrize(
    ("kind", "name", "read"),
    [
        ("examples", "examples.parquet", readers.count_examples),
        ("projection", "projection.npy", readers.read_coordinates),
    ],
)
def test_a_file_of_rubbish_is_damaged_and_names_the_step(empty_store, kind, name, read):
    made = write_dataset(empty_store, make_rows(5))
    path = made[kind].path / name
    path.write_bytes(b"x" * path.stat().st_size)
    view = open_view(empty_store, DATASET)
    with pytest.raises(ArtifactDamaged, match=f"{name}.*run {made[kind].manifest.step!r} again"):
        read(view.examples if kind == "examples" else view.layout)


def test_a_pickled_array_is_never_loaded(empty_store):
    made = write_dataset(empty_store, make_rows(5))
    path = made["projection"].path / "projection.npy"
    size = path.stat().st_size
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    content = path.read_bytes()
    path.write_bytes(content[:size].ljust(size, b"\0"))
    with pytest.raises(ArtifactDamaged):
        readers.read_coordinates(made["projection"])
