"""Options of worth: which rows, how each mixture is trained and measured, and how many of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tamis.recipes import RECIPES
from tamis.registry import Reach
from tamis.steps.proxies.options import Count, MixtureTrainingOptions, ProxyOptions
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON

Search = Literal["narrow", "improve"]
MOST_CLUSTERS = 12  # that of compute.worth.limits, which no page of help waits for


class WorthOptions(StepOptions):
    """How mixtures are chosen, trained and measured; with ``extends`` four runs more are added to those of another worth."""

    POINTERS: ClassVar[Mapping[str, str]] = {
        "held_out": "rows",
        "pool": "rows",
        "clustering": "clustering",
        "target": "target",
        "extends": "worth",
    }
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("recipe", "recipe_options", RECIPES),)

    held_out: str = Field(min_length=1, description="Rows to measure on (a frozen scope).")
    pool: str = Field(min_length=1, description="Rows that mixtures are drawn from (a frozen scope).")
    tokens: str = Field(min_length=1, description="Score that holds the tokens of every row.")
    clustering: str = Field(
        "", description="Clustering whose clusters are weighed; the active one when empty."
    )
    target: str = Field("", description="Targets whose examples are measured on beside the held-out rows.")
    model: Annotated[str, Reach.MODEL] = Field(
        "smollm2",
        min_length=1,
        description="Model to train on each mixture: smollm2 (bundled), a folder, a hub id, or adapter:ID.",
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
    count: Count = Field("all", description="Which tokens are counted: all, or those that are learned.")
    runs: int = Field(0, ge=0, le=1000, description="Mixtures to train on; 0: four for each super-cluster.")
    most_clusters: int = Field(
        MOST_CLUSTERS,
        ge=2,
        le=MOST_CLUSTERS,
        description="Super-clusters at most, into which clusters are joined.",
    )
    max_passes: float = Field(
        4.0,
        ge=1,
        le=100,
        description="How often a run may read a row; it limits how much of a cluster one has.",
    )
    furthest: float | None = Field(
        None,
        gt=0,
        description="How far a solved mixture may be from the pool's shares, as KL divergence in nats.",
    )
    extends: str = Field("", description="Worth to which four runs are added.")
    search: Search = Field(
        "narrow",
        description="Which runs are added: those that narrow the worths most, or the most promising.",
    )
    seed: int = Field(
        42, ge=0, le=2**31 - 1, description="Seed of the design; every run has its own from it."
    )

    def proxy(self, seed: int) -> ProxyOptions:
        """The options of the model as it is, measured alike."""
        return ProxyOptions(**self._shared(), budget_tokens=0, seed=seed)

    def mixture(
        self, groups: tuple[int, ...], shares: tuple[float, ...], seed: int
    ) -> MixtureTrainingOptions:
        """The options of one training."""
        return MixtureTrainingOptions(
            **self._shared(), budget_tokens=self.budget_tokens, groups=groups, shares=shares, seed=seed
        )

    def needs(self) -> tuple[Need, ...]:
        """The examples, the rows to measure on and to draw from, their tokens, and the clusters."""
        named = {"extends": "worth", "target": "target"}
        more = [Need(role, kind, getattr(self, role)) for role, kind in named.items() if getattr(self, role)]
        return (
            Need("examples", "examples"),
            Need("held_out", "rows", self.held_out),
            Need("pool", "rows", self.pool),
            Need("clustering", "clustering", self.clustering),
            Need("tokens", "scores", "", {"scorer": self.tokens}),
            *more,
        )

    def identity(self) -> dict[str, JSON]:
        """What determines the result: which runs are added says nothing where none are."""
        named = super().identity()
        return named if self.extends else {key: value for key, value in named.items() if key != "search"}

    def _shared(self) -> dict[str, JSON]:
        names = ("model", "recipe", "recipe_options", "step_tokens", "count")
        return {name: getattr(self, name) for name in names}
