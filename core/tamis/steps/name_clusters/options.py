"""Options of name_clusters: which clusters, which model, and how much it is shown of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from tamis.llms import LLMS, lacking
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON


class NamingOptions(StepOptions):
    """A language model names every cluster from keywords, examples and neighbours, and then the groups above them."""

    POINTERS: ClassVar[Mapping[str, str]] = {"clustering": "clustering"}
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("llm", "llm_options", LLMS),)

    llm: str = Field("smollm2", description="Language model that names.")
    llm_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that model.")
    exemplars: int = Field(
        3, ge=0, le=5, description="Rows from the middle of a cluster that the model reads."
    )
    exemplar_characters: int = Field(
        400, ge=20, le=20_000, description="Characters of prompt and of response that it reads of each."
    )
    siblings: int = Field(4, ge=0, le=20, description="Nearest other clusters that it is told of.")
    max_new_tokens: int = Field(24, ge=4, le=200, description="Longest reply, in tokens.")
    clustering: str = Field("", description="Clustering to name; the active one when empty.")

    @model_validator(mode="after")
    def _refuse_unable_model(self) -> Self:
        reason = lacking(self.llm, self.llm_options, ("complete",))
        if reason:
            raise ValueError(f"Naming needs more of a language model. {reason}")
        return self

    def needs(self) -> tuple[Need, ...]:
        """Examples, whose texts are read, and the clustering."""
        return Need("examples", "examples"), Need("clustering", "clustering", self.clustering)
