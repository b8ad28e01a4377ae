"""The reward of a row by a reward model."""

from __future__ import annotations

import numpy as np

from tamis.errors import InvalidOptions
from tamis.scorers import ScorerInput
from tamis.scorers.classifier import Classifier
from tamis.scorers.options import RewardModelOptions
from tamis.types import Float32s, Message


class RewardModelScorer:
    """One output of a sequence-classification model for the whole conversation; NaN for a blank response."""

    def __init__(self, options: RewardModelOptions) -> None:
        self._options = options
        self._classifier = Classifier(options)

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), in the model's own unit."""
        score = np.full(len(rows.prompts), np.nan, dtype=np.float32)
        filled = [i for i, response in enumerate(rows.responses) if response.strip()]
        if filled:
            logits = self._classifier.conversations([_conversation(rows, i) for i in filled])
            if self._options.output >= logits.shape[1]:
                raise InvalidOptions(
                    f"output = {self._options.output}: the model has {logits.shape[1]} outputs, counted from 0."
                )
            score[filled] = logits[:, self._options.output]
        return {"score": score}


def _conversation(rows: ScorerInput, row: int) -> list[Message]:
    if rows.conversations is not None and rows.conversations[row]:
        return list(rows.conversations[row])
    return [
        {"role": "user", "content": rows.prompts[row]},
        {"role": "assistant", "content": rows.responses[row]},
    ]
