"""Deleting artifacts for good, unless a job under way needs them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence

from tamis.errors import JobConflict
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

_USING = (
    "SELECT job_id FROM jobs WHERE state IN ('queued', 'running') AND (artifact_id = ? OR instr(options, ?) OR "
    "instr(inputs, ?)) LIMIT 1"
)


def delete_artifacts(workspace: Workspace, artifacts: Sequence[Artifact]) -> None:
    """Delete them in this order: whatever stops it leaves none of them half there.

    Raises JobConflict, and deletes none, while a job under way reads or makes one of them.
    """
    for one in artifacts:
        _refuse_in_use(workspace, one)
    for one in artifacts:
        aside = one.path.with_name(f".{one.id}.{uuid.uuid4().hex}.deleted")
        one.path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
        one.path.with_name(f".{one.id}.asked").unlink(missing_ok=True)


def _refuse_in_use(workspace: Workspace, one: Artifact) -> None:
    with workspace.database.reading() as connection:
        using = connection.execute(_USING, (one.id, one.id, one.id)).fetchone()
    if using is not None:
        raise JobConflict(
            f"Job {using['job_id']} uses the {one.kind.replace('_', ' ')} {one.id}: wait for it, or cancel it (tamis jobs "
            "cancel)."
        )
