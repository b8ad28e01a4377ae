"""The datasets of a workspace: which there are, what they are called, put aside, put back, gone for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tamis.actions.deletion import DeletionPlan
from tamis.actions.roles import needs
from tamis.actions.uploads import sweep_uploads
from tamis.errors import DatasetMissing
from tamis.formats import FORMATS
from tamis.store import names, trash
from tamis.store.artifacts.store import Artifact, dataset_damaged
from tamis.store.artifacts.versions import parent_of
from tamis.store.artifacts.view import open_view
from tamis.store.database.choices import read_choices
from tamis.store.rows.stats import DatasetStats, dataset_stats
from tamis.store.trash import Discarded
from tamis.store.workspace import Workspace

__all__ = [
    "DatasetEntry",
    "DatasetStats",
    "Discarded",
    "damaged_datasets",
    "dataset_formats",
    "dataset_names",
    "delete_dataset",
    "describe_dataset",
    "empty_trash",
    "find_dataset",
    "list_datasets",
    "list_trash",
    "newest_first",
    "plan_dataset_deletion",
    "order_datasets",
    "rename_dataset",
    "restore_dataset",
    "version_depths",
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


def damaged_datasets(workspace: Workspace) -> dict[str, str]:
    """The datasets that are in no list because what describes their rows is damaged, by id, each with what to do about it."""
    return {one: str(dataset_damaged(one)) for one in workspace.artifacts.damaged_dataset_ids()}


def find_dataset(workspace: Workspace, id_or_name: str) -> str:
    """The id of a dataset given its id or its name; raises DatasetMissing, also when several share the name."""
    return names.find_dataset(workspace, id_or_name)


def newest_first(workspace: Workspace, dataset_ids: Iterable[str]) -> list[str]:
    """These datasets, the one that was made last first."""
    manifests = {one: workspace.artifacts.examples(one).manifest for one in dataset_ids}
    made = {one: (manifest.sequence, manifest.created_at) for one, manifest in manifests.items()}
    return sorted(made, key=made.__getitem__, reverse=True)


def order_datasets(
    workspace: Workspace, importing: Iterable[str], *, opened: str | None, n_shown: int
) -> list[str]:
    """Every dataset in the order in which people see them: those being imported, then the newest first, its versions below it.

    The one that is open comes first of all where it would not be among the first ``n_shown``.
    """
    stored = workspace.artifacts.dataset_ids()
    below = version_depths(workspace, newest_first(workspace, stored))
    ordered = [*(one for one in importing if one not in stored), *below]
    if opened in ordered[n_shown:]:
        ordered = [opened, *(one for one in ordered if one != opened)]
    return ordered


def version_depths(workspace: Workspace, dataset_ids: Sequence[str]) -> dict[str, int]:
    """These datasets, the versions of each below it, with how many versions each is from one whose parent is not among them.

    The dataset comes first of which, or of whose versions, one comes first in ``dataset_ids``.
    """
    parents = {one: parent_of(workspace.artifacts.examples(one)) for one in dataset_ids}
    above = {
        one: parent.dataset_id if parent and parent.dataset_id in parents else ""
        for one, parent in parents.items()
    }
    depths: dict[str, int] = {}

    def put(one: str, depth: int) -> None:
        depths[one] = depth
        for child in dataset_ids:
            if above[child] == one:
                put(child, depth + 1)

    for one in dataset_ids:
        root = one
        while above[root]:
            root = above[root]
        if root not in depths:
            put(root, 0)
    return depths


def dataset_formats(examples: Artifact) -> list[str]:
    """The titles of the conversation formats that the files of a dataset had."""
    kinds = dict.fromkeys(str(file["format"]) for file in examples.summary["files"])
    return [FORMATS[kind].title if kind in FORMATS else kind for kind in kinds]


def describe_dataset(workspace: Workspace, dataset_id: str) -> DatasetStats:
    """What a dataset is made of: lengths, sources, turns, repeated rows, metadata; reads the texts once."""
    return dataset_stats(open_view(workspace.artifacts, dataset_id))


@needs("curator")
def rename_dataset(workspace: Workspace, dataset_id: str, name: str) -> str:
    """Give a dataset another name, and return it without the spaces around it; its id stays.

    Raises DatasetMissing and InvalidOptions.
    """
    workspace.artifacts.examples(dataset_id)
    return names.name_dataset(workspace.database, dataset_id, name)


def plan_dataset_deletion(workspace: Workspace, dataset_id: str) -> DeletionPlan:
    """What would go into the trash with a dataset, and what is in the way; raises DatasetMissing."""
    workspace.artifacts.examples(dataset_id)
    return DeletionPlan(
        subject=f"dataset {dataset_id}",
        artifacts=tuple(workspace.artifacts.list(dataset_id)),
        obstacle=trash.obstacle_to_discarding(workspace.database, dataset_id),
        into_trash=True,
    )


@needs("curator", noted="delete")
def delete_dataset(workspace: Workspace, dataset_id: str) -> Discarded:
    """Move a dataset with everything computed from it into the trash.

    Raises DatasetMissing, and JobConflict while a job for it is under way.
    """
    return trash.discard_dataset(workspace, dataset_id)


def list_trash(workspace: Workspace) -> list[Discarded]:
    """What is in the trash, newest first."""
    return trash.list_trash(workspace)


@needs("curator", noted="restore")
def restore_dataset(workspace: Workspace, name: str) -> str:
    """Put a dataset back and return its id: the newest in the trash of this id or name, or one by its folder there.

    Raises DatasetMissing when it is not in the trash, or several have the name, JobConflict when the same dataset was
    imported again meanwhile.
    """
    entries = [one for one in list_trash(workspace) if name in (one.dataset_id, one.dataset_name)]
    ids = list(dict.fromkeys(one.dataset_id for one in entries))
    if len(ids) > 1 and name not in ids:
        raise DatasetMissing(
            f"{len(ids)} datasets in the trash are called {name!r}: use an id ({', '.join(ids)})."
        )
    by_id = [one for one in entries if one.dataset_id == name] or entries
    return trash.restore_dataset(workspace, by_id[0].name if by_id else name)


@needs("operator", noted="delete")
def empty_trash(workspace: Workspace) -> int:
    """Delete everything in the trash for good, with the uploads it came from; returns how many datasets that were."""
    n_deleted = trash.empty_trash(workspace)
    sweep_uploads(workspace)
    return n_deleted


def _entry(workspace: Workspace, dataset_id: str, name: str) -> DatasetEntry:
    examples = workspace.artifacts.examples(dataset_id)
    # From the oldest on, so that of each kind the newest stays.
    choices, artifacts = read_choices(workspace.database, dataset_id), workspace.artifacts.list(dataset_id)
    able = [one for one in artifacts if not choices.is_apart(one.id, one.manifest.options)]
    made = {one.kind: one.id for one in reversed(able)}
    parent = parent_of(examples)
    return DatasetEntry(
        dataset_id, name, int(examples.summary["n_examples"]), made, parent.dataset_id if parent else ""
    )
