"""Rows that say the same: exactly, in nearly the same words (MinHash), or with nearly the same vector."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tamis.compute.text.tokens import UNSPACED, is_unspaced
from tamis.compute.vectors import block_of, blocks
from tamis.types import Float32s, Int64s

UInt64s: TypeAlias = NDArray[np.uint64]
PRIME = np.uint64((1 << 61) - 1)
MASK = np.uint64((1 << 32) - 1)
# A word, or one character of a script that is written without spaces: there a whole sentence would be one word.
WORD = re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])\w)+")
CHARACTERS_PER_WORD = (
    1.6  # of Chinese and Japanese, so that a run of characters says about as much as one of words
)
BLOCK_ROWS = 2048
NONE = -1


@dataclass(frozen=True, slots=True)
class RepeatedTexts:
    """Row ``i`` repeats row ``of[i]``, which comes before it (-1: none), with ``similarity[i]`` (0: none), both (n,)."""

    of: Int64s
    similarity: Float32s

    def group_sizes(self) -> Int64s:
        """Rows that say the same as each row, itself included, shape (n,)."""
        first = np.where(self.of == NONE, np.arange(len(self.of)), self.of)
        return np.asarray(np.bincount(first, minlength=len(self.of))[first], dtype=np.int64)


def normalised_words(text: str) -> str:
    """Words in one case and one encoding, everything between them dropped; characters apart where no spaces are written."""
    return " ".join(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def run_width(words: Sequence[str], n_words: int) -> int:
    """How many of these words or characters make a run of ``n_words`` words: more where most are single characters."""
    n_characters = sum(map(is_unspaced, words))
    return round(n_words * CHARACTERS_PER_WORD) if 2 * n_characters > len(words) else n_words


def exact_duplicates(texts: Sequence[str]) -> RepeatedTexts:
    """Texts with the same words in the same order, whatever their case and signs; blank texts repeat nothing."""
    seen: dict[str, int] = {}
    of = np.full(len(texts), NONE, dtype=np.int64)
    for row, text in enumerate(texts):
        key = normalised_words(text) or text.strip()
        first = seen.setdefault(key, row) if key else row
        of[row] = first if first != row else NONE
    return RepeatedTexts(of, (of != NONE).astype(np.float32))


def minhash_duplicates(
    texts: Sequence[str],
    *,
    threshold: float,
    rng: np.random.Generator,
    n_hashes: int = 128,
    shingle_words: int = 3,
) -> RepeatedTexts:
    """Texts whose sets of word runs overlap by at least ``threshold`` (Jaccard, estimated from ``n_hashes`` minima).

    Candidates share a band of minima (Broder 1997; banding as in Leskovec et al., Mining of Massive Datasets 3.4).
    """
    sets = [shingles(text, shingle_words) for text in texts]
    signatures = _signatures(sets, n_hashes, rng)
    rows_per_band = _band_width(threshold, n_hashes)
    filled = np.array([one.size > 0 for one in sets], dtype=np.bool_)
    of, similarity = np.full(len(texts), NONE, dtype=np.int64), np.zeros(len(texts), dtype=np.float32)
    buckets: dict[tuple[int, bytes], list[int]] = {}
    for row in np.flatnonzero(filled):
        bands = [
            (at, signatures[row, at : at + rows_per_band].tobytes())
            for at in range(0, n_hashes - rows_per_band + 1, rows_per_band)
        ]
        near = sorted({other for band in bands for other in buckets.get(band, ())})
        if near:
            shares = (signatures[near] == signatures[row]).mean(axis=1)
            best = int(shares.argmax())
            if shares[best] >= threshold:
                of[row], similarity[row] = near[best], shares[best]
                continue  # only rows that repeat nothing stand for a group
        for band in bands:
            buckets.setdefault(band, []).append(int(row))
    return RepeatedTexts(of, similarity)


def vector_duplicates(vectors: Float32s, *, threshold: float) -> RepeatedTexts:
    """Rows whose vectors (n, d), of unit length, have a cosine of at least ``threshold`` with an earlier row.

    Only rows that repeat nothing stand for a group, so chains of small steps do not join what lies far apart. Zero
    vectors repeat nothing.
    """
    n = len(vectors)
    of, similarity = np.full(n, NONE, dtype=np.int64), np.zeros(n, dtype=np.float32)
    for start in range(0, n, BLOCK_ROWS):
        rows = np.arange(start, min(n, start + BLOCK_ROWS))
        mine = block_of(vectors, rows)
        best, place = np.full(len(rows), -1.0, dtype=np.float32), np.zeros(len(rows), dtype=np.int64)
        for before in blocks(start, vectors.shape[1]):
            cosine = mine @ block_of(vectors, before).T
            cosine[:, of[before] != NONE] = -1
            at = cosine.argmax(axis=1)
            value = cosine[np.arange(len(rows)), at]
            better = value > best
            best[better], place[better] = value[better], at[better] + before.start
        inside = mine @ mine.T
        for i in range(len(rows)):  # in order: who repeats an earlier row of the block stands for nobody
            standing = inside[i, :i].copy()
            standing[of[rows[:i]] != NONE] = -1
            if i and standing.max() > best[i]:
                best[i], place[i] = standing.max(), start + int(standing.argmax())
            if best[i] >= threshold:
                of[rows[i]], similarity[rows[i]] = place[i], min(1.0, best[i])
    return RepeatedTexts(of, similarity)


def shingles(text: str, size: int) -> UInt64s:
    """Hashes of the runs of ``size`` words of a text, each once, ascending: a text of fewer words is one run, a blank one none."""
    words = normalised_words(text).split()
    size = run_width(words, size)
    runs = [" ".join(words[i : i + size]) for i in range(max(1, len(words) - size + 1))] if words else []
    return np.array(sorted({zlib.crc32(run.encode("utf-8", "replace")) for run in runs}), dtype=np.uint64)


def _signatures(sets: Iterable[UInt64s], n_hashes: int, rng: np.random.Generator) -> NDArray[np.uint32]:
    factor = rng.integers(1, 2**31, size=n_hashes, dtype=np.uint64)[:, None]
    shift = rng.integers(0, 2**31, size=n_hashes, dtype=np.uint64)[:, None]
    rows = []
    for one in sets:
        if one.size:
            # 31-bit factors keep the products of 32-bit hashes inside 64 bits.
            rows.append(((factor * one[None, :] + shift) % PRIME & MASK).min(axis=1).astype(np.uint32))
        else:
            rows.append(np.zeros(n_hashes, dtype=np.uint32))
    return np.array(rows, dtype=np.uint32).reshape(len(rows), n_hashes)


def _band_width(threshold: float, n_hashes: int) -> int:
    """The widest bands that still find nine in ten pairs at the threshold."""
    fitting = [rows for rows in (1, 2, 4, 8, 16) if 1 - (1 - threshold**rows) ** (n_hashes // rows) >= 0.9]
    return max(fitting, default=1)
