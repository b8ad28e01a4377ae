"""What a dataset is wanted for: targets that its rows are scored towards and selected for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tamis.actions import targets
from tamis.actions.targets import TargetExample, TargetSource
from tamis.api.show import Listing
from tamis.api.steps import HasDataset

if TYPE_CHECKING:
    from tamis.actions.deletion import DeletionPlan
    from tamis.actions.targets import CoveredExample, KeptOutRow, TargetEntry
    from tamis.store.artifacts.store import Artifact
    from tamis.store.artifacts.targets import TargetExamples
    from tamis.store.workspace import Workspace


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Targets:
    """The targets of a dataset: ``data.select(method="target_round_robin", target="maths=2,code=1", budget=200)``."""

    _workspace: Workspace
    _dataset_id: str

    def list(self) -> Listing[TargetEntry]:
        """The targets, newest first."""
        listed = targets.list_targets(self._workspace, self._dataset_id)
        return Listing(
            f"Targets of {self._dataset_id}",
            listed,
            lambda one: {
                "name": one.name,
                "examples": one.n_examples,
                "judging": one.n_judging,
                "source": one.source,
            },
        )

    def add(
        self,
        name: str,
        *,
        file: Path | str = "",
        task: str = "",
        tag: str = "",
        scope: str = "",
        selection: str = "",
        examples: Sequence[str | tuple[str, str]] = (),
        split: bool = False,
    ) -> TargetEntry:
        """Make a target of one source: a file, a task of the harness, rows, or ``examples`` (prompts, or prompts with answers).

        ``split`` sets half of it aside, to judge selections by. Raises InvalidOptions, UnreadableFile, ArtifactMissing.
        """
        typed = [TargetExample(*((one,) if isinstance(one, str) else one)) for one in examples]
        source = TargetSource(
            file=str(file), task=task, tag=tag, scope=scope, selection=selection, examples=typed
        )
        made = targets.add_target(self._workspace, self._dataset_id, name, source, split=split)
        return self.show(made.id)[0]

    def show(self, name: str) -> tuple[TargetEntry, TargetExamples]:
        """A target by its name or id, with its examples; raises UnknownName."""
        return targets.show_target(self._workspace, self._dataset_id, name)

    def plan_deletion(self, name: str) -> DeletionPlan:
        """What would go with a target, and what stands in the way; raises UnknownName."""
        return targets.plan_target_deletion(self._workspace, self._dataset_id, name)

    def delete(self, name: str) -> DeletionPlan:
        """Delete a target for good; raises UnknownName, and JobConflict while scores are towards it."""
        return targets.delete_target(self._workspace, self._dataset_id, name)

    def out_of_reach(self, name: str) -> tuple[CoveredExample, ...]:
        """The examples that no row comes near, by the newest scores towards the target; raises ArtifactMissing without any."""
        found = targets.out_of_reach(self._workspace, self._scores(name))
        return tuple(one for one in found if one.target == self.show(name)[0].name)

    def kept_out(self, name: str) -> tuple[KeptOutRow, ...]:
        """The rows that are the target, which no selection towards it takes; raises ArtifactMissing without scores."""
        found = targets.rows_kept_out(self._workspace, self._scores(name))
        return tuple(one for one in found if one.target == self.show(name)[0].name)

    def _scores(self, name: str) -> Artifact:
        return targets.require_scores(self._workspace, self._dataset_id, name)


class HasTargets:
    """What a dataset is wanted for."""

    __slots__ = ()

    @property
    def targets(self: HasDataset) -> Targets:
        """Its targets, that rows are scored towards and selected for."""
        return Targets(self._workspace, self.id)
