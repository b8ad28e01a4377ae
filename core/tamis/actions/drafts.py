"""Edits that a reviewer began and did not save."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.actions.roles import needs
from tamis.compute.apply import with_response
from tamis.store.review import drafts
from tamis.store.review.drafts import Draft
from tamis.store.workspace import Workspace
from tamis.types import Message

__all__ = ["Draft", "find_edit", "forget_edit", "keep_edit", "start_edit"]


def start_edit(original: Sequence[Message], candidate: str | None = None) -> list[Message]:
    """The conversation that an edit starts with: the dataset's own, a candidate in its last turn where one is given."""
    return list(original if candidate is None else with_response(original, candidate))


def find_edit(workspace: Workspace, dataset_id: str, row: int, reviewer: str) -> Draft | None:
    """What this reviewer typed about the row and did not save; None for nothing."""
    return drafts.find_draft(workspace.database, dataset_id, row, reviewer)


@needs("reviewer")
def keep_edit(
    workspace: Workspace, dataset_id: str, row: int, reviewer: str, messages: Sequence[Message]
) -> None:
    """Keep an edit in place of the one before; raises InvalidOptions for text that cannot be written as JSON."""
    drafts.save_draft(workspace.database, dataset_id, row, reviewer, messages)


@needs("reviewer")
def forget_edit(workspace: Workspace, dataset_id: str, row: int, reviewer: str) -> None:
    """Forget an edit; nothing happens when there is none."""
    drafts.delete_draft(workspace.database, dataset_id, row, reviewer)
