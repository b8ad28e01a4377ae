"""The default confidence: needs no big model, and asks a small one only what it is good at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.compute.clear.alignment import alignment
from tamis.compute.clear.confidence import EDITIONS, Likelihoods, combine
from tamis.compute.clear.confidence_by_hand import combine_by_hand
from tamis.compute.clear.endings import ends_in_mark, full_stop, read_endings
from tamis.errors import ArtifactMissing
from tamis.protocols import LanguageModel, LogLikelihoods
from tamis.scorers import ScorerInput
from tamis.scorers.defects import severities
from tamis.scorers.likelihood import first_words, last_words, with_and_without, within_words
from tamis.scorers.options import ConfidenceOptions
from tamis.types import Float32s, Float64s


class ConfidenceScorer:
    """Three questions per row, the response's beginning after its prompt and alone, and its end; a fourth without a mark there."""

    def __init__(self, options: ConfidenceOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 0 to 1, with its factors, pmi, alignment, log p of the end, and each kind of defect."""
        if rows.prompt_vectors is None or rows.response_vectors is None:
            raise ArtifactMissing(
                "Confidence needs vectors of prompts and of responses: run embed with text = both first."
            )
        edition = self._options.edition
        read = read_likelihoods(rows.model(), rows.prompts, rows.responses, self._options)
        cosine = alignment(rows.prompt_vectors, rows.response_vectors).astype(np.float64)
        kinds = severities(rows.prompts, rows.responses, odd_words="two" if edition == "stops" else "one")
        severity = {name: values.astype(np.float64) for name, values in kinds.items()}
        if edition == "hand":
            score, factors = combine_by_hand(read, cosine, severity)
        else:
            endings = read_endings(rows.responses, rows.prompts)
            score, factors = combine(
                read, cosine, severity, endings, background=rows.background, constants=EDITIONS[edition]
            )
        evidence = {"pmi": read.gain_per_token, "alignment": cosine, "log_p_end": read.end}
        if read.stopped is not None:
            evidence["log_p_stop_and_end"] = read.stopped
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
    end, stopped = _read_ends(model, prompts, responses, given, options)
    return Likelihoods(np.where(blank, np.nan, given.total), alone.total, given.n_tokens, end, stopped)


def _read_ends(
    model: LanguageModel,
    prompts: Sequence[str],
    responses: Sequence[str],
    given: LogLikelihoods,
    options: ConfidenceOptions,
) -> tuple[Float64s, Float64s | None]:
    """Log p that each response ends where it does, and of a full stop and the end where it has no mark there.

    From its whole where that was read, else from its last words alone.
    """
    total, end = given.total.copy(), given.end.copy()
    texts, contexts, longer = list(responses), list(prompts), []
    for i, text in enumerate(responses):
        if len(first_words(text, options.response_words)) < len(text.rstrip()):
            longer.append(i)  # only the beginning was read: it does not end there
            texts[i], contexts[i] = last_words(text.rstrip(), options.tail_words), ""
    if longer:
        tails = model.loglikelihood([""] * len(longer), [texts[i] for i in longer])
        total[longer], end[longer] = tails.total, tails.end
    if options.edition in ("hand", "fitted"):
        return end, None
    stopped: Float64s = np.full(len(texts), np.nan)
    bare = [i for i in np.flatnonzero(np.isfinite(end)) if texts[i] == texts[i].rstrip() != ""]
    bare = [i for i in bare if not ends_in_mark(texts[i])]
    if bare:
        asked = [within_words(contexts[i], options.prompt_words) for i in bare]
        behind = model.loglikelihood(asked, [texts[i] + full_stop(texts[i]) for i in bare])
        stopped[bare] = behind.total - total[bare] + behind.end
    return end, stopped
