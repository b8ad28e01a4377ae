"""Options of curate: which version of which dataset, and which decisions make the next version of it."""

from __future__ import annotations

from pydantic import Field

from tamis.steps.spec import Need, StepOptions
from tamis.types import JSON


class CurateOptions(StepOptions):
    """A new version of a dataset: its parent with the decisions applied."""

    parent: str = Field(min_length=1, description="Id of the dataset that was reviewed.")
    parent_examples: str = Field(min_length=1, description="Artifact id of its examples.")
    decisions: str = Field(min_length=1, description="Artifact id of its frozen decisions.")
    name: str = Field("", description="Name shown to people.")

    def needs(self) -> tuple[Need, ...]:
        """Nothing of the dataset that is made: what is read belongs to the parent."""
        return ()

    def identity(self) -> dict[str, JSON]:
        """What a version is called does not change what is in it."""
        return self.model_dump(mode="json", exclude={"name"})
