"""The start on an empty workspace: the sample data and the whole pipeline over them, exactly once."""

from __future__ import annotations

from pathlib import Path

from tamis.actions.imports import plan_paths, start_import
from tamis.actions.pipeline import submit_missing
from tamis.actions.roles import needs
from tamis.jobs import job_table
from tamis.settings import sample_data_folder
from tamis.store.locks import FileLock
from tamis.store.workspace import Workspace

SAMPLE_NAME = "Tamis sample"
SAMPLE_FILES = ("kitchen_and_home.jsonl", "science_and_history.json", "work_and_code.csv")
SAMPLE_BUDGET = 100


@needs("operator", writes=False)
def bootstrap_sample(workspace: Workspace) -> str | None:
    """Import the sample data and queue every stage when nothing was ever done in this workspace.

    Returns the dataset's id when this call started it, else None. Any number of tabs and servers may call it at once:
    the first holds a lock until its jobs are in the database, and after that the workspace is no longer empty.
    """
    paths = [sample_data_folder() / name for name in SAMPLE_FILES]
    if not workspace.settings.sample_on_empty or not all(path.is_file() for path in paths):
        return None
    if workspace.database.is_read_only or not is_untouched(workspace):
        return None
    lock = FileLock(workspace.path / ".first-start.lock")
    if not lock.acquire():
        return None
    try:
        # Between the look above and the lock another server may have done it.
        return _import_and_run(workspace, paths) if is_untouched(workspace) else None
    finally:
        lock.release()


def is_untouched(workspace: Workspace) -> bool:
    """Whether the workspace has no dataset and never had a job."""
    return not any(job_table.counts(workspace.database).values()) and not workspace.artifacts.dataset_ids()


def _import_and_run(workspace: Workspace, paths: list[Path]) -> str:
    plan = plan_paths([str(path) for path in paths], name=SAMPLE_NAME)
    start_import(workspace, plan)
    submit_missing(workspace, plan.dataset_id, instead={"select": ({"budget": SAMPLE_BUDGET},)})
    return plan.dataset_id
