"""Options of the filters."""

from __future__ import annotations

from pydantic import Field

from tamis.registry import Options


class NoOptions(Options):
    """Nothing to choose."""


class DefectFilterOptions(Options):
    """How sound a row must be."""

    least: float = Field(1.0, gt=0, le=1, description="Least soundness: 1 lets no defect pass.")


class LengthFilterOptions(Options):
    """Which texts must have a usual length."""

    prompts: bool = Field(True, description="Hold prompts against those of the parents.")
    responses: bool = Field(True, description="Hold responses against those of the parents; never labels.")


class RepeatsOptions(Options):
    """From which likeness on a prompt repeats another."""

    jaccard: float = Field(
        0.8, gt=0, le=1, description="Jaccard index of the runs of three words, from here on."
    )
    rouge_l: float = Field(0.95, gt=0, le=1, description="ROUGE-L F1 of the words, above this.")


class OverlapOptions(Options):
    """Which runs of words count as taken."""

    n_words: int = Field(13, ge=2, le=100, description="Words in a row that a row may not share.")


class AgreementOptions(Options):
    """How far the answers to one prompt must agree."""

    least: float = Field(
        0.3, gt=0, le=1, description="Least share of the most frequent answer among all that were asked for."
    )


class GroundedOptions(Options):
    """How well a document must support a response."""

    least: float = Field(0.5, ge=0, le=1, description="Least groundedness.")


class ConfidenceFilterOptions(Options):
    """The threshold of CLEAR on rows that were scored."""

    gamma: float = Field(0.5, ge=0, le=1, description="Least confidence γ.")
