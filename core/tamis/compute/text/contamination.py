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
    items = [_item_runs(text, n_words) for text in evaluation]
    owners: dict[bytes, list[int]] = {}
    for item, (_, runs) in enumerate(items):
        for run in runs:
            owners.setdefault(run, []).append(item)
    widths = sorted({width for width, runs in items if runs})
    fraction, best_item = np.zeros(len(texts), dtype=np.float32), np.full(len(texts), NONE, dtype=np.int64)
    for row, text in enumerate(texts):
        words = normalised_words(text).split()
        runs = {run for width in widths for run in _runs(words, width)}
        hits = Counter(item for run in runs for item in owners.get(run, ()))
        if hits:
            best = max(hits, key=lambda item: (hits[item] / len(items[item][1]), -item))
            fraction[row], best_item[row] = hits[best] / len(items[best][1]), best
    return NgramOverlap(fraction, best_item)


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
