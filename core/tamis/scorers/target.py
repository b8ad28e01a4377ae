"""Scores towards a target: how like every row is to every example of it, by vectors that are there or by words."""

from __future__ import annotations

import numpy as np

from tamis.compute.target.similarity import bm25, bm25_words, cosines
from tamis.compute.target.vectors import fit_whitening
from tamis.errors import ArtifactMissing, CurationError
from tamis.scorers import ScorerInput, TargetInput
from tamis.scorers.options import TargetBm25Options, TargetEmbeddingOptions, WhitenOptions
from tamis.types import Float32s

SIMILARITIES = "similarities"  # a matrix (n, E) beside the columns of a score towards a target
VECTORS = "vectors"  # a matrix (n, d) of the rows' own vectors where the scorer has made them


class TargetEmbeddingScorer:
    """Cosine of the vectors that the dataset has with those of the target's examples, whitened or as they are."""

    def __init__(self, options: TargetEmbeddingOptions) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), the best cosine, −1 to 1, NaN for a blank row; ``similarities`` (n, E)."""
        pool, examples = rows.row_vectors, examples_towards(rows).vectors
        if pool is None or examples is None:
            raise ArtifactMissing("Similarity by embedding needs embeddings of the rows: run embed first.")
        if self._options.whiten:
            return whitened_similarity(pool, examples, self._options)
        return best_similarity(cosines(pool, examples))


class TargetBm25Scorer:
    """BM25 of the row's text for each example as the query: which words they share, rare ones more."""

    def __init__(self, options: TargetBm25Options) -> None:
        self._options = options

    def score(self, rows: ScorerInput) -> dict[str, Float32s]:
        """``score`` (n,), the best score, 0 or more, NaN for a row without a word; ``similarities`` (n, E)."""
        target, which = examples_towards(rows), self._options.text
        pool = target_texts(list(rows.prompts), list(rows.responses), which)
        examples = target_texts(list(target.prompts), list(target.responses), which)
        return best_similarity(bm25(bm25_words(pool), bm25_words(examples)))


def examples_towards(rows: ScorerInput) -> TargetInput:
    """The examples; raises CurationError where none were given."""
    if rows.target is None:
        raise CurationError(
            "This score is measured towards a target, and none was named: name one as target."
        )
    return rows.target


def target_texts(prompts: list[str], responses: list[str], which: str) -> list[str]:
    """Prompts, responses, or both one below the other; an example without a response is its prompt either way."""
    if which == "prompt":
        return prompts
    if which == "response":
        return [
            response if response.strip() else prompt
            for prompt, response in zip(prompts, responses, strict=True)
        ]
    return [f"{prompt}\n{response}" for prompt, response in zip(prompts, responses, strict=True)]


def whitened_similarity(pool: Float32s, examples: Float32s, options: WhitenOptions) -> dict[str, Float32s]:
    """``best_similarity`` of vectors (n, d) of all rows and of the examples (E, d), whitened by the rows; and these ``vectors``."""
    whitening = fit_whitening(pool, shrinkage=options.shrinkage_fraction, n_axes=options.n_axes or None)
    moved = whitening.apply(pool)
    return best_similarity(cosines(moved, whitening.apply(examples))) | {VECTORS: moved}


def best_similarity(similarities: Float32s) -> dict[str, Float32s]:
    """The score of each row, its best similarity, beside all of them."""
    told = ~np.isnan(similarities)
    best = np.where(told, similarities, -np.inf).max(axis=1, initial=-np.inf)
    return {
        "score": np.where(told.any(axis=1), best, np.nan).astype(np.float32),
        SIMILARITIES: np.ascontiguousarray(similarities, dtype=np.float32),
    }
