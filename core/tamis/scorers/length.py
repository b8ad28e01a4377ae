"""Length of a text; a plain number that finds empty, cut and rambling answers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tamis.scorers import ScorerInput
from tamis.scorers.options import LengthOptions
from tamis.types import Float32s


class LengthScorer:
    """Words (runs without white space), Unicode code points, or tokens of the bundled model, of the chosen text."""

    def __init__(self, options: LengthOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` of shape (n,), float32, at least 0; never NaN."""
        texts: dict[str, list[str]] = {
            "prompt": list(rows.prompts),
            "response": list(rows.responses),
            "both": [f"{p} {r}" for p, r in zip(rows.prompts, rows.responses, strict=True)],
        }
        chosen = texts[self._options.text]
        return {"score": np.fromiter(self._lengths(chosen, rows), dtype=np.float32, count=len(chosen))}

    def _lengths(self, texts: list[str], rows: ScorerInput) -> Iterable[int]:
        if self._options.unit == "tokens":
            return rows.tokens(texts)
        return (len(t.split()) for t in texts) if self._options.unit == "words" else map(len, texts)
