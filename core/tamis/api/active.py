"""What is active of a dataset, its selections, and any result by its id."""

from __future__ import annotations

from tamis.actions import active
from tamis.api.open_result import result_of
from tamis.api.results import SelectionResult
from tamis.api.show import Listing, Records
from tamis.api.step_result import StepResult
from tamis.api.steps import HasDataset
from tamis.errors import UnknownName


class HasActive:
    """The active selection, clustering, layout and scores of a dataset; ``result.activate()`` changes one."""

    __slots__ = ()

    @property
    def active_selection(self: HasDataset) -> SelectionResult:
        """The selection that a person made or chose last; raises ArtifactMissing where there is none."""
        return SelectionResult(self._workspace, active.active_selection(self._workspace, self.id))

    @property
    def active(self: HasDataset) -> Records:
        """The active selection, clustering, layout and scores: kind, id, name."""
        found = active.active_artifacts(self._workspace, self.id)
        lines = [{"kind": one.kind, "id": one.artifact_id, "name": one.name} for one in found]
        return Records.of(f"Active of {self.id}", lines)

    def selections(self: HasDataset, *, own: bool = False) -> Listing[SelectionResult]:
        """Its selections, newest first; with ``own`` those that comparisons and refinements drew for themselves, too."""
        entries = active.list_selections(self._workspace, self.id, own=own)
        names = {one.artifact.id: ("* " if one.is_active else "") + one.name for one in entries}
        made = tuple(SelectionResult(self._workspace, one.artifact) for one in entries)
        return Listing(f"Selections of {self.id}", made, lambda one: {"name": names[one.id], "id": one.id})

    def result(self: HasDataset, id_or_kind: str) -> StepResult:
        """One result by its id, or the newest of a kind that is no run's own; raises UnknownName."""
        artifact = self._workspace.artifacts.list(self.id)
        named = next((one for one in artifact if id_or_kind == one.id), None)
        named = named or active.newest_of_kind(self._workspace, self.id, id_or_kind)
        if named is None:
            raise UnknownName("result", id_or_kind, {one.kind for one in artifact})
        return result_of(self._workspace, named)

    def _active_text(self: HasDataset) -> str:
        """The active selection, as the line of a dataset ends; empty where there is none."""
        found = active.active_artifacts(self._workspace, self.id)
        return "".join(f", active selection {one.name}" for one in found if one.kind == "selection")
