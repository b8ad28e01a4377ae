"""Rows that repeat an earlier row."""

from __future__ import annotations

import numpy as np

from tamis.compute.text.near_duplicates import (
    RepeatedTexts,
    exact_duplicates,
    minhash_duplicates,
    vector_duplicates,
)
from tamis.errors import ArtifactMissing
from tamis.scorers import ScorerInput
from tamis.scorers.options import DuplicatesOptions
from tamis.types import Float32s


class DuplicatesScorer:
    """1 where a row repeats none before it, else 1 − similarity; never NaN."""

    def __init__(self, options: DuplicatesOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), 0 to 1, ``duplicate_of`` (row number, −1 for none) and ``group_size``."""
        repeated = self._find(rows)
        return {
            "score": (1 - repeated.similarity).astype(np.float32),
            "duplicate_of": repeated.of.astype(np.float32),
            "group_size": repeated.group_sizes().astype(np.float32),
        }

    def _find(self, rows: ScorerInput) -> RepeatedTexts:
        options = self._options
        if options.method == "embedding":
            return vector_duplicates(_vectors(rows, options.text), threshold=options.threshold_fraction)
        texts = chosen_texts(rows, options.text)
        if options.method == "exact":
            return exact_duplicates(texts)
        rng = np.random.default_rng(options.seed)
        return minhash_duplicates(texts, threshold=options.threshold_fraction, rng=rng)


def chosen_texts(rows: ScorerInput, which: str) -> list[str]:
    """Prompt, response, or both one below the other."""
    if which == "prompt":
        return list(rows.prompts)
    if which == "response":
        return list(rows.responses)
    return [f"{prompt}\n{response}" for prompt, response in zip(rows.prompts, rows.responses, strict=True)]


def _vectors(rows: ScorerInput, which: str) -> Float32s:
    if rows.prompt_vectors is None or rows.response_vectors is None:
        raise ArtifactMissing(
            "Comparing vectors needs embeddings of both texts: run embed with text = both first."
        )
    if which == "prompt":
        return rows.prompt_vectors
    if which == "response":
        return rows.response_vectors
    joined = np.asarray(rows.prompt_vectors) + np.asarray(rows.response_vectors)
    lengths = np.linalg.norm(joined, axis=1, keepdims=True)
    return np.asarray(joined / np.where(lengths > 0, lengths, 1), dtype=np.float32)
