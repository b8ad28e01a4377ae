"""A workspace as the edition before left it opens unchanged: same artifacts, names, tags and decisions, same exports.

The archive was made by that edition and is never made again; ``expected.json`` holds what it said of itself.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tamis.actions.active import look_at
from tamis.actions.export import ExportRequest, export
from tamis.cli.main import run
from tamis.jobs.scheduler.again import plan_of_manifest
from tamis.store.artifacts.readers import read_cluster_ids, read_selected_ids
from tamis.store.database.tags import tag_state
from tamis.store.names import cluster_names, dataset_names
from tamis.store.review.decisions import decision_state
from tamis.store.workspace import Workspace, open_workspace

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "previous_edition"
EXPECTED: dict[str, Any] = json.loads((FIXTURE / "expected.json").read_text(encoding="utf-8"))
DATASETS: dict[str, Any] = EXPECTED["datasets"]


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The unpacked folder, anew for every test: opening the database migrates it."""
    assert not Path(EXPECTED["made_with"]["recorded_place"]).exists(), "replay would read from there"
    plain = zstandard.ZstdDecompressor().decompress((FIXTURE / "workspace.tar.zst").read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "previous_edition"


@pytest.fixture
def workspace(previous: Path) -> Workspace:
    return open_workspace(previous / "workspace")


def test_every_artifact_is_there_and_whole(workspace: Workspace) -> None:
    for dataset_id, expected in DATASETS.items():
        for kind, artifacts in expected["artifacts"].items():
            there = {artifact.id: artifact for artifact in workspace.artifacts.list(dataset_id, kind)}
            assert sorted(there) == sorted(one["id"] for one in artifacts)
            for one in artifacts:
                for name in one["files"]:
                    assert there[one["id"]].file(name).is_file()


def test_the_newest_of_each_kind_is_still_the_newest(workspace: Workspace) -> None:
    for dataset_id, expected in DATASETS.items():
        newest = {kind: workspace.artifacts.list(dataset_id, kind)[0].id for kind in expected["newest"]}
        assert newest == expected["newest"]


def test_what_a_comparison_drew_is_not_taken_for_a_choice(workspace: Workspace) -> None:
    """The last three selections of the household were drawn by its comparison; the person's own last pick is the one before."""
    view = look_at(workspace, "household-6a28dc")
    drawn = {"d4b78a2fb92fbeb5", "f1423bcbde49e80c", "9b1d6cdaa03de9d9"}
    assert view.choices.inside == drawn
    assert [one.id for one in view.selections] == ["1c9e1a3b90501e16", "8e7a427a95a10ae2"]
    assert view.selection is not None and view.selection.id == "1c9e1a3b90501e16"


def test_clusters_and_picks_read_as_they_did(workspace: Workspace) -> None:
    for dataset_id, expected in DATASETS.items():
        for one in expected["artifacts"].get("clustering", []):
            artifact = workspace.artifacts.get(dataset_id, "clustering", one["id"])
            assert read_cluster_ids(artifact).tolist() == one["cluster_ids"]
        for one in expected["artifacts"].get("selection", []):
            artifact = workspace.artifacts.get(dataset_id, "selection", one["id"])
            assert read_selected_ids(artifact).tolist() == one["example_ids"]


def test_names_tags_and_cluster_names_are_kept(workspace: Workspace) -> None:
    names = dataset_names(workspace)
    for dataset_id, expected in DATASETS.items():
        assert names[dataset_id] == expected["name"]
        tags = tag_state(workspace.database, dataset_id)
        assert {tag: rows.tolist() for tag, rows in tags.rows.items()} == expected["tags"]["rows"]
        for clustering_id, clusters in expected["clusters"].items():
            clustering = workspace.artifacts.get(dataset_id, "clustering", clustering_id)
            kept = cluster_names(workspace.database, clustering)
            assert {str(cluster): name for cluster, name in kept.names.items()} == clusters["names"]


def test_decisions_and_conflicts_are_kept(workspace: Workspace) -> None:
    for dataset_id, expected in DATASETS.items():
        state = decision_state(workspace.database, dataset_id)
        in_force = {row: (d.verdict, d.reviewer, d.event_id) for row, d in state.decided.items()}
        wanted = expected["decisions"]
        assert in_force == {
            d["example_id"]: (d["verdict"], d["reviewer"], d["event_id"]) for d in wanted["in_force"]
        }
        assert len(state.conflicts) == len(wanted["conflicts"])


@pytest.mark.parametrize("name", EXPECTED["exports"])
def test_an_export_of_then_is_made_again_byte_for_byte(
    previous: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [part for file in sorted((previous / "sources").iterdir()) for part in ("--source", str(file))]
    out = tmp_path / f"again-{name}"
    manifest = previous / "exports" / f"{name}.manifest.json"
    code = run(
        ["--workspace", str(tmp_path / "elsewhere"), "replay", str(manifest), *sources, "--out", str(out)]
    )
    assert code == 0, capsys.readouterr().err
    assert out.read_bytes() == (previous / "exports" / name).read_bytes()


def test_rows_of_then_are_exported_now(workspace: Workspace, tmp_path: Path) -> None:
    for dataset_id in workspace.artifacts.dataset_ids():
        done = export(
            workspace, ExportRequest(dataset_id=dataset_id, selection="all"), tmp_path / f"{dataset_id}.jsonl"
        )
        assert done.n_rows == workspace.artifacts.examples(dataset_id).summary["n_examples"]


ALIKE = ("import", "embed", "project", "curate", "propose")  # steps that name their results as they did
JUDGED = ("correct", "additions")


def test_what_a_manifest_says_names_the_very_artifact(workspace: Workspace) -> None:
    """What ``tamis doctor --verify --recompute`` goes by where the job is forgotten; what was named otherwise then, it refuses."""
    for dataset_id in DATASETS:
        for one in workspace.artifacts.list(dataset_id):
            named = (
                plan_of_manifest(workspace, one.manifest).artifact_id if one.manifest.step in ALIKE else ""
            )
            if one.manifest.step == "propose" and one.manifest.options["method"] in JUDGED:
                assert named != one.id  # judges read tools and reasoning since
            elif named:
                assert named == one.id, one.manifest.step
