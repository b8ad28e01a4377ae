"""The shape of a text, and the band of lengths, that rows of one kind share (METHODS.md 3.9)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tamis.compute.text.text_overlap import is_json

Shape = Literal["json", "final_number", "options"]
FEWEST_PARENTS = 3  # from which on a band of lengths says something
ALIKE_FRACTION = 0.1  # of the mean: below it the spread of a few parents says nothing about other rows
FINAL_NUMBER = re.compile(r"####\s*[-−]?\d[\d,. ]*\s*\Z")
OPTION = re.compile(r"^\s*\(?([A-D])[).:]\s", re.MULTILINE)
# How assistants begin what is not the text itself, and labels that lists of examples put before each.
OPENINGS = re.compile(
    r"\A\W*(?:sure|sure thing|certainly|of course|absolutely|great question|okay|ok)\s*[!:,.]"
    r"|\A\W*(?:here(?:'s| is| are)|below is|below are)\b"
    r"|\A\W*(?:(?:new|next|another) )?(?:input|output|question|answer|example)(?: ?#?\d{1,3})?\s*:"
    r"|\A\W*as an ai\b|\A\W*i(?:'m| am) (?:an ai|a language model)\b",
    re.IGNORECASE,
)
# What a terminal obeys, and what turns the direction of text round, so that it does not read as it is.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
FENCE = re.compile(r"</?[a-z][a-z0-9_]*(?: [0-9a-f]{6})>|```")


@dataclass(frozen=True, slots=True)
class LengthBand:
    """Lengths in characters that are usual, both ends included."""

    low: float
    high: float

    def holds(self, length: int) -> bool:
        """Whether a length is usual."""
        return self.low <= length <= self.high


def length_band(lengths: Sequence[int]) -> LengthBand | None:
    """Mean ± 2 σ (population) of the lengths; [½, 2] × mean where σ is below a tenth of it; None below 3 lengths.

    SELF-GUIDE's rule with both ends inside and a floor for σ: equal lengths let equal lengths pass.
    """
    if len(lengths) < FEWEST_PARENTS:
        return None
    mean = math.fsum(lengths) / len(lengths)
    sigma = math.sqrt(math.fsum((one - mean) ** 2 for one in lengths) / len(lengths))
    if sigma < ALIKE_FRACTION * mean or not mean:
        return LengthBand(mean / 2, 2 * mean)
    return LengthBand(mean - 2 * sigma, mean + 2 * sigma)


def text_shape(text: str) -> Shape | None:
    """JSON, a text that ends in ``#### number``, one with options A to D (B at least), or none of these."""
    if is_json(text):
        return "json"
    if FINAL_NUMBER.search(text):
        return "final_number"
    return "options" if {"A", "B"} <= set(OPTION.findall(text)) else None


def common_shape(texts: Sequence[str]) -> Shape | None:
    """The shape that all of the texts have; None where they differ or have none."""
    shapes = {text_shape(text) for text in texts}
    return shapes.pop() if len(shapes) == 1 else None


def opening_phrase(text: str) -> str:
    """The phrase with which an assistant opens instead of beginning; "" for a text that begins."""
    found = OPENINGS.match(text)
    return found.group().strip() if found else ""


def fence_in(text: str) -> str:
    """The first mark of a question around its texts, or a code fence; "" for none."""
    found = FENCE.search(text)
    return found.group() if found else ""


def control_in(text: str) -> str:
    """The name of the first character that is no text (U+001B, U+202E); "" for none."""
    found = CONTROLS.search(text)
    return f"U+{ord(found.group()):04X}" if found else ""


def label_of(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer is: equal after casefolding, trimming, and one stop at its end; None for no label."""
    known = {_plain(label): label for label in labels}
    return known.get(_plain(text))


def agreement(answers: Sequence[str], n_asked: int) -> tuple[str, float]:
    """The most frequent of the answers that can be used, the shortest among ties, and its share of all ``n_asked``.

    Readable answers alone would make one of one a certainty. No answer is ("", 0).
    """
    if not answers or n_asked < 1:
        return "", 0.0
    counts = Counter(answers)
    best = min(counts, key=lambda text: (-counts[text], len(text), text))
    return best, counts[best] / n_asked


def _plain(text: str) -> str:
    return text.strip().casefold().removesuffix(".").strip()
