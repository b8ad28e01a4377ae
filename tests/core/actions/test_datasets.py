"""The datasets of a workspace: listed, renamed, put aside and put back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tamis.actions import datasets
from tamis.actions.deletion import carry_out
from tamis.actions.submit import submit
from tamis.errors import DatasetMissing, InvalidOptions, JobConflict
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


def test_people_see_imports_first_and_then_what_is_newest(workspace: Workspace, tmp_path: Path) -> None:
    (oldest,) = datasets.dataset_names(workspace)
    made = [import_file(workspace.path, alpaca_file(tmp_path, 5 + i), f"Set {i}") for i in range(2)]
    made = [oldest, *made]
    newest = made[::-1]
    assert datasets.newest_first(workspace, made) == newest
    assert datasets.order_datasets(workspace, ["coming", made[0]], opened=None, n_shown=9) == [
        "coming",
        *newest,
    ]
    first = datasets.order_datasets(workspace, [], opened=made[0], n_shown=2)
    assert first == [made[0], made[2], made[1]]
    assert datasets.order_datasets(workspace, [], opened=made[1], n_shown=2) == newest


def test_a_dataset_says_what_it_is_made_of(workspace: Workspace) -> None:
    (dataset_id,) = datasets.dataset_names(workspace)
    stats = datasets.describe_dataset(workspace, dataset_id)
    assert (stats.n_rows, stats.n_repeated, stats.n_multi_turn) == (40, 0, 0)
    assert datasets.dataset_formats(workspace.artifacts.examples(dataset_id)) == ["Alpaca"]


def test_what_stands_in_the_way_of_a_deletion_is_known_before(workspace: Workspace) -> None:
    (dataset_id,) = datasets.dataset_names(workspace)
    plan = datasets.plan_dataset_deletion(workspace, dataset_id)
    assert (plan.obstacle, plan.into_trash, len(plan.of("examples"))) == ("", True, 1)
    assert plan.n_bytes > 0 and not plan.kept
    job = submit(workspace, dataset_id, "embed", {"encoder": "hashing"}).job
    refused = datasets.plan_dataset_deletion(workspace, dataset_id)
    assert "1 jobs" in refused.obstacle and "Cancel" in refused.obstacle
    with pytest.raises(JobConflict, match="1 jobs"):
        datasets.delete_dataset(workspace, dataset_id)
    with pytest.raises(JobConflict, match=f"Job {job.job_id} uses the examples"):
        carry_out(workspace, replace(plan, into_trash=False))
    assert list(datasets.dataset_names(workspace)) == [dataset_id]
    with pytest.raises(DatasetMissing):
        datasets.plan_dataset_deletion(workspace, "nothing")
