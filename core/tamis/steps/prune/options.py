"""Options of prune: which rows calibrate, how weights are chosen, and on which rows the result is looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tamis.pruners import PRUNERS, Pattern
from tamis.registry import Reach
from tamis.steps.spec import Choice, Need, StepOptions
from tamis.types import JSON

MAX_SETS = 12
CALIBRATION, EVALUATION = "calibration", "evaluation"
_PATTERN = re.compile(r"([1-9]\d*):([1-9]\d*)")


class PruneOptions(StepOptions):
    """Calibration sets beside each other: each prunes the same model alike, and all are held against the dense one."""

    POINTERS: ClassVar[Mapping[str, str]] = {"calibrations": "rows", "evaluations": "rows"}
    CHOICES: ClassVar[tuple[Choice, ...]] = (Choice("method", "method_options", PRUNERS),)

    calibrations: tuple[str, ...] = Field(
        min_length=1,
        max_length=MAX_SETS,
        description="Calibration sets: selection:ID, tag:NAME or scope:SCOPE, up to twelve.",
    )
    evaluations: tuple[str, ...] = Field(
        (),
        max_length=MAX_SETS,
        description="Rows on whose responses perplexity is measured, in the same form; empty: rows of the dataset that no "
        "calibration names.",
    )
    method: str = Field("wanda", description="How the weights that go are chosen.")
    method_options: dict[str, JSON] = Field(default_factory=dict, description="Options of that method.")
    sparsity: float = Field(0.5, gt=0, lt=1, description="Share of the weights of every matrix that goes.")
    pattern: str = Field(
        "unstructured",
        description="unstructured, or n:m, such as 2:4: n of every m neighbours in a row go, whatever the sparsity says.",
    )
    format: Literal["packed", "single", "in_context"] = Field(
        "packed",
        description="packed: rows one behind the other, cut into windows; single: one row a window; in_context: a row "
        "behind some others as its examples.",
    )
    k: int = Field(4, ge=1, le=64, description="Examples before each row, in the format in_context.")
    rationale: bool = Field(
        True, description="Show examples with their reasoning; otherwise only the answer that they end with."
    )
    n_rows: int = Field(64, ge=1, le=4096, description="Calibration windows drawn from each set.")
    row_tokens: int = Field(256, ge=8, le=32_768, description="Tokens of a window.")
    count_pads: bool = Field(
        False, description="A control: count tokens that only fill a window, as released code does."
    )
    n_evaluation_rows: int = Field(64, ge=2, le=10_000, description="Rows of each evaluation set at most.")
    evaluation_tokens: int = Field(
        256, ge=16, le=32_768, description="Tokens of an evaluation row that are read."
    )
    n_seeds: int = Field(3, ge=1, le=20, description="Draws of calibration rows from each set.")
    model: Annotated[str, Reach.MODEL] = Field(
        "smollm2",
        min_length=1,
        description="Model to prune: smollm2 (bundled), a folder, a hub id, or adapter:ID of this workspace.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number format; auto is bfloat16 where the processor or GPU computes it."
    )
    device: str = Field("auto", min_length=1, description="auto (a GPU when there is one), cpu, cuda or mps.")
    keep_models: bool = Field(False, description="Keep the pruned model of the first draw of each set.")
    seed: int = Field(42, ge=0, le=2**31 - 1, description="Seed of the first draw; the next ones follow it.")

    @field_validator("calibrations", "evaluations", mode="before")
    @classmethod
    def _one_alone(cls, given: JSON) -> JSON:
        """One set may stand without a list around it."""
        return (given,) if isinstance(given, str) and given else given

    @field_validator("calibrations", "evaluations")
    @classmethod
    def _once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.strip() for one in given if one.strip()))

    @model_validator(mode="after")
    def _check_pattern(self) -> Self:
        found = _PATTERN.fullmatch(self.pattern)
        if self.pattern != "unstructured" and (found is None or int(found[1]) >= int(found[2])):
            raise ValueError(
                f"pattern = {self.pattern!r} is neither unstructured nor n:m with n below m, such as 2:4"
            )
        if not self.calibrations:
            raise ValueError("name at least one calibration set, such as selection:ID")
        return self

    def needs(self) -> tuple[Need, ...]:
        """The examples, and the frozen rows of every set."""
        named = ((CALIBRATION, self.calibrations), (EVALUATION, self.evaluations))
        rows = [Need(f"{role}_{i:02d}", "rows", one) for role, sets in named for i, one in enumerate(sets)]
        return (Need("examples", "examples"), *rows)

    def identity(self) -> dict[str, JSON]:
        """What determines the result; a share only where no pattern says otherwise."""
        named = super().identity()
        if self.pattern != "unstructured":
            del named["sparsity"]
        if self.format != "in_context":
            del named["k"], named["rationale"]
        return named

    def removed(self) -> Pattern:
        """Which share of the weights, or how many of every m, go."""
        found = _PATTERN.fullmatch(self.pattern)
        return Pattern(self.sparsity) if found is None else Pattern(n=int(found[1]), m=int(found[2]))

    @property
    def seeds(self) -> tuple[int, ...]:
        """One for each draw."""
        return tuple(range(self.seed, self.seed + self.n_seeds))
