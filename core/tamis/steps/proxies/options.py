"""Options of one training that is only measured: the model, how many tokens of what, and the seed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tamis.recipes import RECIPES
from tamis.registry import Reach
from tamis.steps.spec import Choice, StepOptions
from tamis.types import JSON

Count = Literal["all", "response"]


class ProxyOptions(StepOptions):
    """How one proxy model is trained: what all trainings of a study share, and its seed.

    With ``budget_tokens`` 0 nothing is trained, and the base model itself is measured.
    """

    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("recipe", "recipe_options", RECIPES),)

    model: Annotated[str, Reach.MODEL] = Field("smollm2", min_length=1, description="Model to train.")
    recipe: str = Field("sft_full", description="How to train.")
    recipe_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that recipe.")
    budget_tokens: int = Field(20_000, ge=0, description="Tokens of the training.")
    step_tokens: int = Field(1024, ge=8, description="Tokens of a step.")
    count: Count = Field("all", description="Which tokens are counted.")
    seed: int = Field(0, ge=0, description="Seed of the order of rows and of the training.")


class MixtureTrainingOptions(ProxyOptions):
    """One training on a mixture of groups of clusters; the rows of each are drawn by the seed."""

    groups: tuple[int, ...] = Field(description="Group of every cluster.")
    shares: tuple[float, ...] = Field(description="Share of the tokens of every group.")
