"""Options of cluster: which method, over which embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from tamis.clusterers import CLUSTERERS
from tamis.steps.kept import KEPT_FROM
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON


class ClusterOptions(StepOptions):
    """Which clustering method, over which embeddings."""

    POINTERS: ClassVar[Mapping[str, str]] = {"embeddings": "embeddings"}
    UNASKED: ClassVar[tuple[str, ...]] = ("kept_from", "names")
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("method", "method_options", CLUSTERERS),)

    method: str = Field("kmeans", description="Clustering method.")
    method_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that method.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed; the paper uses 42.")
    embeddings: str = Field("", description="Embeddings to cluster; the newest when empty.")
    kept_from: str = Field("", max_length=300, description=KEPT_FROM)
    names: dict[str, str] = Field(
        default_factory=dict, description="What people called the clusters that are kept, by number."
    )

    def needs(self) -> tuple[Need, ...]:
        """Examples for the keywords, embeddings for the groups."""
        return (Need("examples", "examples"), Need("embeddings", "embeddings", self.embeddings))
