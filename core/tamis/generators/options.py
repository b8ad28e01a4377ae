"""Options of the generators."""

from __future__ import annotations

from pydantic import Field

from tamis.registry import Options


class SimilarOptions(Options):
    """How rows are written that are like others (LLM2LLM, 2403.15042; METHODS.md 3.4)."""

    rows_per_parent: int = Field(
        1, ge=1, le=1000, description="New rows per parent; one is reported to work better than many."
    )
    show_wrong: bool = Field(
        True, description="Show the teacher the wrong answer of an examined model, where there is one."
    )


class SelfGuideWriterOptions(Options):
    """How inputs are written and answered (SELF-GUIDE, 2407.12874; METHODS.md 3.2)."""

    inputs_per_chain: int = Field(
        10, ge=1, le=100, description="Inputs that a job writes one after the other."
    )
    most_shown: int = Field(
        10, ge=1, le=100, description="Earlier inputs of the chain shown at most, as possibly flawed."
    )
    most_demos: int = Field(8, ge=1, le=100, description="Rows shown as examples at most.")
    demo_characters: int = Field(
        6000, ge=100, description="Characters of these rows at most; one is always shown."
    )
    answers: int = Field(
        10, ge=1, le=100, description="Answers asked for to each input; the most frequent is taken."
    )
    answer_temperature: float = Field(0.2, ge=0, le=5, description="Temperature of the answers.")
    input_tokens: int = Field(500, ge=1, le=32_768, description="Longest input, in tokens.")
    answer_tokens: int = Field(500, ge=1, le=32_768, description="Longest answer, in tokens.")


class ClaimOptions(Options):
    """How documents and claims for a checker are written (C2D and D2C of MiniCheck, 2404.10774; METHODS.md 3.3)."""

    votes: int = Field(3, ge=1, le=15, description="Votes of a check; a majority of all of them decides.")
    tries: int = Field(
        5,
        ge=1,
        le=20,
        description="Tries of a pair of sentences or a paragraph that the checks refuse (c2d).",
    )
    most_facts: int = Field(
        3,
        ge=2,
        le=4,
        description="Most facts of a claim (c2d): with 2, 3, 4 at least 24, 44, 72 questions give 15, 49, 135 rows.",
    )
    fewest_characters: int = Field(
        500, ge=1, description="Documents with fewer characters are left out (d2c)."
    )
