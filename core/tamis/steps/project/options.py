"""Options of project: which layout, over which embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from tamis.projectors import PROJECTORS
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON


class ProjectOptions(StepOptions):
    """Which layout, over which embeddings."""

    POINTERS: ClassVar[Mapping[str, str]] = {"embeddings": "embeddings"}
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("method", "method_options", PROJECTORS),)

    method: str = Field("umap", description="Layout method.")
    method_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that method.")
    embeddings: str = Field("", description="Embeddings to lay out; the newest when empty.")

    def needs(self) -> tuple[Need, ...]:
        """Only the embeddings."""
        return (Need("embeddings", "embeddings", self.embeddings),)
