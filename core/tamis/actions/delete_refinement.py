"""Deleting a refinement: what goes with it, and what stays because something else was made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tamis.actions.deletion import delete_artifacts
from tamis.actions.jobs import delete_job, jobs_of_result
from tamis.actions.refinements import rounds_so_far
from tamis.actions.runs import Run
from tamis.models.adapters import PREFIX
from tamis.store.artifacts.refinements import ADAPTER, KIND, PREVIOUS, ROUND
from tamis.store.artifacts.store import Artifact
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

    @property
    def n_bytes(self) -> int:
        """Size of everything that goes."""
        files = (path for one in self.artifacts for path in one.path.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files)

    @property
    def has_models(self) -> bool:
        """Whether a model that a round trained goes too."""
        return any((one.path / ADAPTER).is_dir() for one in self.rounds)


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
    return DeletionPlan(
        refinement=refinement,
        rounds=tuple(going.values()),
        selections=tuple(gone),
        kept_rounds=tuple(one.id for one in rounds if one.id not in going),
        kept_selections=tuple(one.id for one in of_rounds if one not in gone),
    )


def delete_refinement(workspace: Workspace, dataset_id: str, run: Run) -> DeletionPlan:
    """Delete a refinement for good with what ``plan_deletion`` finds, and return that.

    Its jobs stay, so that it can be made again; where there is no result they are all that is left of it, and go. Raises
    JobConflict while a job under way reads or makes one of these artifacts.
    """
    going = plan_deletion(workspace, dataset_id, run)
    delete_artifacts(workspace, going.artifacts)
    if run.artifact is None:
        for job in jobs_of_result(workspace, dataset_id, KIND, run.run_id):
            if job.state.final:
                delete_job(workspace, job.job_id)
    return going


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
