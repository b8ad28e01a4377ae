"""Where a dataset stands, and the jobs that take it further."""

from __future__ import annotations

from pathlib import Path

import pytest

from tamis.actions.bootstrap import (
    SAMPLE_BUDGET,
    SAMPLE_NAME,
    bootstrap_sample,
)
from tamis.actions.pipeline import (
    StageState,
    next_stage,
    stages,
    submit_missing,
)
from tamis.jobs import job_table as rows
from tamis.settings import Settings
from tamis.steps.identify import plan_import
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.database.names import dataset_names
from tamis.store.locks import FileLock
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def database(workspace: Path) -> Database:
    return Database(workspace)


@pytest.fixture
def store(workspace: Path) -> ArtifactStore:
    return ArtifactStore(workspace)


@pytest.fixture
def dataset(workspace: Path, tmp_path: Path) -> str:
    return import_file(workspace, alpaca_file(tmp_path))


def states(database: Database, store: ArtifactStore, dataset: str) -> dict[str, StageState]:
    return {stage.row.name: stage.state for stage in stages(database, store, dataset)}


def test_after_the_import_embedding_is_next(database: Database, store: ArtifactStore, dataset: str) -> None:
    found = stages(database, store, dataset)
    assert found[0].state is StageState.DONE
    upcoming = next_stage(found)
    assert upcoming is not None and upcoming.row.name == "embed"


def test_nothing_is_next_while_something_is_under_way(
    database: Database, store: ArtifactStore, dataset: str
) -> None:
    submit_missing(database, store, dataset)
    assert set(states(database, store, dataset).values()) == {StageState.DONE, StageState.QUEUED}
    assert next_stage(stages(database, store, dataset)) is None


def test_a_second_request_queues_nothing_twice(
    database: Database, store: ArtifactStore, dataset: str
) -> None:
    submit_missing(database, store, dataset)
    assert submit_missing(database, store, dataset) == []


def test_what_is_done_is_not_queued_again(
    database: Database, store: ArtifactStore, workspace: Path, dataset: str
) -> None:
    run_pipeline(workspace, dataset)
    assert submit_missing(database, store, dataset) == []
    assert next_stage(stages(database, store, dataset)) is None


def test_clusters_of_older_embeddings_are_outdated(
    database: Database, store: ArtifactStore, workspace: Path, dataset: str
) -> None:
    run_pipeline(workspace, dataset)
    run_step(workspace, dataset, "embed", {"encoder": "hashing", "text": "prompt"})
    found = states(database, store, dataset)
    assert (found["cluster"], found["project"]) == (StageState.OUTDATED, StageState.OUTDATED)
    assert found["select"] is StageState.DONE


def test_a_failed_job_marks_its_stage_and_a_cancelled_one_does_not(
    database: Database, store: ArtifactStore, dataset: str
) -> None:
    jobs = {one.job.step: one.job for one in submit_missing(database, store, dataset)}
    with database.writing() as connection:
        rows.change(connection, jobs["embed"], {"state": "failed", "reason": "no model"})
        rows.change(connection, jobs["cluster"], {"state": "cancelled"})
    found = states(database, store, dataset)
    assert (found["embed"], found["cluster"]) == (StageState.FAILED, StageState.TODO)


def test_the_sample_is_imported_once_with_the_budget_of_the_first_start(
    database: Database, store: ArtifactStore
) -> None:
    settings = Settings(sample_on_empty=True)
    dataset = bootstrap_sample(database, store, settings)
    assert dataset is not None
    jobs = {job.step: job for job in rows.list_jobs(database)}
    assert jobs["select"].options["budget"] == SAMPLE_BUDGET
    assert jobs["import"].options["name"] == SAMPLE_NAME
    assert len(jobs["import"].options["files"]) == 3
    assert bootstrap_sample(database, store, settings) is None
    assert len(rows.list_jobs(database)) == 7


def test_a_server_that_comes_second_leaves_the_first_alone(
    database: Database, store: ArtifactStore, workspace: Path
) -> None:
    first = FileLock(workspace / ".first-start.lock")
    assert first.acquire()
    assert bootstrap_sample(database, store, Settings(sample_on_empty=True)) is None
    first.release()
    assert rows.list_jobs(database) == []


def test_a_workspace_that_was_used_is_not_filled(
    database: Database, store: ArtifactStore, dataset: str
) -> None:
    assert bootstrap_sample(database, store, Settings(sample_on_empty=True)) is None
    assert list(dataset_names(database, store)) == [dataset]


def test_the_sample_is_what_the_command_line_would_import(database: Database, store: ArtifactStore) -> None:
    dataset = bootstrap_sample(database, store, Settings(sample_on_empty=True))
    (job,) = rows.list_jobs(database, step="import")
    paths = [file["path"] for file in job.options["files"]]
    assert plan_import(paths, name=SAMPLE_NAME).dataset_id == dataset
