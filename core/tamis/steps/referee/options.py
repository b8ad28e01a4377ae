"""Options of referee: which selections of which methods, trained how, on how many tokens, and how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tamis.recipes import RECIPES
from tamis.registry import Reach
from tamis.steps.proxies.options import AsksTasks, Count, ProxyOptions
from tamis.steps.spec import Choice, Need
from tamis.store.artifacts.choices import BASELINE
from tamis.types import JSON


class RefereeOptions(AsksTasks):
    """Which methods, and how each is trained and measured.

    ``methods`` names the method of each of ``selections``, ``refined`` that of each of ``refinements``. A method with one
    selection has it in every block; another has as many in each block, block after block.
    """

    POINTERS: ClassVar[Mapping[str, str]] = {
        "selections": "selection",
        "refinements": "refinement",
        "held_out": "rows",
        "pool": "rows",
        "clustering": "clustering",
        "target": "target",
    }
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("recipe", "recipe_options", RECIPES),)

    methods: tuple[str, ...] = Field(min_length=1, description="Method of each selection, random among them.")
    selections: tuple[str, ...] = Field(min_length=1, description="Ids of the selections.")
    refined: tuple[str, ...] = Field((), description="Name of each refinement among the methods.")
    refinements: tuple[str, ...] = Field(
        (), description="Ids of refinements whose last selection is a method."
    )
    held_out: str = Field(min_length=1, description="Rows to measure on (a frozen scope).")
    pool: str = Field(min_length=1, description="Rows that methods may pick from (a frozen scope).")
    clustering: str = Field("", description="Clustering to report by; the active one when empty.")
    target: str = Field(
        "", description="Targets that are measured on beside the held-out rows; methods went by them."
    )
    model: Annotated[str, Reach.MODEL] = Field(
        "smollm2",
        min_length=1,
        description="Model to train on each selection: smollm2 (bundled), a folder, a hub id, or adapter:ID.",
    )
    recipe: str = Field("sft_full", description="How to train, the same for all.")
    recipe_options: dict[str, JSON] = Field(
        default_factory=dict,
        description="Options of that recipe; its epochs, rows of a batch, looks and checkpoints have no meaning here.",
    )
    budget_tokens: int = Field(
        20_000, ge=1, description="Tokens that go through every model in training, exactly."
    )
    step_tokens: int = Field(1024, ge=8, description="Tokens of one step; no row is longer.")
    count: Count = Field(
        "all", description="Which tokens the budget counts: all, or those of responses that are learned."
    )
    max_seeds: Literal[4, 6, 8, 10] = Field(
        10, description="Seeds at most; it is looked at after 4, 6, 8 and 10."
    )
    equivalence_margin: float = Field(
        0.02,
        gt=0,
        le=10,
        description="Differences within it count as none, in nats per token; said before it is run.",
    )
    preset: str = Field("", description="Whose protocol it follows, for its name.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed from which every block has its own.")

    @model_validator(mode="after")
    def _blocks_are_whole(self) -> Self:
        if len(self.methods) != len(self.selections) or len(self.refined) != len(self.refinements):
            raise ValueError("name the method of every selection and of every refinement")
        if BASELINE not in self.methods or len(self.names()) < 2:
            raise ValueError("a referee holds methods against random: name random and at least one other")
        for name in self.names():
            count = self.methods.count(name)
            if name in self.refined:
                fits = count == 0 and self.refined.count(name) == 1
            else:
                fits = count == 1 or (count > 0 and count % self.max_seeds == 0)
            if not fits:
                raise ValueError(
                    f"{name!r} has {count} selections: give one, or as many for each of {self.max_seeds} seeds"
                )
        return self

    def names(self) -> list[str]:
        """The methods, random first, the others as they were given."""
        others = [name for name in dict.fromkeys((*self.methods, *self.refined)) if name != BASELINE]
        return [BASELINE, *others]

    def roles_of(self, name: str, block: int) -> list[str]:
        """Roles of the inputs that a method trains on in a block, from 0."""
        if name in self.refined:
            return [f"refinement_{self.refined.index(name):02d}"]
        own = [f"selection_{i:03d}" for i, method in enumerate(self.methods) if method == name]
        if len(own) == 1:
            return own
        each = len(own) // self.max_seeds
        return own[block * each : (block + 1) * each]

    def proxy(self, seed: int, *, trained: bool = True) -> ProxyOptions:
        """The options of one training."""
        shared = {
            name: getattr(self, name)
            for name in (
                "model",
                "recipe",
                "recipe_options",
                "step_tokens",
                "count",
                "lm_eval_tasks",
                "lm_eval_limit",
            )
        }
        return ProxyOptions(**shared, budget_tokens=self.budget_tokens if trained else 0, seed=seed)

    def needs(self) -> tuple[Need, ...]:
        """The examples, every selection, the rows to measure on and to pick from, and clusters to report by."""
        picked = [Need(f"selection_{i:03d}", "selection", one) for i, one in enumerate(self.selections)]
        refined = [Need(f"refinement_{i:02d}", "refinement", one) for i, one in enumerate(self.refinements)]
        return (
            Need("examples", "examples"),
            *picked,
            *refined,
            Need("held_out", "rows", self.held_out),
            Need("pool", "rows", self.pool),
            Need("clustering", "clustering", self.clustering, optional=True),
            *((Need("target", "target", self.target),) if self.target else ()),
        )
