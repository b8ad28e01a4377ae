"""DEITA's complexity and quality (2312.15685, METHODS.md 4.1): the expected rating over the digits 1 to 6."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.compute.clear.expectation import expected_rating
from tamis.protocols import LanguageModel, RawPrompt
from tamis.scorers import ScorerInput
from tamis.scorers.options import DeitaScoreOptions
from tamis.types import Float32s, Float64s, Message

DIGITS = ("1", "2", "3", "4", "5", "6")
# The exact texts of the authors' scorer, spaces included: the fine-tuned models know no others.
COMPLEXITY = (
    "You are a helpful assistant. Please identify the complexity score of the following user query. \n"
    "##Query: {instruction}  \n##Complexity: "
)
QUALITY = (
    "You are a helpful assistant. Please identify the quality score of the Response corresponding to the Question. \n"
    " #Question#:\n{instruction}\n#Response#:\n{output} \n##Quality: "
)
CHAT_END = "\n\nAnswer with one digit from 1 (lowest) to 6 (highest)."


def complexity(model: LanguageModel, prompts: Sequence[str], options: DeitaScoreOptions) -> Float64s:
    """Expected complexity of each prompt, 1 to 6, shape (n,); NaN for a blank one."""
    filled = [COMPLEXITY.replace("{instruction}", prompt) for prompt in prompts]
    return _expected(model, filled, [not prompt.strip() for prompt in prompts], options)


def quality(
    model: LanguageModel, prompts: Sequence[str], responses: Sequence[str], options: DeitaScoreOptions
) -> Float64s:
    """Expected quality of each response, 1 to 6, shape (n,); NaN for a blank one."""
    before, _, rest = QUALITY.partition("{instruction}")
    middle, _, after = rest.partition("{output}")
    # Joined, not formatted: a text that holds "{output}" stays as it is.
    filled = [before + p + middle + r + after for p, r in zip(prompts, responses, strict=True)]
    return _expected(model, filled, [not response.strip() for response in responses], options)


def _expected(
    model: LanguageModel, texts: list[str], blank: list[bool], options: DeitaScoreOptions
) -> Float64s:
    if options.template == "paper":
        asked: list[str] = [RawPrompt(text) for text in texts]
    else:
        asked = [text.rstrip() + CHAT_END for text in texts]
    result = np.full(len(texts), np.nan)
    rows = np.flatnonzero(~np.array(blank, dtype=np.bool_))
    if rows.size:
        choices = model.choose([asked[i] for i in rows], DIGITS)
        result[rows] = expected_rating(choices.probabilities, np.arange(1, 7))
    return result


class DeitaComplexityScorer:
    """Expected complexity of the prompt."""

    def __init__(self, options: DeitaScoreOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 1 to 6."""
        return {"score": complexity(rows.model(), rows.prompts, self._options).astype(np.float32)}


class DeitaQualityScorer:
    """Expected quality of the response."""

    def __init__(self, options: DeitaScoreOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 1 to 6."""
        scores = quality(rows.model(), rows.prompts, rows.responses, self._options)
        return {"score": scores.astype(np.float32)}


class DeitaScorer:
    """Sum over the turns of complexity × quality; NaN where a turn could not be rated."""

    def __init__(self, options: DeitaScoreOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), at least 1 per turn, with the means over the turns of its two factors."""
        turns = [
            (row, asked, answer) for row in range(len(rows.prompts)) for asked, answer in _turns(rows, row)
        ]
        prompts, responses = [turn[1] for turn in turns], [turn[2] for turn in turns]
        hard = complexity(rows.model(), prompts, self._options)
        good = quality(rows.model(), prompts, responses, self._options)
        owner = np.array([turn[0] for turn in turns], dtype=np.int64)
        n = len(rows.prompts)
        count = np.bincount(owner, minlength=n)
        sums = [np.bincount(owner, weights=values, minlength=n) for values in (hard * good, hard, good)]
        score = np.where(count > 0, sums[0], np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = [total / count for total in sums[1:]]
        columns = {"score": score, "complexity": means[0], "quality": means[1], "turns": count}
        return {name: np.asarray(values, dtype=np.float32) for name, values in columns.items()}


def _turns(rows: ScorerInput, row: int) -> list[tuple[str, str]]:
    """Each assistant turn with the user turn before it; the whole prompt and response where there are no messages."""
    if rows.conversations is None:
        return [(rows.prompts[row], rows.responses[row])]
    pairs, asked = [], ""
    for message in rows.conversations[row]:
        if message.get("role") == "user":
            asked = _text(message)
        elif message.get("role") == "assistant" and asked:
            pairs.append((asked, _text(message)))
            asked = ""
    return pairs or [(rows.prompts[row], rows.responses[row])]


def _text(message: Message) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""
