"""Whether words find a fault, and with which of two answers."""

from __future__ import annotations

import re

from tamis.compute.clear import reply_words as words

_I = re.IGNORECASE
_FAULT = re.compile(
    rf"\b(?:{words.WORSE}|{words.LACKS}|{words.LOSES}|unfinished|garbled|abrupt\w*|weak\w*|abgeschnitten|tronquée?)\b",
    _I,
)
# What spares whom a fault is said near: "without errors", "the other one stops", "unlike the first".
_SPARED = re.compile(
    rf"\b(?:{words.SPARING}|{words.HEDGES}|nothing|nichts|other|latter|former|first|second|ander\w*|autre|otr[ao]|altr[ao])\b|n['’]t\b",
    _I,
)


def blames(clause: str, letter: str) -> bool:
    """Whether a clause finds a fault and says it of this letter, or of none and of nobody else."""
    if not _FAULT.search(clause) or _SPARED.search(clause):
        return False
    named = {one.upper() for one in re.findall(r"\b[ABC]\b", clause)}
    return not named or named == {letter}
