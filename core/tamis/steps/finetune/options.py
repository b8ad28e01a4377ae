"""Options of finetune: which model learns which rows, and on which it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from tamis.recipes import RECIPES
from tamis.registry import Reach
from tamis.steps.spec import AS_IMPORTED, Choice, Need, StepOptions
from tamis.types import JSON

SPIN = "spin"  # the recipe that trains on pairs
CHECKER = "checker"  # the recipe that trains a classifier of claims, which answers nothing


class FinetuneOptions(StepOptions):
    """Rows, base model, recipe, and how the result is compared with its base."""

    POINTERS: ClassVar[Mapping[str, str]] = {
        "selection": "selection",
        "within": "rows",
        "decisions": "decisions",
        "held_out": "rows",
        "clustering": "clustering",
        "examination": "examination",
    }
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("recipe", "recipe_options", RECIPES),)
    FORMER_DEFAULTS: ClassVar[Mapping[str, JSON]] = {"split": "rows"}

    recipe: str = Field("sft_lora", description="How to train.")
    recipe_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that recipe.")
    model: Annotated[str, Reach.MODEL] = Field(
        "smollm2",
        min_length=1,
        description="Model to train: smollm2 (bundled), a folder, a hub id, or adapter:ID of this workspace.",
    )
    held_out_fraction: float = Field(
        0.1, ge=0, le=0.5, description="Share of the rows that is not trained on; 0: none, and no comparison."
    )
    max_held_out: int = Field(500, ge=1, description="Held-out rows at most.")
    split: Literal["connected", "grouped", "rows"] = Field(
        "connected",
        description="How rows are held out: connected (equal and nearly equal prompts and families on one side, chains of "
        "them too, rows that the model was trained on never, rows of their own for early stopping), grouped (the same, "
        "but prompts nearly equal to each other may be on both sides), rows (one by one); the last two as fine-tunings "
        "of before.",
    )
    n_generate: int = Field(
        50, ge=0, description="Held-out rows that both models answer; 0: only their loss is compared."
    )
    lm_eval_tasks: Annotated[tuple[str, ...], Reach.TASK_FILE] = Field(
        (),
        description="Tasks of the lm-evaluation-harness that base and result answer too: names, or paths of task files "
        "(.yaml) in a folder of TAMIS_TASK_FOLDERS.",
    )
    lm_eval_limit: int | None = Field(
        None, ge=1, description="Rows of each of these tasks at most; empty: all."
    )
    max_new_tokens: int = Field(128, ge=1, le=8192, description="Longest answer, in tokens.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of the held-out rows and of the training.")
    selection: str = Field(
        "", description="Selection to train on: its id, active or newest; all rows of the dataset when empty."
    )
    within: str = Field("", description="Only rows of this frozen scope.")
    decisions: str = Field(
        "",
        description="Decisions of the review: current, an id of frozen ones, or none; dropped rows leave, corrected rows "
        "replace theirs. Empty: those that the selection was made with.",
    )
    held_out: str = Field(
        "",
        description="Rows to hold out (a frozen scope), the same for several runs; the fraction is then unused.",
    )
    clustering: str = Field(
        "", description="Clustering to report by; the one that the selection was made with when empty."
    )

    examination: str = Field(
        "",
        description="For the recipe spin: the examination that holds the model's own answers; the newest when empty.",
    )

    @field_validator("lm_eval_tasks")
    @classmethod
    def _plain_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return each_task_once(given)

    def identity(self) -> dict[str, JSON]:
        """What determines the result; tasks only where some are asked, and the split only where it is not that of before."""
        named = super().identity()
        if self.split == "rows":
            del named["split"]
        return without_unasked_tasks(named)

    @property
    def stops_early(self) -> bool:
        """Whether looks at rows choose the weights that are kept: with early stopping, and of recipes that keep the best look."""
        return self.patience > 0 or self.recipe in (SPIN, CHECKER)

    @property
    def patience(self) -> int:
        """Looks without a lower loss after which training ends; 0: it does not end early."""
        return int(self.recipe_options.get("early_stopping_patience") or 0)

    def needs(self) -> tuple[Need, ...]:
        """The examples, and what was pointed at; a clustering where rows come with none."""
        wanted = [Need("examples", "examples")]
        if self.selection:
            wanted.append(
                Need(
                    "selection", "selection", "" if self.selection in ("active", "newest") else self.selection
                )
            )
        wanted += [Need(role, "rows", chosen) for role, chosen in self._frozen() if chosen]
        if self.decisions not in ("", AS_IMPORTED):
            wanted.append(Need("decisions", "decisions", self.decisions))
        if self.recipe == SPIN:
            wanted.append(Need("examination", "examination", self.examination))
        if self.clustering or not self.selection:
            wanted.append(Need("clustering", "clustering", self.clustering, optional=True))
        return tuple(wanted)

    def _frozen(self) -> tuple[tuple[str, str], ...]:
        return (("within", self.within), ("held_out", self.held_out))


def each_task_once(given: tuple[str, ...]) -> tuple[str, ...]:
    """In the order given, each once: the same tasks are the same result."""
    return tuple(dict.fromkeys(task.strip() for task in given if task.strip()))


def without_unasked_tasks(named: dict[str, JSON]) -> dict[str, JSON]:
    """What determines a result, without the fields of tasks where none is asked: it is that of before there were any."""
    if named["lm_eval_tasks"]:
        return named
    return {key: value for key, value in named.items() if key not in ("lm_eval_tasks", "lm_eval_limit")}


def harness_missing() -> str:
    """Why no task of the lm-evaluation-harness can be run here, with the way to it; empty when they can."""
    if find_spec("lm_eval") is not None:
        return ""
    return "The lm-evaluation-harness is not installed: run pip install 'tamis[harness]' and start the app again."
