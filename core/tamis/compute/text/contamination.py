"""How much of an evaluation set stands in a dataset, by runs of words that both hold."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.compute.text.near_duplicates import normalised_words, run_width
from tamis.types import Float32s, Int64s

NONE = -1


@dataclass(frozen=True, slots=True)
class NgramOverlap:
    """``fraction`` (n,) of a row's word runs that stand in the evaluation text ``item`` (n,) (-1: none) it shares most with."""

    fraction: Float32s
    item: Int64s


def ngram_overlap(texts: Sequence[str], evaluation: Sequence[str], *, n_words: int = 13) -> NgramOverlap:
    """Share of an evaluation text's runs of ``n_words`` words that a row holds, for the text it holds most of.

    An evaluation text shorter than a run counts as one run of all its words, if it has at least half as many; shorter
    ones say nothing (13 words as in Brown et al. 2020, appendix C). In scripts without spaces runs are of characters,
    1.6 for a word.
    """
    index = RunIndex(evaluation, n_words=n_words)
    fraction, best_item = np.zeros(len(texts), dtype=np.float32), np.full(len(texts), NONE, dtype=np.int64)
    for row, text in enumerate(texts):
        fraction[row], best_item[row] = index.most(text)
    return NgramOverlap(fraction, best_item)


class RunIndex:
    """The runs of words of evaluation texts, for texts that come one by one; counted as ``ngram_overlap`` does."""

    def __init__(self, evaluation: Sequence[str], *, n_words: int = 13) -> None:
        items = [_item_runs(text, n_words) for text in evaluation]
        self._sizes = [len(runs) for _, runs in items]
        self._owners: dict[bytes, list[int]] = {}
        for item, (_, runs) in enumerate(items):
            for run in runs:
                self._owners.setdefault(run, []).append(item)
        self._widths = sorted({width for width, runs in items if runs})

    def most(self, text: str) -> tuple[float, int]:
        """The largest share of an evaluation text's runs that a text holds, and which (the first of several; 0, -1: none)."""
        words = normalised_words(text).split()
        runs = {run for width in self._widths for run in _runs(words, width)}
        hits = Counter(item for run in runs for item in self._owners.get(run, ()))
        if not hits:
            return 0.0, NONE
        best = max(hits, key=lambda item: (hits[item] / self._sizes[item], -item))
        return hits[best] / self._sizes[best], best


def _item_runs(text: str, n_words: int) -> tuple[int, set[bytes]]:
    """Length of an evaluation text's runs, and the runs; none for a text that is too short to say anything."""
    words = normalised_words(text).split()
    wanted = run_width(words, n_words)
    width = min(wanted, len(words))
    return width, set(_runs(words, width)) if width >= max(2, wanted // 2) else set()


def _runs(words: list[str], width: int) -> Iterable[bytes]:
    for i in range(len(words) - width + 1):
        yield hashlib.blake2b(
            " ".join(words[i : i + width]).encode("utf-8", "replace"), digest_size=8
        ).digest()
