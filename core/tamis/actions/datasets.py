"""The datasets of a workspace: which there are, what they are called, put aside, put back, gone for good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tamis.store.artifacts import trash
from tamis.store.artifacts.trash import Discarded
from tamis.store.artifacts.versions import parent_of
from tamis.store.database import names
from tamis.store.workspace import Workspace

__all__ = [
    "DatasetEntry",
    "Discarded",
    "dataset_names",
    "delete_dataset",
    "empty_trash",
    "find_dataset",
    "list_datasets",
    "list_trash",
    "rename_dataset",
    "restore_dataset",
]


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One dataset; ``made`` has the id of the newest artifact of every kind, ``parent`` the dataset it is a version of."""

    dataset_id: str
    name: str
    n_rows: int
    made: Mapping[str, str]
    parent: str


def list_datasets(workspace: Workspace) -> list[DatasetEntry]:
    """Every dataset, by name."""
    return [_entry(workspace, dataset_id, name) for dataset_id, name in dataset_names(workspace).items()]


def dataset_names(workspace: Workspace) -> dict[str, str]:
    """Name of every dataset, sorted by name; one that nobody named has the name of its import."""
    return names.dataset_names(workspace)


def find_dataset(workspace: Workspace, id_or_name: str) -> str:
    """The id of a dataset given its id or its name; raises DatasetMissing, also when several share the name."""
    return names.find_dataset(workspace, id_or_name)


def rename_dataset(workspace: Workspace, dataset_id: str, name: str) -> str:
    """Give a dataset another name, and return it without the spaces around it; raises InvalidOptions."""
    return names.name_dataset(workspace.database, dataset_id, name)


def delete_dataset(workspace: Workspace, dataset_id: str) -> Discarded:
    """Move a dataset with everything computed from it into the trash.

    Raises DatasetMissing, and JobConflict while a job for it is under way.
    """
    return trash.discard_dataset(workspace, dataset_id)


def list_trash(workspace: Workspace) -> list[Discarded]:
    """What is in the trash, newest first."""
    return trash.list_trash(workspace.artifacts)


def restore_dataset(workspace: Workspace, name: str) -> str:
    """Put a dataset back and return its id; ``name`` is what it is called in the trash, or its id for the newest of it.

    Raises DatasetMissing when it is not in the trash, JobConflict when the same dataset was imported again meanwhile.
    """
    newest = next((entry.name for entry in list_trash(workspace) if entry.dataset_id == name), name)
    return trash.restore_dataset(workspace.artifacts, newest)


def empty_trash(workspace: Workspace) -> int:
    """Delete everything in the trash for good; returns how many datasets that were."""
    return trash.empty_trash(workspace.artifacts)


def _entry(workspace: Workspace, dataset_id: str, name: str) -> DatasetEntry:
    examples = workspace.artifacts.examples(dataset_id)
    # From the oldest on, so that of each kind the newest stays.
    made = {one.kind: one.id for one in reversed(workspace.artifacts.list(dataset_id))}
    parent = parent_of(examples)
    return DatasetEntry(
        dataset_id, name, int(examples.summary["n_examples"]), made, parent.dataset_id if parent else ""
    )
