"""Whether a text says what another one says: equal words, nearly the same runs of words, or the same order of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tamis.compute.text.near_duplicates import normalised_words, run_width
from tamis.compute.text.text_overlap import common_subsequence

K = TypeVar("K")
NEAREST = 50  # rows with the most shared words that ROUGE-L is computed with
SHINGLE_WORDS = 3


@dataclass(frozen=True, slots=True)
class RepeatFound(Generic[K]):
    """The row that a text repeats, by which measure (``words``, ``runs``, ``rouge_l``), and how much."""

    key: K
    measure: str
    value: float


@dataclass(slots=True)
class RepeatIndex(Generic[K]):
    """Texts that others are held against, found by the words that they share.

    A text repeats another with equal words; with runs of 3 words whose Jaccard index is ``jaccard`` or more; or with a
    ROUGE-L F1 above ``rouge_l``, computed with the 50 texts that share most words. Whoever is so like a text shares one of
    its rarest words or runs: more would be missing than the limit allows. So no other text need be looked at, and the
    Jaccard index is exact where MinHash would estimate it. Blank texts repeat nothing.
    """

    jaccard: float = 0.8
    rouge_l: float = 0.95
    _keys: list[K] = field(default_factory=list)
    _words: list[list[str]] = field(default_factory=list)
    _counts: list[dict[str, int]] = field(default_factory=list)
    _runs: list[frozenset[str]] = field(default_factory=list)
    _equal: dict[str, int] = field(default_factory=dict)
    _with_word: dict[str, list[int]] = field(default_factory=dict)
    _with_run: dict[str, list[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, text: str, key: K) -> None:
        """Hold later texts against this one too."""
        words = normalised_words(text).split()
        if not words:
            return
        row = len(self._keys)
        runs = frozenset(_runs(words))
        self._keys.append(key)
        self._words.append(words)
        self._counts.append(dict(Counter(words)))
        self._runs.append(runs)
        self._equal.setdefault(" ".join(words), row)
        for word in set(words):
            self._with_word.setdefault(word, []).append(row)
        for run in runs:
            self._with_run.setdefault(run, []).append(row)

    def find(self, text: str) -> RepeatFound[K] | None:
        """The first row that a text repeats: an equal one, else the one with the most runs, else the highest ROUGE-L."""
        words = normalised_words(text).split()
        if not words:
            return None
        same = self._equal.get(" ".join(words))
        if same is not None:
            return RepeatFound(self._keys[same], "words", 1.0)
        return self._by_runs(words) or self._by_rouge(words)

    def _by_runs(self, words: Sequence[str]) -> RepeatFound[K] | None:
        runs = set(_runs(words))
        allowed = int((1 - self.jaccard) * len(runs) + 1e-9)
        best, value = -1, 0.0
        for row in sorted(_candidates(sorted(runs), allowed, self._with_run)):
            other = self._runs[row]
            shared = len(runs & other)
            index = shared / (len(runs) + len(other) - shared)
            if index > value:
                best, value = row, index
        return RepeatFound(self._keys[best], "runs", value) if best >= 0 and value >= self.jaccard else None

    def _by_rouge(self, words: Sequence[str]) -> RepeatFound[K] | None:
        n = len(words)
        # F1 > f with m words there: L > f (n + m) / 2, and m ≥ n f / (2 − f), as L is at most m.
        limit = self.rouge_l
        allowed = int(n - limit * (n + n * limit / (2 - limit)) / 2 + 1e-9)
        counts = Counter(words)
        near = []
        for row in _candidates(words, allowed, self._with_word):
            n_other = len(self._words[row])
            if 2 * min(n, n_other) <= limit * (n + n_other):
                continue
            other = self._counts[row]
            shared = sum(min(count, other[word]) for word, count in counts.items() if word in other)
            if 2 * shared > limit * (n + n_other):
                near.append((-shared, row))
        best, value = -1, 0.0
        for _, row in sorted(near)[:NEAREST]:
            there = self._words[row]
            f1 = 2 * common_subsequence(words, there) / (n + len(there))
            if f1 > value:
                best, value = row, f1
        return RepeatFound(self._keys[best], "rouge_l", value) if value > limit else None


def _candidates(items: Sequence[Hashable], n_missing: int, rows_with: dict[str, list[int]]) -> set[int]:
    """Rows that hold one of the ``n_missing + 1`` rarest items at least; who holds none misses too many."""
    rarest = sorted(items, key=lambda item: (len(rows_with.get(str(item), ())), str(item)))
    found: set[int] = set()
    for item in rarest[: n_missing + 1]:
        found.update(rows_with.get(str(item), ()))
    return found


def _runs(words: Sequence[str]) -> list[str]:
    size = run_width(words, SHINGLE_WORDS)
    return [" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))]
