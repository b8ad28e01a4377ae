"""Feature hashing of words, word pairs and character n-grams: shared wording, not shared meaning.

Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning" (signed hashing).
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tamis.compute.vectors import unit_rows
from tamis.encoders import HashingOptions
from tamis.types import Bools, Float32s, Float64s, Int64s

UInt64s: TypeAlias = NDArray[np.uint64]

WORD = re.compile(r"\w+")
# From here on stand scripts written without spaces between words (Thai to Tibetan, and CJK): one and two characters
# carry there what a word carries elsewhere.
UNSPACED = ((0x0E00, 0x0FFF), (0x2E80, 0xD7FF), (0x20000, 0x3FFFF))
PAIR_WEIGHT = 0.5
NGRAM_WEIGHT = 0.25
LONG_WORD = 8  # characters from which a word counts fully; short words are mostly grammar
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class HashingEncoder:
    """Deterministic on every machine; a text is always encoded the same whatever stands beside it."""

    def __init__(self, options: HashingOptions) -> None:
        self.options = options

    @property
    def identity(self) -> str:
        """Version of the method and its three options."""
        options = self.options
        return f"hashing:1:dimension={options.dimension}:char_ngram={options.char_ngram}:seed={options.seed}"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.options.dimension

    @property
    def max_tokens(self) -> int | None:
        """None: the whole text is read."""
        return None

    def count_tokens(self, texts: Sequence[str]) -> Int64s:
        """Words of each text, shape (n,)."""
        return np.array([sum(1 for _ in WORD.finditer(text)) for text in texts], dtype=np.int64)

    def encode(self, texts: Sequence[str]) -> Float32s:
        """Vectors of shape (n, dimension), float32, unit length; zero for a blank text."""
        vectors = np.zeros((len(texts), self.options.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            if text and not text.isspace():
                vectors[row] = self._vector(text)
        return unit_rows(vectors)

    def encode_with_counts(self, texts: Sequence[str]) -> tuple[Float32s, Int64s]:
        """``encode`` and ``count_tokens`` together."""
        return self.encode(texts), self.count_tokens(texts)

    def _vector(self, text: str) -> Float64s:
        text = " ".join(unicodedata.normalize("NFKC", text).casefold().split()) or text
        hashes, weights = _features(text, self.options.char_ngram)
        hashes, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        strength = np.zeros(len(hashes))
        strength[inverse] = weights
        strength *= 1 + np.log(counts)  # the tenth repeat of a word says little more than the second
        mixed = _mix(hashes + np.uint64(self.options.seed) * MULTIPLIER)
        place = (mixed % np.uint64(self.options.dimension)).astype(np.int64)
        sign = 1.0 - 2.0 * (mixed >> np.uint64(63)).astype(np.float64)
        vector: Float64s = np.bincount(
            place, weights=strength * sign, minlength=self.options.dimension
        ).astype(np.float64)
        if not vector.any():  # features that cancel each other exactly still make a vector
            vector[place[0]] = 1.0
        return vector


def _features(text: str, char_ngram: int) -> tuple[UInt64s, Float64s]:
    """Hash (m,) and weight (m,) of every feature of a normalised text, repeats included."""
    words = WORD.findall(text)
    codes = np.array([zlib.crc32(word.encode("utf-8", "replace")) for word in words], dtype=np.uint64)
    lengths = np.array([min(len(word), LONG_WORD) for word in words], dtype=np.float64)
    word_hashes = _mix(codes + np.uint64(1))
    pair_hashes = _mix(word_hashes[:-1] * np.uint64(3) + word_hashes[1:])
    characters = np.frombuffer(f" {text} ".encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    unspaced = np.zeros(len(characters), dtype=np.bool_)
    for first, last in UNSPACED:
        unspaced |= (characters >= np.uint64(first)) & (characters <= np.uint64(last))
    hashes = [word_hashes, pair_hashes, _ngrams(characters, char_ngram)]
    weights = [lengths / LONG_WORD, np.full(len(pair_hashes), PAIR_WEIGHT)]
    weights.append(np.full(len(hashes[2]), NGRAM_WEIGHT))
    for size, weight in ((1, PAIR_WEIGHT), (2, 1.0)):
        chosen = _ngrams(characters, size)[_all_within(unspaced, size)]
        hashes.append(chosen)
        weights.append(np.full(len(chosen), weight))
    return np.concatenate(hashes), np.concatenate(weights)


def _ngrams(characters: UInt64s, size: int) -> UInt64s:
    """One hash per run of ``size`` characters; of the whole text where it is shorter."""
    size = min(size, len(characters))
    count = len(characters) - size + 1
    state = np.full(count, np.uint64(size) << np.uint64(40), dtype=np.uint64)
    for offset in range(size):
        state = _mix(state + characters[offset : offset + count])
    return state


def _all_within(inside: Bools, size: int) -> Bools:
    count = len(inside) - size + 1
    result = np.ones(count, dtype=np.bool_)
    for offset in range(size):
        result &= inside[offset : offset + count]
    return result


def _mix(values: UInt64s) -> UInt64s:
    """The finaliser of SplitMix64: every bit of the result depends on every bit of the value."""
    values = values + MULTIPLIER
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
