"""Options of propose: which rows CLEAR would keep, drop or replace, and who is asked about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from tamis.errors import InvalidOptions
from tamis.filters import FILTERS, choose_filters
from tamis.llms import LLMS, lacking
from tamis.steps.spec import AS_IMPORTED, Choice, Need, StepOptions
from tamis.types import JSON

# What determines the proposals of each method; all other options are left out of the name of its result.
THRESHOLD = ("score", "gamma", "gamma_fraction")
NAMED_BY = {
    "filter": THRESHOLD,
    "random": (*THRESHOLD, "seed"),
    "oracle": (),
    "alc3": ("ask_fraction", "delta", "eta_0", "n_folds", "strength", "seed"),
    "additions": ("filters",),
}
OF_ALC3 = ("ask_fraction", "delta", "eta_0", "n_folds", "strength")
MEASURED = "measured "  # before the name of a score that a filter of written rows reads, as a role
ENDPOINT_CHARACTERS = 24_000  # of a row, for a judge that does not say how much it reads
TEMPLATE_TOKENS = 260  # the judge's question without the row, in any usual tokenizer
CHARACTERS_PER_TOKEN = 3  # a cautious average of European languages


class ProposeOptions(StepOptions):
    """Auto-Filter, Auto-Correct and their controls (CLEAR, 2403.12776; METHODS.md 2.2-2.4)."""

    POINTERS: ClassVar[Mapping[str, str]] = {
        "scores": "scores",
        "within": "rows",
        "oracle_rows": "rows",
        "embeddings": "embeddings",
        "decisions": "decisions",
        "after": "proposals",
    }
    CHOICES: ClassVar[tuple[Choice, ...]] = (
        Choice("llm", "llm_options", LLMS),
        Choice("judge", "judge_options", LLMS),
    )

    method: Literal["filter", "correct", "random", "oracle", "alc3", "additions"] = Field(
        "filter",
        description="filter: drop what is not above the threshold; correct: also replace by better answers; controls: "
        "random keeps as many rows as the filter would, oracle drops exactly the rows named; alc3: a round over rows whose "
        "responses are labels, which corrects some, asks about some and leaves some out; additions: add the rows of a "
        "batch that pass its filters.",
    )
    score: str = Field(
        "confidence", min_length=1, description="Score that says how far a row can be trusted."
    )
    gamma_fraction: float = Field(
        0.1, ge=0, le=1,
        description="Share of the rows below the threshold γ; the paper takes the median (0.5): far more than most files "
        "have wrong.",
    )  # fmt: skip
    gamma: float | None = Field(
        None,
        allow_inf_nan=False,
        description="Threshold γ itself, in the score's unit; empty: the share above.",
    )
    eta: float = Field(
        0.8,
        ge=0,
        le=1,
        description="A candidate replaces a response when it is better with more confidence (η).",
    )
    llm: str = Field(
        "smollm2", description="Language model that writes the candidates; best a fine-tuned one."
    )
    llm_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that model.")
    max_new_tokens: int = Field(512, ge=1, le=32_768, description="Longest candidate, in tokens.")
    temperature: float = Field(0.0, ge=0, le=5, description="Temperature of the candidates.")
    judge: str = Field(
        "smollm2", description="Language model that compares candidate and response, in both orders."
    )
    judge_options: dict[str, JSON] = Field(default_factory=dict, description="Options of the judge.")
    judge_samples: int = Field(
        5, ge=1, le=100, description="Verdicts sampled per order, where the judge gives no probabilities."
    )
    judge_beta_fraction: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Weight of sampled verdicts against second thoughts (β), in the same case.",
    )
    judge_characters: int | None = Field(
        None,
        ge=60,
        description="Characters of prompt and both answers that the judge reads; the middle of longer ones is left out. "
        "Empty: what fits a local judge's max_prompt_tokens, 24,000 for an endpoint.",
    )
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of samples and of the random control.")
    ask_fraction: float = Field(
        0.02, gt=0, le=1, description="Share of the rows that a person is asked about in a round (alc3)."
    )
    delta: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="A label is corrected where another one is likelier than this (δ of alc3); empty: what a tenth of the "
        "rows exceed in the first round.",
    )
    eta_0: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of wrong labels at first (η₀ of alc3); empty: that of the first, random batch.",
    )
    n_folds: int = Field(
        5,
        ge=2,
        le=50,
        description="Parts of the rows; labels of each are told by a model of the others (alc3).",
    )
    strength: float = Field(1.0, gt=0, description="Inverse of the L2 penalty of that model (alc3).")
    embeddings: str = Field(
        "", description="Embeddings that labels are told from (alc3); the newest when empty."
    )
    decisions: str = Field(
        "",
        description="What people said so far (alc3): current, or an id of frozen decisions; empty: nothing.",
    )
    after: str = Field("", description="Proposals of the round before (alc3); empty: this is the first.")
    scores: str = Field("", description="Exact scores to use; the newest of that name when empty.")
    within: str = Field("", description="Rows to consider (a frozen scope); all rows when empty.")
    oracle_rows: str = Field("", description="Rows that the oracle control drops (a frozen scope).")
    filters: dict[str, bool | dict[str, JSON]] = Field(
        default_factory=dict,
        description='With additions: filters to turn off or on beside those of the batch, or their options: {"length": false, '
        '"confidence": {"gamma": 0.6}}.',
    )

    @model_validator(mode="after")
    def _refuse_unable_models(self) -> Self:
        choose_filters(self.filters)
        if self.method == "correct":
            for name, options in ((self.llm, self.llm_options), (self.judge, self.judge_options)):
                reason = lacking(name, options, ("complete",))
                if reason:
                    raise ValueError(f"Auto-Correct needs more of a language model. {reason}")
        return self

    def needs(self) -> tuple[Need, ...]:
        """Examples; the score that the threshold is set on; the frozen scopes that were named.

        Raises InvalidOptions for the oracle control without the rows to drop.
        """
        needed = [Need("examples", "examples")]
        if self.reads_scores():
            needed.append(Need("scores", "scores", self.scores, {"scorer": self.score}))
        if self.method == "alc3":
            needed += self._alc3_needs()
        if self.within:
            needed.append(Need("within", "rows", self.within))
        if self.method == "oracle":
            if not self.oracle_rows:
                raise InvalidOptions(
                    "The oracle control needs the rows to drop: give oracle_rows, such as tag:NAME."
                )
            needed.append(Need("oracle_rows", "rows", self.oracle_rows))
        for name in self._measured():
            needed.append(Need(MEASURED + name, "scores", "", {"scorer": name}))
        return tuple(needed)

    def _alc3_needs(self) -> list[Need]:
        both = None if self.embeddings else {"text": "both"}
        named = [Need("embeddings", "embeddings", self.embeddings, both)]
        if self.decisions not in ("", AS_IMPORTED):
            named.append(Need("decisions", "decisions", self.decisions))
        if self.after:
            named.append(Need("after", "proposals", self.after))
        return named

    def _measured(self) -> list[str]:
        """The scores that filters of written rows read."""
        if self.method != "additions":
            return []
        named = (FILTERS[name].measured for name, switch in self.filters.items() if switch is not False)
        return [name for name in named if name]

    def reads_scores(self) -> bool:
        """Whether a confidence is read; the random control needs it only to count what is above a given γ."""
        return self.method in ("filter", "correct") or (self.method == "random" and self.gamma is not None)

    def identity(self) -> dict[str, JSON]:
        """Only what the method looks at; a γ that is given makes its share irrelevant."""
        named = super().identity()
        if self.method == "correct":
            named = {key: value for key, value in named.items() if key not in OF_ALC3}
        if self.method != "additions":
            named.pop("filters")
        if self.method in NAMED_BY:
            named = {key: named[key] for key in ("method", *NAMED_BY[self.method])}
        if named.get("gamma") is not None:
            named.pop("gamma_fraction")
        if not self.reads_scores():
            named = {key: value for key, value in named.items() if key not in ("score", "gamma")}
        return named

    def meaning(self) -> dict[str, JSON]:
        """2: a judge reads the tools and the reasoning of a conversation, too."""
        return {"judged": 2} if self.method in ("correct", "additions") else {}

    def judged_characters(self) -> int:
        """Characters of a row that the judge reads."""
        limit = self.judge_options.get("max_prompt_tokens")
        if self.judge_characters is not None:
            return self.judge_characters
        if not isinstance(limit, int):
            return ENDPOINT_CHARACTERS
        return max(60, (limit - TEMPLATE_TOKENS) * CHARACTERS_PER_TOKEN)
