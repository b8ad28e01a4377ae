"""Options of examine: who answers which rows, and when an answer counts as right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from tamis.llms import LLMS, lacking
from tamis.protocols import Ability
from tamis.steps.examine.marks import MARKS
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON


class ExamineOptions(StepOptions):
    """A model's answers to rows, marked (METHODS.md 3.11)."""

    POINTERS: ClassVar[Mapping[str, str]] = {"within": "rows"}
    CHOICES: ClassVar[tuple[Choice, ...]] = (
        Choice("mark", "mark_options", MARKS),
        Choice("llm", "llm_options", LLMS),
        Choice("judge", "judge_options", LLMS),
    )

    llm: str = Field("smollm2", description="Language model that answers, the student.")
    llm_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that model.")
    mark: str = Field("exact", description="When an answer counts as right.")
    mark_options: dict[str, JSON] = Field(default_factory=dict, description="Its options.")
    within: str = Field("", description="Rows to ask (a frozen scope); all rows when empty.")
    group: str = Field(
        "",
        pattern=r"^(|cluster|source|response|meta:.+)$",
        description="Column whose values are the groups: cluster, source, response (for labels) or meta:NAME; empty: one group.",
    )
    max_new_tokens: int | None = Field(
        None, ge=1, le=32_768, description="Longest answer, in tokens; empty: twice the longest wanted one."
    )
    temperature: float = Field(0.0, ge=0, le=5, description="Temperature of the answers; 0 is greedy.")
    n: int = Field(1, ge=1, le=100, description="Answers per row; half of them must be right.")
    judge: str = Field("smollm2", description="Language model that judges, with the mark judge.")
    judge_options: dict[str, JSON] = Field(default_factory=dict, description="Options of the judge.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of sampled answers.")

    @model_validator(mode="after")
    def _refuse_what_cannot_be(self) -> Self:
        by = MARKS[self.mark].by
        need: Ability = "loglikelihood" if by == "loss" else "complete"
        if self.n > 1 and by != "answer":
            raise ValueError(f"The mark {self.mark} takes one answer per row: set n to 1")
        if self.n > 1 and self.temperature == 0:
            raise ValueError(
                f"{self.n} answers at temperature 0 are all alike: set temperature above 0, or n to 1"
            )
        asked = [(self.llm, self.llm_options, need)]
        asked += [(self.judge, self.judge_options, "complete")] if by == "judge" else []
        for name, options, ability in asked:
            reason = lacking(name, options, (ability,))
            if reason:
                raise ValueError(f"Examining by {self.mark} needs more of a language model. {reason}")
        return self

    def needs(self) -> tuple[Need, ...]:
        """Examples, the rows that were named, and the clusters where they are the groups."""
        needed = [Need("examples", "examples")]
        if self.within:
            needed.append(Need("within", "rows", self.within))
        if self.group == "cluster":
            needed.append(Need("clustering", "clustering"))
        return tuple(needed)

    def identity(self) -> dict[str, JSON]:
        """Only what the mark looks at."""
        named = super().identity()
        by = MARKS[self.mark].by
        unread = [] if by == "judge" else ["judge", "judge_options"]
        unread += ["max_new_tokens", "temperature", "n", "seed"] if by == "loss" else []
        return {name: value for name, value in named.items() if name not in unread}

    def judges_itself(self) -> bool:
        """Whether the judge is the model that answered."""
        mine, other = (self.llm, self.llm_options), (self.judge, self.judge_options)
        return MARKS[self.mark].by == "judge" and mine == other
