"""Options of compare: which selections, measured by what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, field_validator

from tamis.steps.spec import Need, StepOptions

MAX_COMPARED = 36  # selections in one comparison: twelve methods with three seeds


class CompareOptions(StepOptions):
    """Which selections to hold beside each other, and how much work to put into it."""

    POINTERS: ClassVar[Mapping[str, str]] = {
        "selections": "selection",
        "clustering": "clustering",
        "embeddings": "embeddings",
        "scores": "scores",
    }

    selections: tuple[str, ...] = Field(
        min_length=2,
        max_length=MAX_COMPARED,
        description="Ids of the selections; the same method with other seeds is one method.",
    )
    quality: str = Field("alignment", description="Score to look at in every selection.")
    epochs: float = Field(3.0, gt=0, le=100, description="Passes over the rows in training, for its cost.")
    tokens_per_second: float | None = Field(
        None,
        gt=0,
        description="Tokens that one GPU trains on per second; the cost is then also in GPU hours.",
    )
    pool_rows: int = Field(
        50_000,
        ge=100,
        description="Coverage is measured on so many rows at most, drawn at random; all when the dataset is smaller.",
    )
    confidence_fraction: float = Field(0.95, gt=0.5, lt=1, description="Confidence of every interval.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of the sample and of the intervals.")
    clustering: str = Field("", description="Clustering to count by; the active one when empty.")
    embeddings: str = Field("", description="Embeddings to measure distances in; the newest when empty.")
    scores: str = Field("", description="Exact scores to use as quality; the newest of that name when empty.")

    @field_validator("selections")
    @classmethod
    def _once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Sorted and each once: a comparison does not depend on the order in which selections were named."""
        named = tuple(sorted(set(given)))
        if len(named) < 2:
            raise ValueError("name at least two different selections")
        return named

    def needs(self) -> tuple[Need, ...]:
        """Every selection, and what they are measured by as far as it is there."""
        picked = [Need(f"selection_{i:02d}", "selection", named) for i, named in enumerate(self.selections)]
        by = {"scorer": self.quality}
        return (
            Need("examples", "examples"),
            *picked,
            Need("clustering", "clustering", self.clustering, optional=True),
            Need("embeddings", "embeddings", self.embeddings, optional=True),
            Need("scores", "scores", self.scores, by, optional="quality" not in self.model_fields_set),
        )
