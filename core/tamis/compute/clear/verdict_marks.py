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


# A mark that is quoted or another's, one on a condition or denied, and what takes a mark back that stands before it.
_ANOTHERS = re.compile(
    r"\b(?:says?|said|claims?|inserts?|includes?|contains?|writes?|wrote|ends with|gave|gives|previous|another|user|people|might|may|could"
    r"|blame)\b|n['’]est pas\b|c['’]est pas\b|\bnon è\b",
    _I,
)
_CONDITION = re.compile(r"\b(?:if|unless|wenn|falls|si|se)\b|如果", _I)
_CLAUSE = re.compile(r"[,;:—–]|\bbut\b", _I)
_FORCED = re.compile(r"\bif (?:i (?:had to|must)|pressed|forced)\b|\bthey say\b", _I)
_LIMITED = re.compile(r"^[\W_]*(?:if|unless|wenn|falls|si|se)\b|^[^.!?\n]*\bonly\b", _I)
_TAKEN_BACK = re.compile(r"\b(?:scratch that|correction|mistaken?|that['’]s wrong|not sure|undecided)\b", _I)


def read_marks(text: str) -> str | None:
    """The letter that the marks of a reply give: all of them alike, or the last where it stands alone at the end; else None.

    A mark counts that is in no list of those that could be given and that nothing calls the worse one or blames: "the cut
    answer is [[B]]" gives none.
    """
    found = (one for one in MARK.finditer(text) if not (is_listed(text, one) or _is_anothers(text, one)))
    marks = [one for one in found if not _is_blamed(text, one)]
    letters = {mark[1].upper() for mark in marks}
    if len(letters) == 1:
        return (
            letters.pop() if any(is_stated(text, mark) and _is_meant(text, mark) for mark in marks) else None
        )
    return str(marks[-1][1]).upper() if letters and _LAST.search(text) else None


def without_lists(text: str) -> str:
    """The text with its marks as plain letters, those of a list of what could be given left out."""
    return MARK.sub(lambda mark: "" if is_listed(text, mark) else mark[1], text)


def unmarked(text: str) -> str:
    """The text without the sentences that hold a mark."""
    return "\n".join(one for one in re.split(r"(?<=[.!?])\s|\n", text) if not MARK.search(one))


def is_last_alone(text: str) -> bool:
    """Whether a reply ends with a mark that stands alone or behind a label of verdicts, as it was asked to."""
    return bool(_LAST.search(text))


def _is_anothers(text: str, mark: re.Match[str]) -> bool:
    return bool(_ANOTHERS.search(_CLAUSE.split(_sentence_before(text, mark))[-1]))


def _is_meant(text: str, mark: re.Match[str]) -> bool:
    before, after = _sentence_before(text, mark), text[mark.end() :]
    if _LIMITED.match(after) or _TAKEN_BACK.search(after):
        return False
    return not _CONDITION.search(before) or bool(_FORCED.search(before))


def _is_blamed(text: str, mark: re.Match[str]) -> bool:
    letter = mark[1].upper()
    ruled_out = is_ruled_out(text[: mark.start()], text[mark.end() :], letter)
    return ruled_out or blames(_sentence_before(text, mark), letter)


def _sentence_before(text: str, mark: re.Match[str]) -> str:
    return _SENTENCE.split(text[: mark.start()])[-1]
