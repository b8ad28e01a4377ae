"""Rows of a pool that are the target itself, which must not be picked for being near to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tamis.compute.text.contamination import ngram_overlap
from tamis.compute.text.near_duplicates import NONE, RepeatedTexts, exact_duplicates, normalised_words
from tamis.types import Float32s, Int64s

LeakReason = Literal["same text", "same prompt", "shared words", "same vector", "repeats a leak"]
SHARED_FRACTION = 0.5  # of a target example's word runs


@dataclass(frozen=True, slots=True)
class Leak:
    """A ``row`` that is kept out, why, and the ``example`` of the target that it holds (of the row it repeats, for a repeat)."""

    row: int
    reason: LeakReason
    example: int


def find_leaks(
    rows: tuple[Sequence[str], Sequence[str]],
    examples: tuple[Sequence[str], Sequence[str]],
    *,
    similarity: Float32s | None = None,
    cosine: float | None = None,
) -> tuple[list[Leak], RepeatedTexts]:
    """Rows that are an example or hold one, ascending, and which rows repeat another; both sides are (prompts, responses).

    A row leaks that says the same as an example, whole or in its prompt alone, whatever case, spaces and signs; that holds
    half of an example's word runs (``ngram_overlap``); or, where ``cosine`` is given, whose ``similarity`` (n, E) reaches
    it. One member of a group of repeated rows that leaks removes the group.
    """
    whole, asked = _joined(rows), [normalised_words(text) for text in rows[0]]
    repeated = exact_duplicates(whole)
    same_text, same_prompt = _numbered(_joined(examples)), _numbered(examples[0])
    overlap = ngram_overlap(whole, _joined(examples))
    near = _nearest(similarity, cosine, len(whole))
    found: dict[int, Leak] = {}
    for row, text in enumerate(whole):
        kinds: tuple[tuple[LeakReason, int], ...] = (
            ("same text", same_text.get(normalised_words(text), NONE)),
            ("same prompt", same_prompt.get(asked[row], NONE)),
            ("shared words", int(overlap.item[row]) if overlap.fraction[row] >= SHARED_FRACTION else NONE),
            ("same vector", int(near[row])),
        )
        reason, example = next((kind for kind in kinds if kind[1] != NONE), ("same text", NONE))
        if example != NONE:
            found[row] = Leak(row, reason, example)
    return _closed(found, repeated), repeated


def _closed(found: dict[int, Leak], repeated: RepeatedTexts) -> list[Leak]:
    first = np.where(repeated.of == NONE, np.arange(len(repeated.of)), repeated.of)
    leaking = {int(first[row]): leak for row, leak in reversed(found.items())}
    return [
        found.get(row) or Leak(row, "repeats a leak", leaking[int(group)].example)
        for row, group in enumerate(first)
        if int(group) in leaking
    ]


def _joined(sides: tuple[Sequence[str], Sequence[str]]) -> list[str]:
    return [f"{prompt}\n{response}" for prompt, response in zip(*sides, strict=True)]


def _numbered(texts: Sequence[str]) -> dict[str, int]:
    """The first example with each text that says something."""
    numbered: dict[str, int] = {}
    for number, text in enumerate(texts):
        words = normalised_words(text)
        if words:
            numbered.setdefault(words, number)
    return numbered


def _nearest(similarity: Float32s | None, cosine: float | None, n: int) -> Int64s:
    if similarity is None or cosine is None or not similarity.shape[1]:
        return np.full(n, NONE, dtype=np.int64)
    filled = np.where(np.isnan(similarity), -np.inf, similarity)
    near = filled.argmax(axis=1)
    return np.where(filled[np.arange(n), near] >= cosine, near, NONE).astype(np.int64)
