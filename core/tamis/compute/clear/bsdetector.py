"""BSDetector: how far an answer can be trusted, from samples and second thoughts (2308.16175; METHODS.md 2.1)."""

from __future__ import annotations

import re
import unicodedata

import numpy as np

from tamis.types import Bools, Float64s

REFLECTION = {"A": 1.0, "B": 0.0, "C": 0.5}  # correct, incorrect, not sure
UNSURE = "C"


def normalised_answer(answer: str) -> str:
    """An answer as it is compared for equality: no case, accents' encodings, outer signs or runs of spaces."""
    folded = unicodedata.normalize("NFKC", answer).casefold()
    return " ".join(folded.split()).strip(" .,;:!?\"'`*_()[]“”’")


def similarity_from_contradiction(forward: Float64s, backward: Float64s) -> Float64s:
    """``s = ½ [(1 − P(contradiction | y → y_i)) + (1 − P(contradiction | y_i → y))]``; swapping the two changes nothing."""
    result: Float64s = ((1 - forward) + (1 - backward)) / 2
    return result


def observed_consistency(similarity: Float64s, equal: Bools, alpha: float = 0.8) -> Float64s:
    """``O = mean_i [α s_i + (1 − α) r_i]`` over the samples, shape (n,); all inputs (n, k), in [0, 1].

    Exact matches of long free text hardly occur, so O stays at most α there: compare it within a dataset only.
    """
    result: Float64s = np.mean(alpha * similarity + (1 - alpha) * equal, axis=1)
    return result


def self_reflection(first: Float64s, second: Float64s) -> Float64s:
    """Mean of the two second thoughts, shape (n,); each 1 for correct, 0 for incorrect, ½ for not sure."""
    result: Float64s = (first + second) / 2
    return result


def confidence(observed: Float64s, reflected: Float64s, beta: float = 0.7) -> Float64s:
    """``C = β O + (1 − β) S``, shape (n,), in [0, 1]."""
    result: Float64s = beta * observed + (1 - beta) * reflected
    return result


def parse_sample(text: str) -> str:
    """The part after ``answer:`` of a sampled answer with an explanation; all of it where it holds no such mark."""
    parts = re.split(r"(?im)^[\s*#]*(?:final )?answer[\s*]*:[\s*]*", text)
    answer = parts[-1] if len(parts) > 1 else re.sub(r"(?im)^[\s*#]*explanation[\s*]*:[\s*]*", "", text)
    # Some models answer first and explain afterwards.
    return re.split(r"(?im)^[\s*#]*explanation[\s*]*:", answer)[0].strip()
