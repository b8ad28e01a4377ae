"""How well a row's document supports its response, sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tamis.compute.text.grounding import DOCUMENT_FIELDS, chunks, document_in, sentences, support
from tamis.compute.text.judge_text import WARNING, fence_code, fenced
from tamis.scorers import ScorerInput
from tamis.scorers.options import GroundednessOptions
from tamis.types import JSON, Float32s, Float64s

QUESTION = """Determine whether the claim is consistent with the document: everything in the claim must be supported by it.
{warning}

{document}

{claim}

Is the claim supported by the document? Answer with one word, yes or no."""


class GroundednessScorer:
    """Least support of any sentence (or the mean) by the best part of the document; NaN for rows without a document."""

    def __init__(self, options: GroundednessOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 0 to 1, the share of sentences supported (above ½) and their number."""
        questions: list[
            tuple[int, int, str, str]
        ] = []  # row, sentence, part of the document, sentence's text
        for row in range(len(rows.prompts)):
            parts = chunks(document_of(rows, row, self._options.document_field), self._options.chunk_words)
            for number, claim in enumerate(self._claims(rows.responses[row])):
                questions += [(row, number, part, claim) for part in parts]
        judged: list[list[list[float]]] = [[] for _ in rows.prompts]
        for (row, number, _, _), value in zip(questions, self._support(rows, questions), strict=True):
            while len(judged[row]) <= number:
                judged[row].append([])
            judged[row][number].append(float(value))
        return self._columns(judged)

    def _claims(self, response: str) -> list[str]:
        """The sentences of a response, or all of it as one."""
        found = sentences(response)
        return [response.strip()] if found and self._options.sentences == "whole" else found

    def _columns(self, judged: list[list[list[float]]]) -> dict[str, Float32s]:
        names = ("score", "supported_fraction", "sentences")
        columns = {name: np.full(len(judged), np.nan, dtype=np.float32) for name in names}
        for row, by_sentence in enumerate(judged):
            if by_sentence:
                score, best = support(by_sentence, self._options.sentences)
                columns["score"][row], columns["sentences"][row] = score, len(best)
                columns["supported_fraction"][row] = (best > 0.5).mean()
        return columns

    def _support(self, rows: ScorerInput, questions: list[tuple[int, int, str, str]]) -> Float64s:
        parts, claims = [q[2] for q in questions], [q[3] for q in questions]
        if not questions:
            return np.empty(0)
        if self._options.model:
            from tamis.scorers.classifier import Classifier

            logits = Classifier(self._options).pairs(parts, claims)
            shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
            supported: Float64s = (shifted / shifted.sum(axis=1, keepdims=True))[:, -1]
            return supported
        asked = [support_prompt(part, claim) for part, claim in zip(parts, claims, strict=True)]
        chosen: Float64s = rows.model().choose(asked, ("yes", "no")).probabilities[:, 0]
        return chosen


def support_prompt(document: str, claim: str) -> str:
    """The question about one sentence and one part of the document."""
    code = fence_code(document, claim)
    before, _, rest = QUESTION.partition("{warning}")
    middle, _, rest = rest.partition("{document}")
    between, _, after = rest.partition("{claim}")
    shown = (
        WARNING.replace("{code}", code),
        fenced("document", document, code),
        fenced("claim", claim, code),
    )
    return before + shown[0] + middle + shown[1] + between + shown[2] + after


def document_of(rows: ScorerInput, row: int, field: str) -> str:
    """The document that a row carries; empty when it carries none."""
    meta: Mapping[str, JSON] = rows.meta[row] if rows.meta is not None else {}
    return document_in(meta, rows.prompts[row], (field,) if field else DOCUMENT_FIELDS)
