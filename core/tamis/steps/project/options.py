"""Options of project: which layout, over which embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from tamis.projectors import PROJECTORS
from tamis.steps.kept import KEPT_FROM
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON


class ProjectOptions(StepOptions):
    """Which layout, over which embeddings."""

    POINTERS: ClassVar[Mapping[str, str]] = {"embeddings": "embeddings"}
    UNASKED: ClassVar[tuple[str, ...]] = ("kept_from",)
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("method", "method_options", PROJECTORS),)

    method: str = Field("umap", description="Layout method.")
    method_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that method.")
    embeddings: str = Field("", description="Embeddings to lay out; the newest when empty.")
    kept_from: str = Field("", max_length=300, description=KEPT_FROM)

    def needs(self) -> tuple[Need, ...]:
        """The embeddings; where places are kept, also the examples, which say what row is which."""
        embeddings = Need("embeddings", "embeddings", self.embeddings)
        return (Need("examples", "examples"), embeddings) if self.kept_from else (embeddings,)
