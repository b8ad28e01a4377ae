"""Whether a document supports a text: pieces of both, and how their judgements are joined (2404.10774; METHODS.md 3.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from tamis.types import JSON, Float64s

DOCUMENT_FIELDS = ("document", "context", "passage", "input")  # of metadata, the first that is there
SENTENCE_END = re.compile(r"(?<=[.!?。！？।])\s+|\n+")
ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|Mr|Mrs|Ms|Dr|Prof|St|No|Fig|cf|approx|[A-Z])\.$")


def document_in(meta: Mapping[str, JSON], prompt: str, fields: Sequence[str] = DOCUMENT_FIELDS) -> str:
    """The document that a row carries: in its metadata, else the input that its format joined to the prompt; "" for none."""
    named = (meta.get(name) for name in fields)
    found = next((one for one in named if isinstance(one, str) and one.strip()), "")
    if found:
        return found
    shape = meta.get("_shape")
    n = shape.get("input_chars") if isinstance(shape, Mapping) else None
    joined = prompt[-n:] if isinstance(n, int) and 0 < n <= len(prompt) else ""
    return joined if joined.strip() else ""


def sentences(text: str) -> list[str]:
    """Sentences of a text in order; none of a text without letters or digits."""
    pieces: list[str] = []
    for piece in SENTENCE_END.split(text.strip()):
        if pieces and ABBREVIATION.search(pieces[-1]):
            pieces[-1] = f"{pieces[-1]} {piece.strip()}"
        elif piece.strip():
            pieces.append(piece.strip())
    return [one for one in pieces if re.search(r"\w", one)]


def chunks(document: str, max_words: int) -> list[str]:
    """The document cut at ends of sentences into pieces of at most ``max_words`` words; a longer sentence is cut inside."""
    pieces: list[list[str]] = [[]]
    for sentence in sentences(document):
        words = sentence.split()
        if pieces[-1] and len(pieces[-1]) + len(words) > max_words:
            pieces.append([])
        while len(pieces[-1]) + len(words) > max_words:
            pieces[-1].extend(words[:max_words])
            words = words[max_words:]
            pieces.append([])
        pieces[-1].extend(words)
    return [" ".join(words) for words in pieces if words]


def support(by_sentence: Sequence[Sequence[float]], how: str = "min") -> tuple[float, Float64s]:
    """Support of a text, and of each of its sentences: the best chunk of each, joined by ``min`` or ``mean``.

    ``by_sentence`` holds the chunks' supports of each sentence; a chunk that could not be judged is NaN.
    """
    judged = [np.asarray(row, dtype=np.float64) for row in by_sentence]
    best = np.array([np.nan if np.isnan(row).all() else np.nanmax(row) for row in judged], dtype=np.float64)
    if not best.size or np.isnan(best).any():
        return float("nan"), best
    return float(best.min() if how == "min" else best.mean()), best
