"""How well a response fits its prompt, by the cosine of their vectors."""

from __future__ import annotations

from tamis.compute.clear.alignment import alignment
from tamis.errors import ArtifactMissing
from tamis.scorers import ScorerInput
from tamis.scorers.options import AlignmentOptions
from tamis.types import Float32s


class AlignmentScorer:
    """Cosine of prompt and response; NaN where either is empty."""

    def __init__(self, options: AlignmentOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` of shape (n,), float32, −1 to 1."""
        if rows.prompt_vectors is None or rows.response_vectors is None:
            raise ArtifactMissing(
                "Alignment needs vectors of prompts and of responses: run embed with text = both first."
            )
        return {"score": alignment(rows.prompt_vectors, rows.response_vectors)}
