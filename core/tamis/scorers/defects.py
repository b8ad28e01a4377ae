"""Defects as a score: one number, and the severity of each kind beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.compute.clear.defects import DEFECTS, OddWords, find_defects
from tamis.scorers import ScorerInput
from tamis.scorers.options import DefectsOptions
from tamis.types import Float32s


def severities(
    prompts: Sequence[str], responses: Sequence[str], *, odd_words: OddWords = "two"
) -> dict[str, Float32s]:
    """Each kind of defect with its severity, shape (n,), 0 to 1; ``odd_words`` as ``garbled`` has it."""
    defects = [
        find_defects(prompt, response, odd_words=odd_words)
        for prompt, response in zip(prompts, responses, strict=True)
    ]
    return {name: np.array([row[name] for row in defects], dtype=np.float32) for name in DEFECTS}


def soundness(kinds: dict[str, Float32s]) -> Float32s:
    """``Π (1 − severity)`` over the kinds, shape (n,), 0 to 1."""
    result: Float32s = np.prod([1 - severity for severity in kinds.values()], axis=0, dtype=np.float32)
    return result


class DefectsScorer:
    """1 for a response without any defect, 0 for one with a certain one; never NaN."""

    def __init__(self, options: DefectsOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,) and one column per kind."""
        kinds = severities(rows.prompts, rows.responses)
        return {"score": soundness(kinds)} | kinds
