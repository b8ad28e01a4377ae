"""Options of one training that is only measured: the model, how many tokens of what, and the seed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from tamis.recipes import RECIPES
from tamis.registry import Reach
from tamis.steps.finetune.options import each_task_once, without_unasked_tasks
from tamis.steps.spec import Choice, StepOptions
from tamis.types import JSON

Count = Literal["all", "response"]


class AsksTasks(StepOptions):
    """Tasks of the lm-evaluation-harness that every trained model answers beside the held-out rows, which claim nothing."""

    lm_eval_tasks: Annotated[tuple[str, ...], Reach.TASK_FILE] = Field(
        (),
        description="Tasks of the lm-evaluation-harness that every trained model answers too: names, or paths of task "
        "files (.yaml) in a folder of TAMIS_TASK_FOLDERS.",
    )
    lm_eval_limit: int | None = Field(
        None, ge=1, description="Rows of each of these tasks at most; empty: all."
    )

    @field_validator("lm_eval_tasks")
    @classmethod
    def _plain_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return each_task_once(given)

    def identity(self) -> dict[str, JSON]:
        """What determines the result; tasks only where some are asked."""
        return without_unasked_tasks(super().identity())


class ProxyOptions(AsksTasks):
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
