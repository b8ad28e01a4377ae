"""The default confidence: needs no big model, and asks a small one only what it is good at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.compute.clear.alignment import alignment
from tamis.compute.clear.confidence import Likelihoods, combine
from tamis.compute.clear.confidence_by_hand import combine_by_hand
from tamis.compute.clear.endings import read_endings
from tamis.errors import ArtifactMissing
from tamis.protocols import LanguageModel
from tamis.scorers import ScorerInput
from tamis.scorers.defects import severities
from tamis.scorers.likelihood import first_words, last_words, with_and_without
from tamis.scorers.options import ConfidenceOptions
from tamis.types import Float32s, Float64s


class ConfidenceScorer:
    """Three questions per row: the response's beginning after its prompt and alone, and its end."""

    def __init__(self, options: ConfidenceOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 0 to 1, with its factors, pmi, alignment, log p of the end, and each kind of defect."""
        if rows.prompt_vectors is None or rows.response_vectors is None:
            raise ArtifactMissing(
                "Confidence needs vectors of prompts and of responses: run embed with text = both first."
            )
        read = read_likelihoods(rows.model(), rows.prompts, rows.responses, self._options)
        cosine = alignment(rows.prompt_vectors, rows.response_vectors).astype(np.float64)
        kinds = severities(rows.prompts, rows.responses)
        severity = {name: values.astype(np.float64) for name, values in kinds.items()}
        if self._options.edition == "hand":
            score, factors = combine_by_hand(read, cosine, severity)
        else:
            endings = read_endings(rows.responses)
            score, factors = combine(read, cosine, severity, endings, background=rows.background)
        evidence = {"pmi": read.gain_per_token, "alignment": cosine, "log_p_end": read.end}
        columns = {"score": score} | factors | evidence | kinds
        return {name: np.asarray(values, dtype=np.float32) for name, values in columns.items()}


def read_likelihoods(
    model: LanguageModel, prompts: Sequence[str], responses: Sequence[str], options: ConfidenceOptions
) -> Likelihoods:
    """What the model says of each response's beginning, after its prompt and alone, and of its end.

    A blank prompt cannot help: NaN after it.
    """
    given, alone = with_and_without(model, prompts, responses, options)
    blank = np.array([not prompt.strip() for prompt in prompts], dtype=np.bool_)
    end = _log_p_end(model, responses, given.end, options)
    return Likelihoods(np.where(blank, np.nan, given.total), alone.total, given.n_tokens, end)


def _log_p_end(
    model: LanguageModel, responses: Sequence[str], known: Float64s, options: ConfidenceOptions
) -> Float64s:
    """Log p that each response ends where it does: from its whole where that was read, else from its last words."""
    end: Float64s = known.copy()
    longer = [
        i
        for i, text in enumerate(responses)
        if len(first_words(text, options.response_words)) < len(text.rstrip())
    ]
    end[longer] = np.nan  # only the beginning was read: it does not end there
    if longer:
        tails = [last_words(responses[i].rstrip(), options.tail_words) for i in longer]
        end[longer] = model.loglikelihood([""] * len(longer), tails).end
    return end
