"""Versions by their verbs: made under a default name, compared, and read where they differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.actions.artifact_names import plain_name
from tamis.actions.clusters import cluster_names, rename_cluster
from tamis.actions.decisions import DecidedBy, decide_rows, own_messages, save_edit
from tamis.actions.drafts import start_edit
from tamis.actions.export import ExportRequest, export
from tamis.actions.manifests import lineage
from tamis.actions.replay import replay_manifest
from tamis.actions.verify import verify
from tamis.actions.versions import (
    carry_over,
    compare_versions,
    default_version_name,
    earlier_versions,
    make_version,
    parent_version,
    read_changed,
)
from tamis.actions.word_marks import mark_words
from tamis.errors import InvalidOptions
from tamis.registry import parse_options
from tamis.steps.cluster.options import ClusterOptions
from tamis.steps.resolve_rows import look_at
from tamis.store.artifacts.readers import (
    read_cluster_ids,
    read_coordinates,
    read_distances,
    read_scores,
    read_selected_ids,
    read_vectors,
)
from tamis.store.artifacts.versions import read_parent_ids
from tamis.store.names import dataset_names
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import run_pipeline, run_step
from tests.support.in_process import run_queued

KIM = DecidedBy(reviewer="kim")


def decide_one(workspace: Workspace, dataset_id: str) -> None:
    (own,) = own_messages(workspace, dataset_id, [3])
    save_edit(workspace, dataset_id, 3, start_edit(own, "Another answer."), KIM)


def test_a_version_is_queued_under_the_default_name(workspace: Workspace, dataset_id: str) -> None:
    with pytest.raises(InvalidOptions, match="Nothing is decided"):
        make_version(workspace, dataset_id)
    decide_one(workspace, dataset_id)
    job = make_version(workspace, dataset_id).job
    assert (job.step, job.options["parent"]) == ("curate", dataset_id)
    assert job.options["name"] == default_version_name(workspace, dataset_id) == "Questions, curated"
    assert make_version(workspace, dataset_id).attached
    with pytest.raises(InvalidOptions):
        make_version(workspace, dataset_id, "x" * 300)


def test_a_version_is_compared_with_what_it_was_made_from(workspace: Workspace, dataset_id: str) -> None:
    assert earlier_versions(workspace, dataset_id) == []
    with pytest.raises(
        InvalidOptions, match="was not made from another dataset.*name the one to compare it with"
    ):
        parent_version(workspace, dataset_id)
    decide_one(workspace, dataset_id)
    job = make_version(workspace, dataset_id, " Better ").job
    run_step(workspace.path, job.dataset_id, "curate", job.options)
    assert dataset_names(workspace)[job.dataset_id] == "Better"
    assert parent_version(workspace, job.dataset_id) == dataset_id
    found = compare_versions(workspace, dataset_id, job.dataset_id)
    assert (found.n_kept, [row.old_id for row in found.rows]) == (39, [3])
    ((before, after),) = read_changed(workspace, found, found.rows)
    assert before is not None and after is not None
    assert [turns[-1]["content"] for turns in (before, after)] == ["Answer 3 on rivers.", "Another answer."]


def test_marks_say_how_much_two_texts_share() -> None:
    alike = mark_words("The oven is hot.", "The oven is cold.")
    assert [part.kind for part in alike.parts] == ["kept", "removed", "added", "kept"]
    assert 0.7 < alike.shared_fraction < 1 and 0 < alike.changed_fraction < 0.3
    other = mark_words("", "words")
    assert (other.shared_fraction, other.changed_fraction) == (0.0, 1.0)
    same = mark_words("words", "words")
    assert (same.shared_fraction, same.changed_fraction) == (1.0, 0.0)


def test_a_version_is_given_what_its_parent_has_in_view_and_nothing_known_is_computed_again(
    workspace: Workspace, dataset_id: str
) -> None:
    decide_one(workspace, dataset_id)
    run_pipeline(workspace.path, dataset_id)
    run_step(workspace.path, dataset_id, "score", {"scorer": "length"})
    job = make_version(workspace, dataset_id).job
    queued = carry_over(workspace, dataset_id, job.dataset_id)  # before the version is there
    assert [one.job.step for one in queued] == ["embed", "cluster", "project", "score", "score"]
    assert queued[0].job.waits_for == (job.job_id,)
    run_queued(workspace)
    before, after = look_at(workspace, dataset_id), look_at(workspace, job.dataset_id)
    for kind in ("embeddings", "clustering", "layout"):
        old, new = getattr(before, kind), getattr(after, kind)
        kept = {
            name: new.manifest.options[name]
            for name in ("kept_from", "names")
            if name in new.manifest.options
        }
        assert new.manifest.options == old.manifest.options | kept
    assert set(after.scores) == set(before.scores) == {"alignment", "length"}
    assert after.score == before.score
    made = after.embeddings
    assert made is not None
    # 40 prompts and 40 answers, of which one is new.
    assert made.summary["n_reused"] == made.summary["n_texts"] - 1


def carried(workspace: Workspace, dataset_id: str) -> str:
    version = make_version(workspace, dataset_id).job.dataset_id
    carry_over(workspace, dataset_id, version)
    run_queued(workspace)
    return version


def values(workspace: Workspace, dataset_id: str) -> dict[str, np.ndarray]:
    """What a dataset has in view of every row."""
    view = look_at(workspace, dataset_id)
    clustering = view.require("clustering")
    return {
        "vectors": np.asarray(read_vectors(view.require("embeddings"))),
        "places": np.asarray(read_coordinates(view.require("layout"))),
        "clusters": read_cluster_ids(clustering),
        "distances": read_distances(clustering),
    } | {name: read_scores(scores) for name, scores in view.scores.items()}


def test_rows_that_did_not_change_keep_place_cluster_vector_and_score_to_the_bit(
    workspace: Workspace, dataset_id: str, tmp_path: Path
) -> None:
    """Also where a whole cluster is dropped, where clusters were changed and named by hand, and in a version of a version."""
    run_pipeline(workspace.path, dataset_id)
    run_step(workspace.path, dataset_id, "regroup", {"merge": [2, 3]})
    before = values(workspace, dataset_id)
    clustering = look_at(workspace, dataset_id).require("clustering")
    rename_cluster(workspace, clustering, 0, "Both of them", "kim")
    others = [one for one in range(3) if one != before["clusters"][3]]
    emptied = np.flatnonzero(before["clusters"] == others[-1]).tolist()
    decide_one(workspace, dataset_id)
    decide_rows(workspace, dataset_id, np.array([0, 8, *emptied]), "drop", reviewer="kim")
    first = carried(workspace, dataset_id)
    decide_rows(workspace, first, np.array([0]), "drop", reviewer="kim")
    versions, rows = [first, carried(workspace, first)], np.arange(40)
    for version in versions:
        examples, after = workspace.artifacts.examples(version), values(workspace, version)
        rows = rows[read_parent_ids(examples)]
        same = rows != 3
        for name, known in before.items():
            assert np.array_equal(after[name][same], known[rows[same]], equal_nan=True), name
        (changed,) = np.flatnonzero(~same)
        assert np.isfinite(after["places"][changed]).all() and after["clusters"][changed] >= 0
        made = look_at(workspace, version).require("clustering")
        assert cluster_names(workspace, made).names[0] == "Both of them"
        assert made.summary["n_clusters"] == 3 and plain_name(made).endswith(" · carried over")
    assert not verify(workspace).damaged
    picked = run_step(workspace.path, versions[-1], "select", {"budget": 5})
    assert len(read_selected_ids(picked)) == 5
    request = ExportRequest(dataset_id=versions[-1], selection=picked.id)
    exported = export(workspace, request, tmp_path / "picked.jsonl")
    made_from = [(one.kind, one.manifest.dataset_id) for one in lineage(workspace.artifacts, picked)]
    assert {("clustering", one) for one in (dataset_id, *versions)} <= set(made_from)
    again = replay_manifest(exported.manifest_path, tmp_path / "again", sources=(), out=None, say=print)
    assert again.identical


def test_what_is_kept_from_is_an_earlier_version_with_the_same_vectors(
    workspace: Workspace, dataset_id: str
) -> None:
    run_pipeline(workspace.path, dataset_id)
    view = look_at(workspace, dataset_id)
    decide_rows(workspace, dataset_id, np.array([0]), "drop", reviewer="kim")
    version = carried(workspace, dataset_id)
    afresh = run_step(workspace.path, version, "cluster", dict(view.require("clustering").manifest.options))
    assert "kept_from" not in afresh.manifest.options and "n_kept" not in afresh.summary
    with pytest.raises(InvalidOptions, match="DATASET/ID"):
        run_step(workspace.path, version, "project", {"kept_from": "elsewhere"})
    layout = look_at(workspace, version).require("layout")
    with pytest.raises(InvalidOptions, match="was not made from"):
        run_step(workspace.path, dataset_id, "project", {"kept_from": f"{version}/{layout.id}"})
    run_step(workspace.path, version, "embed", {"encoder": "hashing", "text": "response"})
    with pytest.raises(InvalidOptions, match="another encoder"):
        run_step(
            workspace.path, version, "project", {"kept_from": f"{dataset_id}/{view.require('layout').id}"}
        )
    assert parse_options(ClusterOptions, {}).identity().keys().isdisjoint({"kept_from", "names"})
