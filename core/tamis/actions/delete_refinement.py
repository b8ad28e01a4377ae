"""Deleting a refinement: what goes with it, and what stays because something else was made from it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from tamis.errors import JobConflict
from tamis.models.adapters import PREFIX
from tamis.store.artifacts.refinements import (
    KIND,
    PREVIOUS,
    ROUND,
)
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.database.database import Database
from tamis.store.workspace import Workspace

SELECTION = "selection"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionPlan:
    """What deleting a refinement takes away, and the ids of the rounds and selections of it that stay."""

    refinement: Artifact | None
    rounds: tuple[Artifact, ...]
    selections: tuple[Artifact, ...]
    kept_rounds: tuple[str, ...]
    kept_selections: tuple[str, ...]

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """Everything that goes, the refinement first: whatever stops the deletion leaves no half of it in a list."""
        return (*([self.refinement] if self.refinement else []), *self.selections, *self.rounds[::-1])


def plan_deletion(
    store: ArtifactStore, dataset_id: str, refinement: Artifact | None, rounds: Sequence[Artifact]
) -> DeletionPlan:
    """What would go with a refinement, finished or (None) ended before, whose finished rounds are ``rounds``.

    A round stays while another refinement counts it among its own, a round that stays goes on from it, or something
    was trained or written with its round model. A selection stays while anything was made from it.
    """
    others = [one for one in store.list(dataset_id) if refinement is None or one.id != refinement.id]
    going = {one.id: one for one in rounds}
    while True:
        stay = {i for i in going if _is_used(i, [one for one in others if one.id not in going])}
        if not stay:
            break
        going = {i: one for i, one in going.items() if i not in stay}
    of_rounds = [
        one
        for one in others
        if one.kind == SELECTION and one.manifest.inputs.get("round") in {one.id for one in rounds}
    ]
    gone = [
        one
        for one in of_rounds
        if one.manifest.inputs["round"] in going
        and not any(one.id in other.manifest.inputs.values() or _lists(other, one.id) for other in others)
    ]
    return DeletionPlan(
        refinement=refinement,
        rounds=tuple(going.values()),
        selections=tuple(gone),
        kept_rounds=tuple(one.id for one in rounds if one.id not in going),
        kept_selections=tuple(one.id for one in of_rounds if one not in gone),
    )


def delete_refinement(workspace: Workspace, plan: DeletionPlan) -> int:
    """Delete for good what ``plan_deletion`` found; returns how many artifacts went.

    Raises JobConflict while a job under way reads or makes one of them.
    """
    for one in plan.artifacts:
        _refuse_in_use(workspace.database, one)
    for one in plan.artifacts:
        aside = one.path.with_name(f".{one.id}.{uuid.uuid4().hex}.deleted")
        one.path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
        one.path.with_name(f".{one.id}.asked").unlink(missing_ok=True)
    return len(plan.artifacts)


def _is_used(identifier: str, others: Sequence[Artifact]) -> bool:
    named = f"{PREFIX}{identifier}"
    for one in others:
        if one.kind == ROUND and one.manifest.inputs.get(PREVIOUS) == identifier:
            return True
        if one.kind == KIND and _lists(one, identifier):
            return True
        if named in str(one.manifest.options):
            return True
    return False


def _lists(refinement: Artifact, identifier: str) -> bool:
    """Whether a refinement counts a round or a selection among its own."""
    if refinement.kind != KIND:
        return False
    return identifier in (*refinement.summary.get("rounds", ()), *refinement.summary.get("selections", ()))


def _refuse_in_use(database: Database, one: Artifact) -> None:
    query = (
        "SELECT job_id FROM jobs WHERE state IN ('queued', 'running') AND (artifact_id = ? OR instr(options, ?) OR "
        "instr(inputs, ?)) LIMIT 1"
    )
    with database.reading() as connection:
        using = connection.execute(query, (one.id, one.id, one.id)).fetchone()
    if using is not None:
        raise JobConflict(
            f"Job {using['job_id']} uses {one.kind.replace('_', ' ')} {one.id}: wait for it, or cancel it."
        )
