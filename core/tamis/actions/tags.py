"""Tags on rows: put on, taken off, renamed, deleted; every change of a person can be undone by that person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tamis.actions.roles import needs
from tamis.errors import InvalidOptions
from tamis.reprs import HtmlFacts
from tamis.store.database import tags
from tamis.store.database.tags import TagEvent
from tamis.store.workspace import Workspace
from tamis.types import Int64s


@dataclass(frozen=True, slots=True)
class TagCount(HtmlFacts):
    """A tag in use, and on how many rows."""

    tag: str
    n_rows: int


def list_tags(workspace: Workspace, dataset_id: str) -> list[TagCount]:
    """The tags of a dataset by name; a tag that is on no row is none."""
    rows_by_tag = tags.tag_state(workspace.database, dataset_id).rows
    return [TagCount(tag, len(rows)) for tag, rows in rows_by_tag.items()]


def tagged_rows(workspace: Workspace, dataset_id: str, tag: str) -> Int64s:
    """Sorted ids of the rows with a tag; raises InvalidOptions for one that is on no row."""
    state = tags.tag_state(workspace.database, dataset_id)
    if tag not in state.rows:
        known = ", ".join(state.rows) or "none"
        raise InvalidOptions(f"No row of {dataset_id!r} has the tag {tag!r}. Tags in use: {known}.")
    return state.rows[tag]


@needs("reviewer")
def add_tag(workspace: Workspace, dataset_id: str, tag: str, rows: Int64s, reviewer: str) -> TagEvent:
    """Put a tag on rows; those that have it keep it. Raises InvalidOptions for no tag, and for no rows."""
    return tags.add_tag(workspace.database, dataset_id, tag, rows, reviewer)


@needs("reviewer")
def remove_tag(workspace: Workspace, dataset_id: str, tag: str, rows: Int64s, reviewer: str) -> TagEvent:
    """Take a tag off rows; those without it stay as they are. Raises InvalidOptions for no tag, and for no rows."""
    return tags.remove_tag(workspace.database, dataset_id, tag, rows, reviewer)


@needs("reviewer")
def set_row_tags(
    workspace: Workspace, dataset_id: str, row: int, wanted: Iterable[str], reviewer: str
) -> list[TagEvent]:
    """Make a row carry exactly these tags; returns what had to change. Raises InvalidOptions for what cannot be a tag."""
    rows_by_tag = tags.tag_state(workspace.database, dataset_id).rows
    carried = {tag for tag, rows in rows_by_tag.items() if row in rows}
    chosen, only = {tags.check_tag(tag) for tag in wanted}, np.asarray([row], dtype=np.int64)
    added = [add_tag(workspace, dataset_id, tag, only, reviewer) for tag in sorted(chosen - carried)]
    return added + [
        remove_tag(workspace, dataset_id, tag, only, reviewer) for tag in sorted(carried - chosen)
    ]


@needs("curator")
def rename_tag(workspace: Workspace, dataset_id: str, tag: str, name: str, reviewer: str) -> TagEvent:
    """Give a tag another name on every row that has it, as one change; a tag of that name takes the rows in.

    Raises InvalidOptions for a tag that is on no row, and for a name that cannot be a tag or is the same.
    """
    rows = tagged_rows(workspace, dataset_id, tag)
    return tags.rename_tag(workspace.database, dataset_id, (tag, name), rows, reviewer)


@needs("curator")
def delete_tag(workspace: Workspace, dataset_id: str, tag: str, reviewer: str) -> TagEvent:
    """Take a tag off every row; raises InvalidOptions for one that is on no row."""
    rows = tagged_rows(workspace, dataset_id, tag)
    return remove_tag(workspace, dataset_id, tag, rows, reviewer)


@needs("reviewer")
def undo_tag(workspace: Workspace, dataset_id: str, reviewer: str) -> TagEvent | None:
    """Undo this reviewer's latest change of tags in force and return it; None when there is none."""
    return tags.undo_tag(workspace.database, dataset_id, reviewer)


@needs("reviewer")
def redo_tag(workspace: Workspace, dataset_id: str, reviewer: str) -> TagEvent | None:
    """Redo what this reviewer undid last, unless a new change of theirs came after; None when there is none."""
    return tags.redo_tag(workspace.database, dataset_id, reviewer)


def tag_log(workspace: Workspace, dataset_id: str, limit: int = 100) -> list[TagEvent]:
    """The latest changes of tags, newest first, undo and redo among them."""
    return tags.tag_history(workspace.database, dataset_id, limit)
