"""Two texts word by word: what to mark between them, and how much that is."""

from __future__ import annotations

from dataclasses import dataclass

from tamis.compute.text.diff import Part, changed_fraction, diff_words

__all__ = ["Part", "WordMarks", "mark_words"]


@dataclass(frozen=True, slots=True)
class WordMarks:
    """The parts in reading order. The fractions are of all characters of both texts, and of the shorter one."""

    parts: tuple[Part, ...]
    changed_fraction: float
    shared_fraction: float


def mark_words(old: str, new: str) -> WordMarks:
    """What was removed from a text and what was added."""
    parts = diff_words(old, new)
    shared, shorter = sum(len(part.text) for part in parts if part.kind == "kept"), min(len(old), len(new))
    return WordMarks(parts, changed_fraction(parts), shared / shorter if shorter else 0.0)
