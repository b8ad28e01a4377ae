"""Deleting a refinement: what goes with it, and what stays because something else was made from it."""

from __future__ import annotations

from collections.abc import Sequence

from tamis.actions.deletion import DeletionPlan, carry_out, obstacle_to_deleting
from tamis.actions.jobs import jobs_of_result
from tamis.actions.refinements import rounds_so_far
from tamis.actions.roles import needs
from tamis.actions.runs import Run
from tamis.models.adapters import PREFIX
from tamis.store.artifacts.refinements import ADAPTER, KIND, PREVIOUS, ROUND
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

__all__ = ["ROUND", "SELECTION", "DeletionPlan", "delete_refinement", "plan_deletion", "takes_models"]

SELECTION = "selection"


def plan_deletion(workspace: Workspace, dataset_id: str, run: Run) -> DeletionPlan:
    """What would go with a refinement, finished or ended before.

    A round stays while another refinement counts it among its own, a round that stays goes on from it, or something
    was trained or written with its model. A selection stays while anything was made from it.
    """
    refinement, rounds = run.artifact, rounds_so_far(workspace, run)
    others = [
        one for one in workspace.artifacts.list(dataset_id) if refinement is None or one.id != refinement.id
    ]
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
    jobs = jobs_of_result(workspace, dataset_id, KIND, run.run_id) if refinement is None else ()
    going_too = (*gone, *reversed(going.values()))
    artifacts = going_too if refinement is None else (refinement, *going_too)
    return DeletionPlan(
        subject=f"refinement {run.run_id}",
        artifacts=artifacts,
        kept=(
            *(one for one in rounds if one.id not in going),
            *(one for one in of_rounds if one not in gone),
        ),
        jobs=tuple(job.job_id for job in jobs if job.state.final),
        obstacle=obstacle_to_deleting(workspace, artifacts),
    )


@needs("operator", noted="delete")
def delete_refinement(workspace: Workspace, dataset_id: str, run: Run) -> DeletionPlan:
    """Delete a refinement for good with what ``plan_deletion`` finds, and return that.

    Its jobs stay, so that it can be made again; where there is no result they are all that is left of it, and go. Raises
    JobConflict while a job under way reads or makes one of these artifacts.
    """
    return carry_out(workspace, plan_deletion(workspace, dataset_id, run))


def takes_models(plan: DeletionPlan) -> bool:
    """Whether a model that a round trained goes too."""
    return any((one.path / ADAPTER).is_dir() for one in plan.of(ROUND))


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
