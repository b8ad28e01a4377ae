"""From what a person points at (a selection, a tag, a filter) to rows."""

from __future__ import annotations

from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.store.artifacts.examinations import KIND as EXAMINATION
from tamis.store.artifacts.examinations import wrong_rows
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.readers import read_selected_ids
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView, by_choice, open_view
from tamis.store.database.choices import read_choices
from tamis.store.database.tags import tag_state
from tamis.store.row_sets import intersection
from tamis.store.rows.query import matching_rows
from tamis.store.rows.scope import Scope
from tamis.store.workspace import Workspace
from tamis.types import Int64s

NEWEST, ACTIVE, EVERY = "newest", "active", "all"
WRONG = "wrong"  # before the colon: the rows that an examination marks wrong


def look_at(
    workspace: Workspace,
    dataset_id: str,
    *,
    clustering_id: str = "",
    projection_id: str = "",
    selection_id: str = "",
) -> DatasetView:
    """A dataset through what people chose last of everything, or the artifacts named; raises as ``open_view``."""
    return open_view(
        workspace.artifacts,
        dataset_id,
        clustering_id=clustering_id,
        projection_id=projection_id,
        selection_id=selection_id,
        choices=read_choices(workspace.database, dataset_id),
    )


def find_selection(workspace: Workspace, dataset_id: str, selection: str) -> Artifact:
    """A selection by id, the ``active`` one, or the ``newest`` that is no run's own; raises ArtifactMissing."""
    if selection not in (NEWEST, ACTIVE):
        return workspace.artifacts.get(dataset_id, "selection", selection)
    choices = read_choices(workspace.database, dataset_id)
    selections = workspace.artifacts.list(dataset_id, "selection")
    able = by_choice(selections, choices)
    if not able:
        raise ArtifactMissing(no_selection(dataset_id, has_own=bool(selections)))
    return able[0] if selection == ACTIVE else max(able, key=lambda one: one.order)


def no_selection(dataset_id: str, *, has_own: bool = False) -> str:
    """That there is no selection, and what makes one; ``has_own``: runs have drawn some for themselves."""
    keep = (
        f", or keep one that a run drew: tamis selections list --dataset {dataset_id} --all"
        if has_own
        else ""
    )
    return f"Dataset {dataset_id!r} has no selection yet: tamis run select --dataset {dataset_id}{keep}."


def rows_of(
    workspace: Workspace,
    dataset_id: str,
    *,
    selection: str = "",
    tag: str = "",
    scope: str = "",
) -> Int64s:
    """Sorted example ids that are in everything that is named; all rows when nothing is.

    Raises ArtifactMissing, and InvalidOptions for a tag that is on no row.
    """
    view = look_at(workspace, dataset_id)
    tags = tag_state(workspace.database, dataset_id)
    rows = matching_rows(view, Scope.from_url(scope) if scope else Scope(), tags=tags)
    if selection:
        rows = intersection(rows, read_selected_ids(find_selection(workspace, dataset_id, selection)))
    if tag:
        tagged = tags.tagged(tag)
        if not len(tagged):
            known = ", ".join(sorted(tags.rows)) or "none"
            raise InvalidOptions(f"No row of {dataset_id!r} has the tag {tag!r}. Tags in use: {known}.")
        rows = intersection(rows, tagged)
    return rows


def freeze(workspace: Workspace, dataset_id: str, pointer: str) -> str:
    """The id of frozen rows for ``tag:NAME``, ``scope:SCOPE``, ``selection:ID`` or ``wrong:EXAMINATION``; an artifact id
    stays as it is.
    """
    kind, separator, value = pointer.partition(":")
    if not separator:
        return pointer
    if kind == WRONG:
        return _freeze_wrong(workspace, dataset_id, pointer)
    if kind not in ("tag", "scope", "selection"):
        raise InvalidOptions(
            f"{pointer!r} is not a set of rows; write tag:NAME, scope:SCOPE, selection:ID or wrong:EXAMINATION."
        )
    rows = rows_of(workspace, dataset_id, **{kind: value})
    return freeze_rows(workspace.artifacts, dataset_id, rows, pointer).id


def examination_of(workspace: Workspace, dataset_id: str, pointer: str) -> Artifact | None:
    """The examination that ``wrong:ID`` or ``wrong:newest`` names; None for another pointer. Raises ArtifactMissing."""
    kind, separator, value = pointer.partition(":")
    if not separator or kind != WRONG:
        return None
    if value != NEWEST:
        return workspace.artifacts.get(dataset_id, EXAMINATION, value)
    made = workspace.artifacts.list(dataset_id, EXAMINATION)
    if not made:
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no examination yet: tamis run examine --dataset {dataset_id}."
        )
    return made[0]


def _freeze_wrong(workspace: Workspace, dataset_id: str, pointer: str) -> str:
    examination = examination_of(workspace, dataset_id, pointer)
    assert examination is not None
    rows = wrong_rows(examination)
    if not len(rows):
        raise InvalidOptions(
            f"Examination {examination.id} of {dataset_id!r} has no wrong row, so there is nothing to write from: name "
            "other rows, such as tag:NAME, or examine with another mark."
        )
    return freeze_rows(workspace.artifacts, dataset_id, rows, f"{WRONG}:{examination.id}").id
