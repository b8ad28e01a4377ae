"""Verdicts between two answers that a judge marks as it was asked to, ``[[A]]``; closed like ``verdict_replies`` (METHODS.md 2.3)."""

from __future__ import annotations

import re

from tamis.compute.clear import reply_words as words
from tamis.compute.clear.blame import blames
from tamis.compute.clear.replies import is_listed, is_ruled_out, is_stated

_I = re.IGNORECASE
MARK = re.compile(r"\[\[\s*([ABC])\s*\]\]", _I)
_SENTENCE = re.compile(r"(?<!\d)[.!?](?=\s|$)|[。\n]")
_LAST = re.compile(
    rf"(?:^|(?<!\d)[.!?]|[。\n]|,(?=\s*(?:so|thus|therefore|hence|on reflection)\b))\W*(?:(?:{words.SURELY}|overall|so|thus|on reflection)\b[,:]?\s*)?(?:(?:{words.ARTICLE}|my|our)\s+)?(?:(?:{words.CHOSEN})\s+)*"
    rf"(?:(?:{words.NOUN})(?:\s+(?:{words.IS}))?)?\W*\[\[\s*[ABC]\s*\]\]\W*$",
    _I,
)


def read_marks(text: str) -> str | None:
    """The letter that the marks of a reply give: all of them alike, or the last where it stands alone at the end; else None.

    A mark counts that is in no list of those that could be given and that nothing calls the worse one or blames: "the cut
    answer is [[B]]" gives none.
    """
    marks = [one for one in MARK.finditer(text) if not (is_listed(text, one) or _is_blamed(text, one))]
    letters = {mark[1].upper() for mark in marks}
    if len(letters) == 1:
        return letters.pop() if any(is_stated(text, mark) for mark in marks) else None
    return str(marks[-1][1]).upper() if letters and _LAST.search(text) else None


def _is_blamed(text: str, mark: re.Match[str]) -> bool:
    before, letter = text[: mark.start()], mark[1].upper()
    return is_ruled_out(before, text[mark.end() :], letter) or blames(_SENTENCE.split(before)[-1], letter)
