"""Where a dataset stands, and the jobs that take it further."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.actions.bootstrap import SAMPLE_BUDGET, SAMPLE_NAME, bootstrap_sample
from tamis.actions.opening import open_file
from tamis.actions.pipeline import StageState, next_stage, stages, submit_missing
from tamis.jobs import job_table
from tamis.settings import Settings
from tamis.steps.import_file.identify import plan_import
from tamis.store.locks import FileLock
from tamis.store.names import dataset_names
from tamis.store.workspace import Workspace, open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace", Settings(sample_on_empty=True))


@pytest.fixture
def dataset(workspace: Workspace, tmp_path: Path) -> str:
    return import_file(workspace.path, alpaca_file(tmp_path))


def states(workspace: Workspace, dataset: str) -> dict[str, StageState]:
    return {stage.row.name: stage.state for stage in stages(workspace, dataset)}


def test_after_the_import_embedding_is_next(workspace: Workspace, dataset: str) -> None:
    found = stages(workspace, dataset)
    assert found[0].state is StageState.DONE
    upcoming = next_stage(found)
    assert upcoming is not None and upcoming.row.name == "embed"


def test_nothing_is_next_while_something_is_under_way(workspace: Workspace, dataset: str) -> None:
    submit_missing(workspace, dataset)
    assert set(states(workspace, dataset).values()) == {StageState.DONE, StageState.QUEUED}
    assert next_stage(stages(workspace, dataset)) is None


def test_a_second_request_queues_nothing_twice(workspace: Workspace, dataset: str) -> None:
    submit_missing(workspace, dataset)
    assert submit_missing(workspace, dataset) == []


def test_what_is_done_is_not_queued_again(workspace: Workspace, dataset: str) -> None:
    run_pipeline(workspace.path, dataset)
    assert submit_missing(workspace, dataset) == []
    assert next_stage(stages(workspace, dataset)) is None


def test_clusters_of_older_embeddings_are_outdated(workspace: Workspace, dataset: str) -> None:
    run_pipeline(workspace.path, dataset)
    run_step(workspace.path, dataset, "embed", {"encoder": "hashing", "text": "prompt"})
    found = states(workspace, dataset)
    assert (found["cluster"], found["project"]) == (StageState.OUTDATED, StageState.OUTDATED)
    assert found["select"] is StageState.DONE


def test_a_failed_job_marks_its_stage_and_a_cancelled_one_does_not(
    workspace: Workspace, dataset: str
) -> None:
    jobs = {one.job.step: one.job for one in submit_missing(workspace, dataset)}
    with workspace.database.writing() as connection:
        job_table.change(connection, jobs["embed"], {"state": "failed", "reason": "no model"})
        job_table.change(connection, jobs["cluster"], {"state": "cancelled"})
    found = states(workspace, dataset)
    assert (found["embed"], found["cluster"]) == (StageState.FAILED, StageState.TODO)


def test_the_sample_is_imported_once_with_the_budget_of_the_first_start(workspace: Workspace) -> None:
    dataset = bootstrap_sample(workspace)
    assert dataset is not None
    jobs = {job.step: job for job in job_table.list_jobs(workspace.database)}
    assert jobs["select"].options["budget"] == SAMPLE_BUDGET
    assert jobs["import"].options["name"] == SAMPLE_NAME
    assert len(jobs["import"].options["files"]) == 3
    assert bootstrap_sample(workspace) is None
    assert len(job_table.list_jobs(workspace.database)) == 7


def test_a_server_that_comes_second_leaves_the_first_alone(workspace: Workspace) -> None:
    workspace.path.mkdir()
    first = FileLock(workspace.path / ".first-start.lock")
    assert first.acquire()
    assert bootstrap_sample(workspace) is None
    first.release()
    assert job_table.list_jobs(workspace.database) == []


def test_a_workspace_that_was_used_is_not_filled(workspace: Workspace, dataset: str) -> None:
    assert bootstrap_sample(workspace) is None
    assert list(dataset_names(workspace)) == [dataset]


def test_the_sample_is_what_the_command_line_would_import(workspace: Workspace) -> None:
    dataset = bootstrap_sample(workspace)
    (job,) = job_table.list_jobs(workspace.database, step="import")
    paths = [file["path"] for file in job.options["files"]]
    assert plan_import(paths, name=SAMPLE_NAME).dataset_id == dataset


def test_an_opened_file_is_seen_before_it_is_embedded(workspace: Workspace, tmp_path: Path) -> None:
    path = str(alpaca_file(tmp_path))
    dataset = open_file(workspace, [path])
    jobs = list(reversed(job_table.list_jobs(workspace.database, dataset_id=dataset)))
    assert [(job.step, job.options.get("encoder")) for job in jobs[:4]] == [
        ("import", None), ("embed", "hashing"), ("cluster", None), ("embed", "minilm"),
    ]  # fmt: skip
    preview, real = jobs[1], jobs[3]
    assert min(job.priority for job in jobs[:3]) > max(job.priority for job in jobs[3:])
    assert jobs[2].inputs["embeddings"] == preview.artifact_id
    later = [job for job in jobs[4:] if "embeddings" in job.inputs]
    assert {job.step for job in later} >= {"cluster", "project"}
    assert {job.inputs["embeddings"] for job in later} == {real.artifact_id}


def test_a_file_that_is_there_is_opened_again_without_an_import(
    workspace: Workspace, dataset: str, tmp_path: Path
) -> None:
    run_pipeline(workspace.path, dataset)
    n_jobs = len(job_table.list_jobs(workspace.database, dataset_id=dataset))
    assert open_file(workspace, [str(alpaca_file(tmp_path))]) == dataset
    assert len(job_table.list_jobs(workspace.database, dataset_id=dataset)) == n_jobs
