"""The start on an empty workspace: the sample data and the whole pipeline over them, exactly once."""

from __future__ import annotations

from pathlib import Path

from tamis.actions.pipeline import submit_missing
from tamis.jobs import job_table as rows
from tamis.jobs.scheduler.queue import submit
from tamis.settings import Settings, sample_data_folder
from tamis.steps.identify import plan_import
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.database.names import name_dataset
from tamis.store.locks import FileLock

SAMPLE_NAME = "Tamis sample"
SAMPLE_FILES = ("kitchen_and_home.jsonl", "science_and_history.json", "work_and_code.csv")
SAMPLE_BUDGET = 100


def bootstrap_sample(database: Database, store: ArtifactStore, settings: Settings) -> str | None:
    """Import the sample data and queue every stage when nothing was ever done in this workspace.

    Returns the dataset's id when this call started it, else None. Any number of tabs and servers may call it at once:
    the first holds a lock until its jobs are in the database, and after that the workspace is no longer empty.
    """
    paths = [sample_data_folder() / name for name in SAMPLE_FILES]
    if not settings.sample_on_empty or not all(path.is_file() for path in paths):
        return None
    if not is_untouched(database, store):
        return None
    lock = FileLock(store.workspace / ".first-start.lock")
    if not lock.acquire():
        return None
    try:
        # Between the look above and the lock another server may have done it.
        return _import_and_run(database, store, paths) if is_untouched(database, store) else None
    finally:
        lock.release()


def is_untouched(database: Database, store: ArtifactStore) -> bool:
    """Whether the workspace has no dataset and never had a job."""
    return not any(rows.counts(database).values()) and not store.dataset_ids()


def _import_and_run(database: Database, store: ArtifactStore, paths: list[Path]) -> str:
    plan = plan_import([str(path) for path in paths], name=SAMPLE_NAME)
    name_dataset(database, plan.dataset_id, SAMPLE_NAME)
    submit(database, store, plan.dataset_id, "import", plan.options)
    submit_missing(database, store, plan.dataset_id, instead={"select": ({"budget": SAMPLE_BUDGET},)})
    return plan.dataset_id
