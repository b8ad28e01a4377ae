"""The default confidence: needs no big model, and asks a small one only what it is good at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.compute.clear.alignment import alignment
from tamis.compute.clear.confidence import Likelihoods, combine
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
        given, alone = with_and_without(rows.model(), rows.prompts, rows.responses, self._options)
        end = self._end(rows.model(), rows.responses, given.end)
        cosine = alignment(rows.prompt_vectors, rows.response_vectors).astype(np.float64)
        kinds = severities(rows.prompts, rows.responses)
        blank = np.array([not prompt.strip() for prompt in rows.prompts], dtype=np.bool_)
        helped = np.where(blank, np.nan, given.total)  # no prompt can help
        score, factors = combine(
            Likelihoods(helped, alone.total, given.n_tokens, end),
            cosine,
            {name: severity.astype(np.float64) for name, severity in kinds.items()},
        )
        evidence = {"pmi": given.mean - alone.mean, "alignment": cosine, "log_p_end": end}
        columns = {"score": score} | factors | evidence | kinds
        return {name: np.asarray(values, dtype=np.float32) for name, values in columns.items()}

    def _end(self, model: LanguageModel, responses: Sequence[str], known: Float64s) -> Float64s:
        """Log p that each response ends where it does: from its whole where that was read, else from its last words."""
        end: Float64s = known.copy()
        longer = [
            i
            for i, text in enumerate(responses)
            if len(first_words(text, self._options.response_words)) < len(text.rstrip())
        ]
        end[longer] = np.nan  # only the beginning was read: it does not end there
        if longer:
            tails = [last_words(responses[i].rstrip(), self._options.tail_words) for i in longer]
            end[longer] = model.loglikelihood([""] * len(longer), tails).end
        return end
