"""What every step's result has: its id, options, inputs and summary, and itself as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from tamis.actions.active import activate
from tamis.actions.artifact_names import artifact_name
from tamis.api.show import Tabular
from tamis.reprs import Head, facts

if TYPE_CHECKING:
    from tamis.store.artifacts.store import Artifact
    from tamis.store.workspace import Workspace
    from tamis.types import JSON


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepResult(Tabular):
    """A finished artifact. It never changes: the same options on the same inputs are the same result."""

    _workspace: Workspace
    _artifact: Artifact

    @property
    def id(self) -> str:
        """Its id, which follows from what made it; any option that names such a result takes it, or this object."""
        return self._artifact.id

    @property
    def name(self) -> str:
        """What it is called on every page: ``kMQ · 100 rows · by alignment``."""
        return artifact_name(self._workspace, self._artifact)

    @property
    def kind(self) -> str:
        """What it is: ``embeddings``, ``clustering``, ``scores``, ``selection`` …"""
        return self._artifact.kind

    @property
    def dataset_id(self) -> str:
        """The dataset it belongs to."""
        return self._artifact.manifest.dataset_id

    @property
    def options(self) -> dict[str, JSON]:
        """The options that made it, complete; the step takes them again as they are."""
        return {name: value for name, value in self._artifact.manifest.options.items() if name != "step"}

    @property
    def inputs(self) -> dict[str, str]:
        """Ids of what it was made from, by role."""
        return dict(self._artifact.manifest.inputs)

    @property
    def summary(self) -> Mapping[str, JSON]:
        """What the step said about it."""
        return dict(self._artifact.summary)

    @property
    def created_at(self) -> str:
        """When it was made (ISO 8601, UTC)."""
        return self._artifact.manifest.created_at

    @property
    def path(self) -> Path:
        """The folder that holds its files; to be read, not written."""
        return self._artifact.path

    def activate(self) -> Self:
        """Make it the active selection, clustering, layout or scores, which everything takes unless another is named.

        Embeddings become the layout, by their principal components; a selection that a comparison or a refinement drew is
        kept by it. Raises ArtifactMissing for another kind.
        """
        activate(self._workspace, self.dataset_id, self.id)
        return self

    def to_arrow(self) -> pa.Table:
        """What it says, a line per value of its summary."""
        lines = list(_plain(self.summary).items())
        return pa.table({"name": [name for name, _ in lines], "value": [str(value) for _, value in lines]})

    def _head(self) -> Head:
        return facts(_plain(self.summary))

    def _line(self) -> str:
        return f"{self.kind.capitalize()} {self.id} of {self.dataset_id}: {self.name}"


def _plain(summary: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in summary.items() if not isinstance(value, dict | list)}
