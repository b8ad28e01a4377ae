"""Deletion moves, restoring moves back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.errors import DatasetMissing, JobConflict
from tamis.jobs.scheduler.queue import submit
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.trash import discard_dataset, empty_trash, list_trash, restore_dataset
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def dataset(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path))


def test_a_dataset_goes_and_comes_back_with_its_rows(workspace: Path, dataset: str) -> None:
    store = ArtifactStore(workspace)
    entry = discard_dataset(open_workspace(workspace), dataset)
    assert store.dataset_ids() == []
    assert list_trash(open_workspace(workspace)) == [entry]
    assert restore_dataset(open_workspace(workspace), entry.name) == dataset
    assert store.examples(dataset).summary["n_examples"] == 40
    assert list_trash(open_workspace(workspace)) == []


def test_a_dataset_with_jobs_under_way_stays(workspace: Path, dataset: str) -> None:
    store = ArtifactStore(workspace)
    submit(open_workspace(workspace), dataset, "embed", {})
    with pytest.raises(JobConflict, match="1 jobs"):
        discard_dataset(open_workspace(workspace), dataset)
    assert store.dataset_ids() == [dataset]


def test_restoring_beside_a_new_import_of_the_same_is_refused(
    workspace: Path, dataset: str, tmp_path: Path
) -> None:
    entry = discard_dataset(open_workspace(workspace), dataset)
    assert import_file(workspace, tmp_path / "questions.jsonl") == dataset
    with pytest.raises(JobConflict, match="imported again"):
        restore_dataset(open_workspace(workspace), entry.name)


@pytest.mark.parametrize("name", ["../datasets", "20200101-000000-000000-never", ""])
def test_only_what_is_in_the_trash_can_be_put_back(workspace: Path, dataset: str, name: str) -> None:
    discard_dataset(open_workspace(workspace), dataset)
    with pytest.raises(DatasetMissing):
        restore_dataset(open_workspace(workspace), name)


def test_a_dataset_that_is_gone_cannot_be_deleted(workspace: Path) -> None:
    with pytest.raises(DatasetMissing):
        discard_dataset(open_workspace(workspace), "nothing")


def test_emptying_is_for_good(workspace: Path, dataset: str) -> None:
    discard_dataset(open_workspace(workspace), dataset)
    assert empty_trash(open_workspace(workspace)) == 1
    assert list_trash(open_workspace(workspace)) == []
