"""Datasets put aside: a deletion moves the folder into the workspace's trash, from where it can be put back."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tamis.errors import DatasetMissing, JobConflict
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database
from tamis.store.durable import make_folder, rename_durably
from tamis.store.names import names_of_all
from tamis.store.workspace import Workspace

_ENTRY = re.compile(r"(\d{8}-\d{6}-\d{6})-(\w[\w.-]*)")


@dataclass(frozen=True, slots=True)
class Discarded(HtmlFacts):
    """A dataset in the trash; ``name`` is what its folder is called there, ``dataset_name`` what people call it."""

    name: str
    dataset_id: str
    discarded_at: datetime
    dataset_name: str


def discard_dataset(workspace: Workspace, dataset_id: str) -> Discarded:
    """Move a dataset with everything computed from it into the trash.

    Raises DatasetMissing, and JobConflict while a job for it is under way.
    """
    if dataset_id not in workspace.artifacts.dataset_ids():
        raise DatasetMissing(f"There is no dataset {dataset_id!r}; it may have been deleted meanwhile.")
    obstacle = obstacle_to_discarding(workspace.database, dataset_id)
    if obstacle:
        raise JobConflict(obstacle)
    now = datetime.now(UTC)
    called = names_of_all(workspace.database).get(dataset_id, dataset_id)
    entry = Discarded(f"{now:%Y%m%d-%H%M%S-%f}-{dataset_id}", dataset_id, now, called)
    make_folder(_trash(workspace.artifacts))
    rename_durably(workspace.artifacts.datasets_path / dataset_id, _trash(workspace.artifacts) / entry.name)
    return entry


def obstacle_to_discarding(database: Database, dataset_id: str) -> str:
    """Why a dataset has to stay where it is now, and what to do about it; empty when it can go."""
    query = "SELECT count(*) FROM jobs WHERE dataset_id = ? AND state IN ('queued', 'running')"
    with database.reading() as connection:
        under_way = int(connection.execute(query, (dataset_id,)).fetchone()[0])
    if not under_way:
        return ""
    return f"{under_way} jobs of {dataset_id!r} are under way. Cancel them first, or wait."


def restore_dataset(workspace: Workspace, name: str) -> str:
    """Put a dataset back and return its id; ``name`` is that of its folder in the trash.

    Raises DatasetMissing when it is not in the trash, JobConflict when the same dataset was imported again meanwhile.
    """
    entry = next((one for one in list_trash(workspace) if one.name == name), None)
    if entry is None:
        raise DatasetMissing(f"{name!r} is not in the trash; it may have been put back already.")
    target = workspace.artifacts.datasets_path / entry.dataset_id
    if target.exists():
        raise JobConflict(f"{entry.dataset_id!r} was imported again meanwhile. Delete that one first.")
    rename_durably(_trash(workspace.artifacts) / name, target)
    return entry.dataset_id


def empty_trash(workspace: Workspace) -> int:
    """Delete everything in the trash for good; returns how many datasets that were."""
    entries = list_trash(workspace)
    for entry in entries:
        shutil.rmtree(_trash(workspace.artifacts) / entry.name, ignore_errors=True)
    return len(entries)


def list_trash(workspace: Workspace) -> list[Discarded]:
    """What is in the trash, newest first."""
    folder = _trash(workspace.artifacts)
    if not folder.is_dir():
        return []
    matches = [match for path in folder.iterdir() if (match := _ENTRY.fullmatch(path.name))]
    called = names_of_all(workspace.database)
    entries = [Discarded(one[0], one[2], _moment(one[1]), called.get(one[2], one[2])) for one in matches]
    return sorted(entries, key=lambda entry: entry.discarded_at, reverse=True)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d-%H%M%S-%f").replace(tzinfo=UTC)


def _trash(store: ArtifactStore) -> Path:
    return store.workspace / "trash"
