"""Options of curate: which version of which dataset, and which decisions make the next version of it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tamis.registry import Options
from tamis.steps.spec import Need, StepOptions
from tamis.types import JSON


class Addition(Options):
    """A batch whose accepted rows a version takes."""

    dataset_id: str = Field(min_length=1, description="Dataset of the batch.")
    examples: str = Field(min_length=1, description="Artifact id of its examples.")
    decisions: str = Field(min_length=1, description="Artifact id of its frozen decisions.")


class CurateOptions(StepOptions):
    """A new version of a dataset: its parent with the decisions applied, then the accepted rows of batches."""

    parent: str = Field(min_length=1, description="Id of the dataset that was reviewed.")
    parent_examples: str = Field(min_length=1, description="Artifact id of its examples.")
    decisions: str = Field(
        description="Artifact id of its frozen decisions; empty where batches alone are joined."
    )
    additions: tuple[Addition, ...] = Field(
        (), description="Batches whose accepted rows come behind its own."
    )
    name: str = Field("", description="Name shown to people.")

    @model_validator(mode="after")
    def _refuse_nothing(self) -> Self:
        if not self.decisions and not self.additions:
            raise ValueError("decisions = '': name frozen decisions, or batches to join")
        return self

    def needs(self) -> tuple[Need, ...]:
        """Nothing of the dataset that is made: what is read belongs to the parent."""
        return ()

    def identity(self) -> dict[str, JSON]:
        """What a version is called does not change what is in it."""
        left_out = {"name"} if self.additions else {"name", "additions"}
        return self.model_dump(mode="json", exclude=left_out)
