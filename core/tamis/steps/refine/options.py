"""Options of refine: rounds of select, train, generate, score and reweigh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tamis.encoders import ENCODERS
from tamis.llms import LLMS, SmolLM2Options, lacking
from tamis.recipes import RECIPES
from tamis.registry import Reach, parse_options
from tamis.scorers import SCORERS
from tamis.selectors.options import SCORE_TEMPERATURE, SPREAD_TEMPERATURE, WEIGHTING, Weighting
from tamis.steps.refine.gaps import GAPS
from tamis.steps.select.options import NO_QUALITY, check_weighting
from tamis.steps.spec import AS_IMPORTED, Choice, Need, StepOptions
from tamis.types import JSON, UpdateMode

Control = Literal["none", "shuffled_scores", "random", "km_random", "kmq"]
LEAST_SCORED = 2  # rows per cluster and round in the modes that pool rounds
STATIC: frozenset[str] = frozenset({"random", "km_random", "kmq"})  # controls that never look at an answer
PINNED, EXCLUDED = "pinned", "excluded"
MOST_BOOST = 1000.0
NORMAL_SCORES = "normal scores"
EPOCHS = "num_train_epochs"  # of a recipe; round models have guide_epochs instead
# A round model is called guide in the names and values of options: they stand in manifests, jobs and links since.
# What only the whole run has; everything else is part of the name of each round.
OF_THE_RUN = ("rounds", "budget", "unit")
_TRAINING = ("recipe", "recipe_options", "guide_epochs")
# What each way of moving weights is told.
OF_MODE: Mapping[str, tuple[str, ...]] = {
    "tested": ("effect_temperature", "forgetting", "fall_factor", "rise_factor", "gap_scale"),
    "pooled": ("effect_temperature", "forgetting", "fall_factor", "rise_factor", "gap_scale"),
    "tamis": ("tau", "shrink_rows", "w_min_factor", "w_max_factor"),
    "paper": ("shrink_rows",),
    "released": ("tau", "shrink_rows"),
}
_POOLED, _OF_ONE_ROUND = OF_MODE["pooled"], OF_MODE["tamis"]
_SCORING = (
    "mode", *_POOLED, *_OF_ONE_ROUND, "model", "model_options", "train", *_TRAINING,
    "generate_rows", "score_rows", "max_new_tokens", "generate_temperature", "scorer", "scorer_options", "scored_by",
    "judge", "judge_options", "encoder", "flag_below_own", "flag_margin_sd",
)  # fmt: skip


class RefineOptions(StepOptions):
    """How many rounds over how many rows, how weights move, and what is trained and scored in between."""

    POINTERS: ClassVar[Mapping[str, str]] = {
        "clustering": "clustering",
        "scores": "scores",
        "confidence": "scores",
        "within": "rows",
        "pinned": "rows",
        "excluded": "rows",
        "decisions": "decisions",
        "continue_from": "refinement",
        "start_from": "worth",
    }
    CHOICES: ClassVar[tuple[Choice, ...]] = (
        Choice("recipe", "recipe_options", RECIPES),
        Choice("scorer", "scorer_options", GAPS),
    )
    LATER_CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("judge", "judge_options", LLMS),)

    rounds: int = Field(
        3, ge=1, le=50, description="Rounds to run; more rounds when a refinement is continued."
    )
    budget: float = Field(
        1000, gt=0, description="How much all these rounds select together, in the unit below."
    )
    unit: Literal["rows", "fraction"] = Field(
        "rows", description="Rows, or a fraction of all rows between 0 and 1."
    )
    mode: UpdateMode = Field(
        "tested",
        description="How weights move: tested (what all rounds together say lasts tilts the first weights, as far as chance does "
        "not explain it, taking rows to vary alike in all clusters), pooled (the same without that test), tamis (the first edition's: standardised scores of a round "
        "multiply the old weight), paper (Eq. 6 as printed, then renormalised) or released (softmax of the scores, the old "
        "weight unused).",
    )
    effect_temperature: float = Field(
        0.4,
        gt=0,
        le=100,
        description="In the modes tested and pooled: a lasting effect of so many deviations of a row is a factor e.",
    )
    fall_factor: float = Field(
        10.0,
        ge=1,
        description="In the modes tested and pooled: a weight falls to this part of its first one at most.",
    )
    rise_factor: float = Field(
        4.0,
        ge=1,
        description="In the modes tested and pooled: a weight rises to so many times its first one at most.",
    )
    forgetting: float = Field(
        1.0,
        gt=0,
        le=1,
        description="In the modes tested and pooled: what a round counts after every later round; 1 forgets nothing.",
    )
    gap_scale: Literal["as measured", "normal scores"] = Field(
        "as measured",
        description="In the modes tested and pooled: effects are of the gaps as measured, or of their normal scores within a round, "
        "so that a few extreme rows cannot decide.",
    )
    tau: float = Field(
        1.0, gt=0, le=1000, description="Temperature of the update; lower moves weights faster."
    )
    w_min_factor: float = Field(
        0.1, ge=0, le=1, description="Lowest weight of a cluster in the mode tamis, over the even share 1/k."
    )
    w_max_factor: float = Field(
        10.0, ge=1, description="Highest weight of a cluster in the mode tamis, over the even share 1/k."
    )
    shrink_rows: float = Field(
        5.0,
        ge=0,
        description="A cluster with so many scored rows is drawn half way to the mean (n0); 0: never.",
    )
    first_round: Literal["proportional", "uniform"] = Field(
        "proportional", description="First weights: by cluster size, or the same for every cluster."
    )
    quality: str = Field(
        "alignment",
        description="Score that makes a row more likely to be picked inside its cluster; or none.",
    )
    weighting: Weighting = WEIGHTING
    spread_temperature: float = SPREAD_TEMPERATURE
    temperature: float | None = SCORE_TEMPERATURE
    noise: Literal["own group", "exclude"] = Field(
        "own group", description="Rows outside every cluster: a group of their own, or left out."
    )
    model: Annotated[str, Reach.MODEL] = Field(
        "smollm2",
        min_length=1,
        description="Model to refine with: smollm2 (bundled), a folder, a hub id, or adapter:ID.",
    )
    model_options: dict[str, JSON] = Field(
        default_factory=dict, description="How that model is read: limits, number format, device, batches."
    )
    train: bool = Field(
        True,
        description="Fine-tune a round model in every round; off is the cheap mode: the base model answers instead.",
    )
    recipe: str = Field(
        "sft_lora", description="How the round model is trained, from the base on all rows so far."
    )
    recipe_options: dict[str, JSON] = Field(
        default_factory=dict, description="Options of that recipe; its epochs are guide_epochs."
    )
    guide_epochs: float = Field(1.0, gt=0, le=100, description="Passes over the rows for each round model.")
    generate_rows: int | None = Field(
        None,
        ge=1,
        description="Rows per round that are answered and scored, spread over clusters; empty: all. In the modes tested and pooled, "
        "two of every cluster are at least.",
    )
    score_rows: Literal["new", "all"] = Field(
        "new", description="Rows that are scored in a round: those it added, or all selected so far."
    )
    max_new_tokens: int = Field(256, ge=1, le=8192, description="Longest answer of the model, in tokens.")
    generate_temperature: float = Field(
        0.0, ge=0, le=5, description="Temperature of the model's answers; 0 takes the likeliest token."
    )
    scorer: str = Field("pmi", description="How the given answer is compared with the model's own.")
    scorer_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that score.")
    scored_by: Literal["base", "guide"] = Field(
        "base", description="Which model computes likelihoods: the base, or the round model as in the paper."
    )
    judge: str = Field("smollm2", description="Language model that rates, for the score llm_judge.")
    judge_options: dict[str, JSON] = Field(
        default_factory=dict, description="Options of that language model."
    )
    encoder: str = Field("minilm", description="Encoder of prompts and answers, for the score confidence.")
    flag_below_own: bool = Field(
        True, description="Flag rows whose given answer scores below the model's own."
    )
    flag_margin_sd: float = Field(
        1.0,
        ge=0,
        description="How many standard deviations below the round's mean that must be too, because models score their "
        "own words higher; 0 flags every such row.",
    )
    flag_confidence: float | None = Field(
        None, description="Flag picked rows whose confidence is below this (γ); empty: none."
    )
    flag_weight_fraction: float | None = Field(
        None, gt=0, le=1, description="Flag picked rows of clusters below this part of their first weight."
    )
    control: Control = Field(
        "none",
        description="A control instead: scores shuffled over clusters, or picks of the same size per round that never "
        "look at an answer (random, km_random, kmq).",
    )
    cluster_factors: dict[str, JSON] = Field(
        default_factory=dict,
        description="By cluster id: a factor on its weight, pinned (keeps its weight) or excluded (weight 0).",
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of every draw and of the training.")
    clustering: str = Field("", description="Clustering whose weights move; the active one when empty.")
    scores: str = Field("", description="Exact scores to use as quality; the newest of that name when empty.")
    confidence: str = Field("", description="Confidence to flag by; the newest when empty.")
    within: str = Field("", description="Rows to select from (a frozen scope); all rows when empty.")
    pinned: str = Field("", description="Rows that are always in (a frozen scope).")
    excluded: str = Field("", description="Rows that are never in (a frozen scope).")
    decisions: str = Field(
        "",
        description="Decisions of the review: current, or an id of frozen ones; dropped rows leave, corrected rows replace "
        "theirs.",
    )
    continue_from: str = Field("", description="Refinement to add rounds to; its picks and weights go on.")
    start_from: str = Field(
        "", description="Worth whose solved mixture gives the first weights; those of first_round when empty."
    )

    @model_validator(mode="before")
    @classmethod
    def _one_number_of_epochs(cls, values: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was given
        """Epochs that are given to the recipe are those of the round models, unless the round models were given their own."""
        recipe = values.get("recipe_options") if isinstance(values, dict) else None
        if not isinstance(recipe, dict) or EPOCHS not in recipe:
            return values
        rest = {key: value for key, value in recipe.items() if key != EPOCHS}
        return {"guide_epochs": recipe[EPOCHS], **values, "recipe_options": rest}

    @field_validator("recipe_options")
    @classmethod
    def _without_epochs(cls, completed: dict[str, JSON]) -> dict[str, JSON]:
        # Written out beside guide_epochs, the recipe's own default would look as if it had been used.
        return {key: value for key, value in completed.items() if key != EPOCHS}

    @field_validator("model_options")
    @classmethod
    def _complete_model_options(cls, given: dict[str, JSON]) -> dict[str, JSON]:
        return SmolLM2Options.model_validate(given).model_dump(mode="json")

    @field_validator("cluster_factors", mode="before")
    @classmethod
    def _normal_factors(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was given
        if not isinstance(given, dict):
            return given
        named = {str(key): _factor(str(key), value) for key, value in given.items()}
        # A factor of 1 changes nothing, so it names nothing either.
        return {key: named[key] for key in sorted(named, key=int) if named[key] != 1.0}

    @model_validator(mode="after")
    def _refuse_impossible(self) -> Self:
        if self.unit == "fraction" and self.budget > 1:
            raise ValueError(f"a budget of {self.budget:g} is no fraction; give 0 to 1, or unit rows")
        if self.unit == "rows" and self.budget != int(self.budget):
            raise ValueError(
                f"a budget of {self.budget:g} rows is not whole; give a whole number, or unit fraction"
            )
        if self.unit == "rows" and self.budget < self.rounds:
            raise ValueError(
                f"a budget of {self.budget:g} rows cannot be divided over {self.rounds} rounds; raise it, or lower rounds"
            )
        if self.recipe == "spin":
            raise ValueError(
                "the recipe spin trains on pairs, which rounds do not have; take sft_lora or sft_full"
            )
        if self.scorer == "reward_model" and not self.static and not self.scorer_options.get("reward_model"):
            raise ValueError(
                "the score reward_model needs a model: name a folder or a hub id as reward_model"
            )
        ENCODERS[self.encoder]
        if self.asks() == "judge":
            reason = lacking(self.judge, self.judge_options, SCORERS[GAPS[self.scorer].scorer].needs_llm)
            if reason:
                raise ValueError(f"the judge needs more of a language model. {reason}")
        return self

    @property
    def cheap(self) -> bool:
        """Whether the base model answers without any training."""
        return not self.train

    @property
    def pools_rounds(self) -> bool:
        """Whether weights follow from the evidence of all rounds instead of one round's scores."""
        return self.mode in ("tested", "pooled")

    @property
    def static(self) -> bool:
        """Whether this is a control that never looks at an answer."""
        return self.control in STATIC

    def budget_rows(self, n_examples: int) -> int:
        """The budget in rows of a dataset of so many."""
        return int(self.budget) if self.unit == "rows" else max(1, round(self.budget * n_examples))

    def asks(self) -> str:
        """Who answers the scorer's questions: model, judge or none."""
        return "none" if self.static else GAPS[self.scorer].asks

    def needs(self) -> tuple[Need, ...]:
        """Examples and clustering; quality, confidence and frozen rows as far as they are named."""
        wanted = [Need("examples", "examples"), Need("clustering", "clustering", self.clustering)]
        if self.quality != NO_QUALITY and self.control not in ("random", "km_random"):
            # Static kMQ without a quality is km_random, which is a control of its own.
            optional = "quality" not in self.model_fields_set and self.control != "kmq"
            if not self.continue_from:  # a run of before goes on by the odds it began with
                check_weighting(self.weighting, self.quality)
            wanted.append(Need("scores", "scores", self.scores, {"scorer": self.quality}, optional))
        if self.flag_confidence is not None:
            wanted.append(Need("confidence", "scores", self.confidence, {"scorer": "confidence"}))
        kinds = {"within": "rows", "pinned": "rows", "excluded": "rows", "decisions": "decisions"}
        kinds |= {"continue_from": "refinement", "start_from": "worth"}
        named = {role: getattr(self, role) for role in kinds if getattr(self, role) not in ("", AS_IMPORTED)}
        wanted += [Need(role, kinds[role], chosen) for role, chosen in named.items()]
        return tuple(wanted)

    def identity(self) -> dict[str, JSON]:
        """What determines the result: options that this kind of run never looks at are left out."""
        named = super().identity()
        unused: set[str] = set()
        if self.static:
            unused |= set(_SCORING)
        unused |= set(_OF_ONE_ROUND if self.pools_rounds else _POOLED)
        if self.gap_scale != NORMAL_SCORES:
            unused.add("gap_scale")  # so that runs of before, which had no such option, keep their names
        if self.control in ("random", "km_random"):
            unused |= {"quality", "weighting", "spread_temperature", "temperature"}
        if not self.train:
            unused |= {*_TRAINING, "scored_by"}
        if self.asks() != "judge":
            unused |= {"judge", "judge_options"}
        if self.scorer != "confidence":
            unused.add("encoder")
        return {key: value for key, value in named.items() if key not in unused}

    def of_every_round(self) -> dict[str, JSON]:
        """The part of the identity that each round is named by: a longer run begins with the rounds of a shorter one."""
        return {key: value for key, value in self.identity().items() if key not in OF_THE_RUN}


def _factor(cluster: str, value: JSON) -> JSON:
    if not cluster.lstrip("-").isdigit():
        raise ValueError(f'{cluster!r} is no cluster id; give whole numbers, as {{"3": "excluded"}}')
    if value in (PINNED, EXCLUDED):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"cluster {cluster}: {value!r} is neither a factor nor pinned nor excluded"
        ) from error
    if not 0 <= number <= MOST_BOOST:
        raise ValueError(f"cluster {cluster}: a factor of {number:g} is not between 0 and {MOST_BOOST:g}")
    return EXCLUDED if number == 0 else number


class RoundOptions(StepOptions):
    """One round: the options of the run without its length, and how many rows the round adds."""

    settings: dict[str, JSON] = Field(description="What every round of the run shares.")
    round: int = Field(ge=1, description="Number of the round, from 1.")
    n_rows: int = Field(ge=1, description="Rows that the round adds.")

    def refine_options(self) -> RefineOptions:
        """The shared options in their own type."""
        return parse_options(RefineOptions, {**self.settings, "rounds": 1, "budget": 1, "unit": "rows"})
