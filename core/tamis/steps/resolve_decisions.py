"""From what a person points at (the decisions of now, or frozen ones) to rows and texts that can be written."""

from __future__ import annotations

from tamis.compute.apply import Applied, apply_decisions
from tamis.errors import CurationError
from tamis.formats.check import check_messages
from tamis.steps.spec import AS_IMPORTED as AS_IMPORTED
from tamis.store.artifacts.store import Artifact
from tamis.store.review.frozen_decisions import KIND, freeze_decisions, read_frozen_decisions
from tamis.store.workspace import Workspace
from tamis.types import Int64s

CURRENT = "current"


def find_decisions(workspace: Workspace, dataset_id: str, pointer: str) -> Artifact | None:
    """The frozen decisions for an artifact id, or those of now for ``current``; None for "" or ``none``, or when none was
    made.

    Raises ArtifactMissing for an id that the dataset does not have.
    """
    if pointer in ("", AS_IMPORTED):
        return None
    if pointer == CURRENT:
        return freeze_decisions(workspace, dataset_id)
    return workspace.artifacts.get(dataset_id, KIND, pointer)


def respected_by(selection: Artifact) -> str:
    """The id of the frozen decisions that a selection was made with, as those of a refinement are; "" for none."""
    return selection.manifest.inputs.get(KIND, "")


def apply_frozen(rows: Int64s, decisions: Artifact | None) -> Applied:
    """Apply frozen decisions to rows; None changes nothing.

    Raises CurationError naming the row whose decided conversation breaks the rules of the chat schema.
    """
    applied = apply_decisions(rows, read_frozen_decisions(decisions) if decisions is not None else {})
    for example_id, messages in applied.replaced.items():
        problems = check_messages(messages)
        if problems:
            raise CurationError(
                f"The conversation decided for row {example_id} cannot be used. {problems[0]} "
                "Edit the row again, or undo the decision."
            )
    return applied
