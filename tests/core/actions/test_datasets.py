"""The datasets of a workspace: listed, renamed, put aside and put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.actions import datasets
from tamis.errors import DatasetMissing, InvalidOptions
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    import_file(tmp_path / "workspace", alpaca_file(tmp_path), name="Questions")
    return open_workspace(tmp_path / "workspace")


def test_a_dataset_is_listed_with_its_newest_artifacts(workspace: Workspace) -> None:
    (before,) = datasets.list_datasets(workspace)
    assert (before.name, before.n_rows, before.parent, set(before.made)) == (
        "Questions",
        40,
        "",
        {"examples"},
    )
    selection = run_pipeline(workspace.path, before.dataset_id)
    (after,) = datasets.list_datasets(workspace)
    assert after.made["selection"] == selection.id


def test_a_dataset_is_found_by_its_new_name_and_its_id(workspace: Workspace) -> None:
    (entry,) = datasets.list_datasets(workspace)
    assert datasets.rename_dataset(workspace, entry.dataset_id, " Answers ") == "Answers"
    assert datasets.find_dataset(workspace, "Answers") == entry.dataset_id
    assert datasets.find_dataset(workspace, entry.dataset_id) == entry.dataset_id
    with pytest.raises(DatasetMissing, match=r"Answers"):
        datasets.find_dataset(workspace, "Questions")
    with pytest.raises(InvalidOptions, match="at least one character"):
        datasets.rename_dataset(workspace, entry.dataset_id, " ")


def test_what_is_deleted_can_be_put_back_by_its_id(workspace: Workspace) -> None:
    (entry,) = datasets.list_datasets(workspace)
    gone = datasets.delete_dataset(workspace, entry.dataset_id)
    assert datasets.list_datasets(workspace) == []
    assert datasets.list_trash(workspace) == [gone]
    assert datasets.restore_dataset(workspace, entry.dataset_id) == entry.dataset_id
    assert datasets.list_datasets(workspace) == [entry]
    with pytest.raises(DatasetMissing, match="not in the trash"):
        datasets.restore_dataset(workspace, gone.name)
    datasets.delete_dataset(workspace, entry.dataset_id)
    assert datasets.empty_trash(workspace) == 1
    assert datasets.list_trash(workspace) == []
