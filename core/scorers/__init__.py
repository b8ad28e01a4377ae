"""SCORERS: numbers per example, higher is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from core.registry import Options, Plugin, Table
from core.types import Float32s


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer(Plugin):
    """One row: what the scorer reads besides the texts. ``target`` is a class built from its options."""

    reads: tuple[Literal["embeddings"], ...] = ()


@dataclass(frozen=True, slots=True)
class ScorerInput:
    """Some consecutive examples: texts of length n, vectors (n, d) float32 or None when the scorer reads none."""

    prompts: Sequence[str]
    responses: Sequence[str]
    prompt_vectors: Float32s | None = None
    response_vectors: Float32s | None = None


class LengthOptions(Options):
    """How long a text is."""

    text: Literal["response", "prompt", "both"] = Field("response", description="Which text to measure.")
    unit: Literal["words", "characters"] = Field("words", description="Unit of the length.")


class AlignmentOptions(Options):
    """Cosine of prompt and response vectors; nothing to choose."""


SCORERS: Table[Scorer] = Table(
    "scorer",
    Scorer(
        name="alignment",
        title="Alignment",
        summary="Cosine of the prompt's and the response's vectors, −1 to 1: low when an answer is off its question.",
        options=AlignmentOptions,
        target="core.scorers.alignment:AlignmentScorer",
        reads=("embeddings",),
    ),
    Scorer(
        name="length",
        title="Length",
        summary="Words or characters of a text.",
        options=LengthOptions,
        target="core.scorers.length:LengthScorer",
    ),
)
