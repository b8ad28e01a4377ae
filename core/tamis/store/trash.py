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
from tamis.store.workspace import Workspace

_ENTRY = re.compile(r"(\d{8}-\d{6}-\d{6})-(\w[\w.-]*)")


@dataclass(frozen=True, slots=True)
class Discarded(HtmlFacts):
    """A dataset in the trash; ``name`` is what its folder is called there."""

    name: str
    dataset_id: str
    discarded_at: datetime


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
    entry = Discarded(f"{now:%Y%m%d-%H%M%S-%f}-{dataset_id}", dataset_id, now)
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


def restore_dataset(store: ArtifactStore, name: str) -> str:
    """Put a dataset back and return its id.

    Raises DatasetMissing when it is not in the trash, JobConflict when the same dataset was imported again meanwhile.
    """
    entry = next((one for one in list_trash(store) if one.name == name), None)
    if entry is None:
        raise DatasetMissing(f"{name!r} is not in the trash; it may have been put back already.")
    target = store.datasets_path / entry.dataset_id
    if target.exists():
        raise JobConflict(f"{entry.dataset_id!r} was imported again meanwhile. Delete that one first.")
    rename_durably(_trash(store) / name, target)
    return entry.dataset_id


def empty_trash(store: ArtifactStore) -> int:
    """Delete everything in the trash for good; returns how many datasets that were."""
    entries = list_trash(store)
    for entry in entries:
        shutil.rmtree(_trash(store) / entry.name, ignore_errors=True)
    return len(entries)


def list_trash(store: ArtifactStore) -> list[Discarded]:
    """What is in the trash, newest first."""
    if not _trash(store).is_dir():
        return []
    matches = [_ENTRY.fullmatch(path.name) for path in _trash(store).iterdir()]
    entries = [
        Discarded(match[0], match[2], datetime.strptime(match[1], "%Y%m%d-%H%M%S-%f").replace(tzinfo=UTC))
        for match in matches
        if match
    ]
    return sorted(entries, key=lambda entry: entry.discarded_at, reverse=True)


def _trash(store: ArtifactStore) -> Path:
    return store.workspace / "trash"
