"""Scores from how likely a response is after its prompt, and without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.models.chat_rows import fit_turns
from tamis.protocols import ChatPrompt, LanguageModel, LogLikelihoods
from tamis.scorers import ScorerInput
from tamis.scorers.options import IfdOptions, LikelihoodOptions
from tamis.types import Float32s, Float64s


def first_words(text: str, count: int) -> str:
    """The beginning of a text up to the end of its word number ``count``, spaces inside kept."""
    place, seen, inside = 0, 0, False
    for place, character in enumerate(text):
        if character.isspace():
            inside = False
        elif not inside:
            inside = True
            seen += 1
            if seen > count:
                return text[:place].rstrip()
    return text


def last_words(text: str, count: int) -> str:
    """The end of a text from its ``count``-th last word on."""
    return first_words(text[::-1], count)[::-1]


def without_middle(text: str, count: int) -> str:
    """A text of at most ``count`` words: half of them from its beginning, half from its end."""
    start = first_words(text, count)
    if len(start) == len(text):
        return text
    return f"{first_words(text, (count + 1) // 2)} … {last_words(text, count // 2)}"


def within_words(prompt: str, count: int) -> str:
    """A prompt of at most ``count`` words; a conversation loses its oldest exchanges first, and stays one."""
    if not isinstance(prompt, ChatPrompt):
        return without_middle(prompt, count)
    turns = fit_turns(
        prompt.messages, count, lambda texts: [len(text.split()) for text in texts], without_middle
    )
    return prompt if turns is prompt.messages else ChatPrompt(turns, prompt.tools)


def with_and_without(
    model: LanguageModel, prompts: Sequence[str], responses: Sequence[str], options: LikelihoodOptions
) -> tuple[LogLikelihoods, LogLikelihoods]:
    """Likelihoods of the beginnings of responses after their prompts, and after none."""
    asked = [within_words(prompt, options.prompt_words) for prompt in prompts]
    read = [first_words(response, options.response_words) for response in responses]
    return model.loglikelihood(asked, read), model.loglikelihood([""] * len(read), read)


class PmiScorer:
    """Pointwise mutual information of prompt and response per token; NaN for a blank prompt or response."""

    def __init__(self, options: LikelihoodOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,) and both means it is the difference of; a response off its prompt is near or below 0."""
        given, alone = with_and_without(rows.model(), rows.prompts, rows.responses, self._options)
        score = np.where(_blank(rows.prompts), np.nan, given.mean - alone.mean)
        return _columns(
            score=score, log_p_given_prompt=given.mean, log_p_alone=alone.mean, tokens=given.n_tokens
        )


class IfdScorer:
    """``L(response | prompt) / L(response)`` (2308.12032, METHODS.md 4.3); NaN for a blank prompt or response."""

    def __init__(self, options: IfdOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,) with ``ifd`` and the two losses: the ratio itself up to 1; above, ``1 − ratio``, which is last."""
        given, alone = with_and_without(rows.model(), rows.prompts, rows.responses, self._options)
        with np.errstate(divide="ignore", invalid="ignore"):
            ifd = np.where(_blank(rows.prompts) | (alone.mean == 0), np.nan, given.mean / alone.mean)
        last = (ifd > 1) & (self._options.above_one == "last")
        return _columns(
            score=np.where(last, 1 - ifd, ifd), ifd=ifd, loss_given_prompt=-given.mean, loss_alone=-alone.mean
        )


class PerplexityScorer:
    """Mean log-probability of the response per token; NaN for a blank response."""

    def __init__(self, options: LikelihoodOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), at most 0, and ``perplexity``, its exponential turned round."""
        asked = [within_words(prompt, self._options.prompt_words) for prompt in rows.prompts]
        read = [first_words(response, self._options.response_words) for response in rows.responses]
        mean = rows.model().loglikelihood(asked, read).mean
        return _columns(score=mean, perplexity=np.exp(np.minimum(-mean, 80.0)))


def _blank(texts: Sequence[str]) -> Float64s:
    result: Float64s = np.array([not text.strip() for text in texts], dtype=np.bool_)
    return result


def _columns(**columns: object) -> dict[str, Float32s]:
    return {name: np.asarray(values, dtype=np.float32) for name, values in columns.items()}
