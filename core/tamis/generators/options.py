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
