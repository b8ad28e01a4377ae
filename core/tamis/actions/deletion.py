"""Deleting in three moments: a plan says what would go and what stays, people look at it, and it is carried out."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from tamis.actions.jobs import delete_job
from tamis.actions.roles import needs
from tamis.errors import JobConflict
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

_USING = (
    "SELECT job_id FROM jobs WHERE state IN ('queued', 'running') AND (artifact_id = ? OR instr(options, ?) OR "
    "instr(inputs, ?)) LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionPlan(HtmlFacts):
    """What would go with the thing that ``subject`` names, and what only seems to belong to it.

    ``artifacts`` go in this order, so that whatever stops the deletion leaves no half of the first in a list. ``kept``
    stay because something else needs them; ``jobs`` are forgotten. ``obstacle`` says why nothing can go now, and what to
    do about it. ``into_trash``: it can be put back.
    """

    subject: str
    artifacts: tuple[Artifact, ...] = ()
    kept: tuple[Artifact, ...] = ()
    jobs: tuple[str, ...] = ()
    obstacle: str = ""
    into_trash: bool = False

    def of(self, kind: str) -> tuple[Artifact, ...]:
        """What goes of one kind."""
        return tuple(one for one in self.artifacts if one.kind == kind)

    def kept_of(self, kind: str) -> tuple[Artifact, ...]:
        """What stays of one kind."""
        return tuple(one for one in self.kept if one.kind == kind)

    @property
    def n_bytes(self) -> int:
        """Size of everything that goes."""
        files = (path for one in self.artifacts for path in one.path.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files)


@needs("operator")
def carry_out(workspace: Workspace, plan: DeletionPlan) -> DeletionPlan:
    """Delete for good what a plan names, and return it.

    Raises JobConflict, and deletes nothing, while a job under way reads or makes one of the artifacts, also one that was
    queued after the plan was made.
    """
    obstacle = plan.obstacle or obstacle_to_deleting(workspace, plan.artifacts)
    if obstacle:
        raise JobConflict(obstacle)
    for one in plan.artifacts:
        aside = one.path.with_name(f".{one.id}.{uuid.uuid4().hex}.deleted")
        one.path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
        one.path.with_name(f".{one.id}.asked").unlink(missing_ok=True)
    for job_id in plan.jobs:
        delete_job(workspace, job_id)
    return plan


def obstacle_to_deleting(workspace: Workspace, artifacts: Sequence[Artifact]) -> str:
    """Which job under way reads or makes one of these, and what to do about it; empty when none does."""
    with workspace.database.reading() as connection:
        for one in artifacts:
            using = connection.execute(_USING, (one.id, one.id, one.id)).fetchone()
            if using is not None:
                return (
                    f"Job {using['job_id']} uses the {one.kind.replace('_', ' ')} {one.id}: wait for it, or cancel it "
                    "(tamis jobs cancel)."
                )
    return ""
