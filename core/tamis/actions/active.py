"""What is active of a dataset: the selection, clustering, layout and scores that everything takes unless another is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tamis.actions.artifact_names import names_in_view, plain_name
from tamis.actions.deletion import DeletionPlan, carry_out, obstacle_to_deleting
from tamis.actions.roles import needs
from tamis.errors import ArtifactMissing
from tamis.reprs import HtmlFacts
from tamis.steps.resolve_rows import ACTIVE, look_at, no_selection
from tamis.store.artifacts.choices import ACTIVE_KINDS, LAYOUT
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView
from tamis.store.database.choices import note_choice, read_choices
from tamis.store.sequence import next_number
from tamis.store.workspace import Workspace

__all__ = [
    "ACTIVE", "ACTIVE_KINDS", "LAYOUT", "ActiveArtifact", "SelectionEntry", "activate", "active_artifacts", "active_selection",
    "delete_selection", "list_selections", "look_at", "newest_of_kind", "plan_selection_deletion",
]  # fmt: skip

SELECTION = "selection"
_ABLE = {"selection": "selection", "clustering": "clustering", "projection": LAYOUT, "embeddings": LAYOUT, "scores": "scores"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveArtifact(HtmlFacts):
    """What is active of one kind, ``by_hand`` where a person said so and not what is there by itself."""

    kind: str
    artifact_id: str
    name: str
    by_hand: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionEntry(HtmlFacts):
    """A selection in a list: what it is called, and whether it is the active one or still a run's own."""

    artifact: Artifact
    name: str
    is_active: bool
    is_own: bool


def active_artifacts(workspace: Workspace, dataset_id: str) -> tuple[ActiveArtifact, ...]:
    """What is active of every kind that there is; raises DatasetMissing."""
    view = look_at(workspace, dataset_id)
    found = []
    for kind in ACTIVE_KINDS:
        one = _active_of(view, kind)
        if one is not None:
            names = names_in_view(view, one.kind)
            name = f"PCA of {names[one.id]}" if (kind, one.kind) == (LAYOUT, "embeddings") else names[one.id]
            by_hand = one.id in view.choices.activated.get(kind, ())
            found.append(ActiveArtifact(kind=kind, artifact_id=one.id, name=name, by_hand=by_hand))
    return tuple(found)


def active_selection(workspace: Workspace, dataset_id: str) -> Artifact:
    """The active selection; raises ArtifactMissing saying how to make or keep one."""
    found = look_at(workspace, dataset_id).selection
    if found is None:
        has_own = bool(workspace.artifacts.list(dataset_id, SELECTION))
        raise ArtifactMissing(no_selection(dataset_id, has_own=has_own))
    return found


def newest_of_kind(workspace: Workspace, dataset_id: str, kind: str) -> Artifact | None:
    """The newest artifact of a kind that no run drew for itself or beside another; None where there is none."""
    choices = read_choices(workspace.database, dataset_id)
    found = workspace.artifacts.list(dataset_id, kind) if kind else ()
    return next((one for one in found if not choices.is_apart(one.id, one.manifest.options)), None)


@needs("curator", noted="activate")
def activate(workspace: Workspace, dataset_id: str, artifact_id: str) -> Artifact:
    """Make a selection, clustering, layout or scores the active one of its kind, and return it; a run's own is kept by it.

    Embeddings are a layout, too: their principal components. Raises ArtifactMissing naming what could be meant.
    """
    able = [one for one in workspace.artifacts.list(dataset_id) if one.kind in _ABLE]
    found = next((one for one in able if one.id == artifact_id), None)
    if found is None:
        known = ", ".join(f"{one.id} ({plain_name(one)})" for one in able) or "none"
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no selection, clustering, layout or scores {artifact_id!r}. Known: {known}."
        )
    number = next_number(workspace.path)
    note_choice(workspace.database, dataset_id, _ABLE[found.kind], found.id, "active", number)
    return found


def list_selections(
    workspace: Workspace, dataset_id: str, *, own: bool = False
) -> tuple[SelectionEntry, ...]:
    """The selections of a dataset, newest first; with ``own`` those that runs drew for themselves, too."""
    view = look_at(workspace, dataset_id)
    names = names_in_view(view, SELECTION)
    listed = {one.id for one in view.selections}
    return tuple(
        SelectionEntry(
            artifact=one,
            name=names[one.id],
            is_active=view.selection is not None and one.id == view.selection.id,
            is_own=one.id not in listed,
        )
        for one in view.artifacts
        if one.kind == SELECTION and (own or one.id in listed)
    )


def plan_selection_deletion(workspace: Workspace, dataset_id: str, artifact_id: str) -> DeletionPlan:
    """What would go with a selection: nothing else, and not it where something was made from it. Raises ArtifactMissing."""
    selection = workspace.artifacts.get(dataset_id, SELECTION, artifact_id)
    users = [one for one in workspace.artifacts.list(dataset_id) if _reads(one, selection.id)]
    return DeletionPlan(
        subject=f"selection {plain_name(selection)} ({selection.id})",
        artifacts=(selection,),
        obstacle=_say_users(users) or obstacle_to_deleting(workspace, (selection,)),
    )


@needs("operator", noted="delete")
def delete_selection(workspace: Workspace, dataset_id: str, artifact_id: str) -> DeletionPlan:
    """Delete a selection for good; its job stays, so that it can be made again.

    Raises ArtifactMissing, and JobConflict while something was made from it or a job under way reads or makes it.
    """
    return carry_out(workspace, plan_selection_deletion(workspace, dataset_id, artifact_id))


def _active_of(view: DatasetView, kind: str) -> Artifact | None:
    if kind == "scores":
        return view.scores.get(view.score)
    artifact: Artifact | None = getattr(view, kind)
    return artifact


def _reads(artifact: Artifact, selection_id: str) -> bool:
    listed = artifact.summary.get("selections") if artifact.kind == "refinement" else ()
    return selection_id in artifact.manifest.inputs.values() or selection_id in (listed or ())


def _say_users(users: Sequence[Artifact]) -> str:
    if not users:
        return ""
    named = ", ".join(f"{one.kind.replace('_', ' ')} {one.id}" for one in users[:5])
    return f"{named} was made from it: delete that first, or leave the selection."
