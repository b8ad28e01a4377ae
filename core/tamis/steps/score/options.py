"""Options of score: which score, and which language model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from tamis.llms import LLMS, lacking
from tamis.scorers import SCORERS
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON

QUOTES = ("llm_rating", "bsdetector")  # a question about a row, with its conversation in it


class ScoreOptions(StepOptions):
    """Which score, and which language model where the score asks one."""

    POINTERS: ClassVar[Mapping[str, str]] = {"embeddings": "embeddings", "target": "target"}
    CHOICES: ClassVar[tuple[Choice, ...]] = (
        Choice("scorer", "scorer_options", SCORERS),
        Choice("llm", "llm_options", LLMS),
    )

    scorer: str = Field("alignment", description="What to measure.")
    scorer_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that scorer.")
    llm: str = Field("smollm2", description="Language model, for scores that ask one.")
    llm_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that language model.")
    embeddings: str = Field("", description="Embeddings for scores that read vectors; the newest when empty.")
    target: str = Field(
        "",
        description="Target for scores towards one, by name; several as first=2,second=1 with their shares; the only one when empty.",
    )

    sample_rows: int = Field(
        0,
        ge=0,
        description="Score only so many rows, drawn at random and always the same; 0 scores every row. For scores that ask a model.",
    )

    @model_validator(mode="after")
    def _refuse_sample_of_a_quick_score(self) -> Self:
        if self.sample_rows and not SCORERS[self.scorer].needs_llm:
            raise ValueError(
                f"{SCORERS[self.scorer].title} asks no language model and takes little for all rows: leave sample_rows at 0."
            )
        return self

    @model_validator(mode="after")
    def _refuse_unable_model(self) -> Self:
        reason = lacking(self.llm, self.llm_options, SCORERS[self.scorer].needs_llm)
        if reason:
            raise ValueError(f"{SCORERS[self.scorer].title} needs more of a language model. {reason}")
        return self

    def needs(self) -> tuple[Need, ...]:
        """Examples always; embeddings when the scorer, as its options are, reads vectors; a target when it is towards one."""
        needed = [Need("examples", "examples")]
        if self.reads_target():
            needed.append(Need("target", "target", self.target))
        if "vectors" in SCORERS[self.scorer].reads:
            needed.append(Need("embeddings", "embeddings", self.embeddings))
        elif self.reads_vectors():
            both = None if self.embeddings else {"text": "both"}
            needed.append(Need("embeddings", "embeddings", self.embeddings, both))
        return tuple(needed)

    def reads_target(self) -> bool:
        """Whether the scorer compares rows with examples of a target."""
        return "target" in SCORERS[self.scorer].reads

    def reads_vectors(self) -> bool:
        """Whether the scorer reads the vectors of prompts and responses with these options."""
        row = SCORERS[self.scorer]
        if "embeddings" in row.reads:
            return True
        return "embeddings" in row.may_read and bool(
            getattr(self.chosen_options("scorer"), "vectors_needed", False)
        )

    def identity(self) -> dict[str, JSON]:
        """The language model names a result only where one was asked, and a sample only where one was drawn."""
        dropped = set() if SCORERS[self.scorer].needs_llm else {"llm", "llm_options"}
        dropped |= set() if self.sample_rows else {"sample_rows"}
        return self.model_dump(mode="json", exclude={*self.POINTERS, *dropped})

    def meaning(self) -> dict[str, JSON]:
        """2: a model is asked a conversation turn by turn, as it is trained on it; 3: what quotes it instead quotes tools and
        reasoning, too.
        """
        if not SCORERS[self.scorer].needs_llm:
            return {}
        return {"asked": 3 if self.scorer in QUOTES else 2}
