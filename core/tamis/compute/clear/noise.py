"""Faults planted on purpose, with the truth kept apart: what a score must find (METHODS.md 2.4).

Every kind changes exactly ``round(rate n)`` responses, none of them into its own gold text. The truth is a separate
array, so that nothing about it can reach a training text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from tamis.errors import CurationError
from tamis.types import Bools, Int64s

NoiseKind: TypeAlias = Literal["swap", "sentence", "number", "truncate", "garble"]
NOISE_KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n+")
NUMBER = re.compile(r"\d+")
MIN_SENTENCE_CHARS = 15  # shorter pieces are labels and list marks, not statements
KEPT_FRACTION = (0.3, 0.8)  # how much of a truncated response is left
GARBLED_FRACTION = 0.5  # share of a garbled response's words whose characters are scrambled
NUMBER_WORDS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "hundred",
    "thousand",
    "million",
]
NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(NUMBER_WORDS)})\b", re.IGNORECASE)

Change: TypeAlias = Callable[[int], "str | None"]


@dataclass(frozen=True, slots=True)
class Noisy:
    """The responses with faults among them, and which rows have one, shape (n,)."""

    responses: list[str]
    is_noisy: Bools


def plant_noise(
    kind: NoiseKind,
    prompts: Sequence[str],
    responses: Sequence[str],
    *,
    rate_fraction: float,
    rng: np.random.Generator,
) -> Noisy:
    """Change exactly ``round(rate_fraction n)`` responses, drawn at random from those that the kind can change.

    ``swap`` gives a row the response of another; ``sentence`` replaces the response by a wrong sentence of its own
    prompt (of another response where the prompt holds none); ``number`` changes one number; ``truncate`` keeps the
    first 30 to 80 % of the characters; ``garble`` scrambles the characters of half of the words.

    Raises CurationError when fewer rows than that can be changed, with how many can.
    """
    n = len(responses)
    if not 0 <= rate_fraction <= 1:
        raise CurationError(f"rate = {rate_fraction} is not a fraction between 0 and 1.")
    wanted = round(rate_fraction * n)
    order = rng.permutation(n)
    changed = (
        _swap(responses, order, wanted)
        if kind == "swap"
        else _change(kind, prompts, responses, (order, wanted, rng))
    )
    if len(changed) < wanted:
        raise CurationError(
            f"Only {len(changed)} of {n} responses can be changed by {kind!r} noise, and a rate of {rate_fraction:g} "
            f"asks for {wanted}: lower the rate to {len(changed) / max(n, 1):.2f} or take another kind."
        )
    result, is_noisy = list(responses), np.zeros(n, dtype=np.bool_)
    for row, text in changed.items():
        result[row], is_noisy[row] = text, True
    return Noisy(result, is_noisy)


def _change(
    kind: NoiseKind,
    prompts: Sequence[str],
    responses: Sequence[str],
    draw: tuple[Int64s, int, np.random.Generator],
) -> dict[int, str]:
    """Walk the rows in the drawn order until enough of them could be changed."""
    order, wanted, rng = draw
    change: Change = {
        "sentence": lambda row: _wrong_sentence(prompts, responses, row, rng),
        "number": lambda row: _other_number(responses[row], rng),
        "truncate": lambda row: _truncated(responses[row], rng),
        "garble": lambda row: _garbled(responses[row], rng),
    }[kind]
    changed: dict[int, str] = {}
    if kind == "sentence":  # rows with a context come first: that is the noise of the paper
        own = [bool(_context_sentences(prompts[row], responses[row])) for row in order]
        order = np.concatenate([order[np.array(own, dtype=np.bool_)], order[~np.array(own, dtype=np.bool_)]])
    for row in order:
        if len(changed) == wanted:
            break
        text = change(int(row))
        if text is not None and text.strip() != responses[row].strip():
            changed[int(row)] = text
    return changed


def _swap(responses: Sequence[str], order: Int64s, wanted: int) -> dict[int, str]:
    """Rotate the drawn rows' responses among themselves; a row that would keep its text takes one from outside."""
    rows = [int(row) for row in order[:wanted]]
    changed = {}
    for place, row in enumerate(rows):
        donors = [*rows[place + 1 :], *rows[:place], *(int(other) for other in order[wanted:])]
        text = next((responses[d] for d in donors if responses[d].strip() != responses[row].strip()), None)
        if text is not None:
            changed[row] = text
    return changed


def _context_sentences(prompt: str, response: str) -> list[str]:
    gold = " ".join(response.split())
    parts = [" ".join(part.split()) for part in SENTENCE_END.split(prompt)]
    wrong = [
        part for part in parts if len(part) >= MIN_SENTENCE_CHARS and part not in gold and gold not in part
    ]
    return wrong if len(parts) > 2 else []  # one or two sentences are a question, not a context


def _wrong_sentence(
    prompts: Sequence[str], responses: Sequence[str], row: int, rng: np.random.Generator
) -> str | None:
    choices = _context_sentences(prompts[row], responses[row])
    for _ in range(20):
        if choices:
            break
        other = int(rng.integers(len(responses)))
        choices = _context_sentences(responses[other], responses[row]) if other != row else []
    return choices[int(rng.integers(len(choices)))] if choices else None


def _other_number(text: str, rng: np.random.Generator) -> str | None:
    numbers = list(NUMBER.finditer(text))
    if numbers:
        match = numbers[int(rng.integers(len(numbers)))]
        digits = match.group()
        first, rest = digits[0], digits[1:]
        new = str(rng.choice([d for d in "123456789" if d != first])) + rest
        return text[: match.start()] + new + text[match.end() :]
    words = list(NUMBER_WORD.finditer(text))
    if not words:
        return None
    match = words[int(rng.integers(len(words)))]
    new = str(rng.choice([word for word in NUMBER_WORDS if word != match.group().lower()]))
    return text[: match.start()] + (new.title() if match.group()[0].isupper() else new) + text[match.end() :]


def _truncated(text: str, rng: np.random.Generator) -> str | None:
    """The beginning of a text of at least two words, cut inside it wherever the draw falls."""
    text = text.strip()
    if len(text.split()) < 2:
        return None
    keep = int(len(text) * rng.uniform(*KEPT_FRACTION))
    return text[: max(1, keep)].rstrip() or None


def _garbled(text: str, rng: np.random.Generator) -> str | None:
    """The text with the characters of half of its words put in a random order and case."""
    pieces = re.split(r"(\s+)", text)
    places = [i for i, piece in enumerate(pieces) if len(set(piece)) > 1]
    if not places:
        return None
    chosen = rng.choice(places, size=max(1, round(GARBLED_FRACTION * len(places))), replace=False)
    for place in chosen:
        characters = list(pieces[place])
        pieces[place] = "".join(characters[i] for i in rng.permutation(len(characters)))
    return "".join(pieces)
