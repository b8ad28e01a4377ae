"""How like every row is to every example of a target: cosines, BM25, and which target a row serves best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.vectors import block_of, blocks
from tamis.types import Float32s, Int64s

QUERY_TOKENS = 256  # of an example, each counted once: repeated words would outvote the rest
NONE = -1


def cosines(pool: Float32s, examples: Float32s) -> Float32s:
    """Cosines (n, E) of unit vectors ``pool`` (n, d) and ``examples`` (E, d); NaN where either is the zero vector."""
    found = np.empty((len(pool), len(examples)), dtype=np.float32)
    told = examples.any(axis=1)
    for rows in blocks(len(pool), max(pool.shape[1], len(examples))):
        block = block_of(pool, rows)
        found[rows] = block @ examples.T
        found[rows][~block.any(axis=1)] = np.nan
    found[:, ~told] = np.nan
    return found


def bm25_words(texts: Sequence[str]) -> list[list[str]]:
    """Words as ``bm25s`` takes them: lower case, two characters at least, English stop words left out."""
    import bm25s

    words: list[list[str]] = bm25s.tokenize(list(texts), return_ids=False, show_progress=False)
    return words


def bm25(documents: Sequence[Sequence[str]], queries: Sequence[Sequence[str]]) -> Float32s:
    """Scores (n, E) of word lists ``documents`` (n) for word lists ``queries`` (E), by ``bm25s`` (lucene, k1 1.5, b 0.75).

    Of a query its first ``QUERY_TOKENS`` words count, each once. A document or a query without a word gets NaN. Sizes
    compare between documents and not between queries.
    """
    import bm25s

    asked = [list(dict.fromkeys(query[:QUERY_TOKENS])) for query in queries]
    found = np.zeros((len(documents), len(queries)), dtype=np.float32)
    if any(documents):
        index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        index.index([list(words) for words in documents], show_progress=False)
        for column, words in enumerate(asked):
            known = [word for word in words if word in index.vocab_dict]
            if known:
                found[:, column] = index.get_scores(known)
    found[[not words for words in documents]] = np.nan
    found[:, [not words for words in asked]] = np.nan
    return found


@dataclass(frozen=True, slots=True)
class BestTarget:
    """Per row (n,): the largest ``similarity`` (NaN: none), its ``target`` and ``example`` (−1: none), and the row's ``rank``
    from 1 by its best similarity to that target among all rows (0: none). Ties go to the earlier target and example.
    """

    similarity: Float32s
    target: Int64s
    example: Int64s
    rank: Int64s


def best_targets(similarity: Float32s, target_of: Int64s) -> BestTarget:
    """Which target each row serves best, of similarities (n, E) to examples of the targets ``target_of`` (E,)."""
    n = len(similarity)
    filled = np.where(np.isnan(similarity), -np.inf, similarity)
    example = filled.argmax(axis=1).astype(np.int64)
    best = filled[np.arange(n), example]
    told = best > -np.inf
    target = np.where(told, target_of[example], NONE)
    rank = np.zeros(n, dtype=np.int64)
    for one in np.unique(target_of):
        of_target = filled[:, target_of == one].max(axis=1)
        order = np.lexsort((np.arange(n), -of_target))
        place = np.empty(n, dtype=np.int64)
        place[order] = np.arange(1, n + 1)
        rank[target == one] = place[target == one]
    value = np.where(told, best, np.nan).astype(np.float32)
    return BestTarget(value, target.astype(np.int64), np.where(told, example, NONE), rank)
