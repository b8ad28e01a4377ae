"""Verdicts between two answers that a judge marks as it was asked to, ``[[A]]``; closed like ``verdict_replies`` (METHODS.md 2.3)."""

from __future__ import annotations

import re

from tamis.compute.clear import reply_words as words
from tamis.compute.clear.blame import blames
from tamis.compute.clear.replies import REACH, is_listed, is_ruled_out, is_stated, near

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
    r"\b(?:says?|said|claims?|inserts?|includes?|contains?|writes?|wrote|writing|ends with|gave|gives|previous|another|user|people|might|may|could"
    r"|blame)\b|n['’]est pas\b|c['’]est pas\b|\bnon è\b",
    _I,
)
_CONDITION = re.compile(r"\b(?:if|unless|wenn|falls|si|se)\b|如果", _I)
_CLAUSE = re.compile(r"[,;:—–]|\bbut\b", _I)
_FORCED = re.compile(r"\bif (?:i (?:had to|must)|pressed|forced)\b|\bthey say\b", _I)
_LIMITED = re.compile(r"^[\W_]*(?:if|unless|wenn|falls|si|se)\b|^[^.!?\n]*\bonly\b", _I)
_TAKEN_BACK = re.compile(
    r"\b(?:scratch that|correction|mistaken?|that['’]s wrong|not sure|undecided|(?:withdraw|retract|take back) (?:it|that|this)|take (?:it|that) back)\b"
    rf"|\b(?:on reflection|on second thoughts?)\b[^.!?]*\b(?:{words.TIE})\b",
    _I,
)
# "From [[A]] to [[B]]", "I withdraw [[A]] and choose [[B]]", "[[A]] → [[B]]", "~~[[A]]~~": the first is none, and what it turns
# into is no part of a list.
_MARKED = r"[\s*_`\"'“~]{0,4}\[\[\s*([ABC])\s*\]\][\s*_`\"'”~]{0,4}"
_NEXT = r"\s{0,2}(?=[\s*_`\"'“]{0,4}\[\[)"
_MY = r"(?:\s+(?:my|the|mein|mon|mi)(?:\s+\w+){1,2})?"
_TO = rf",?\s?(?:to|into|with|by|→|->|=>|zu|auf|durch|à|en|par|a|por|con){_NEXT}"
_WITHDRAWN = re.compile(
    rf"\b(?:{words.WITHDRAWS}){_MY}(?:\s+(?:from|of|von|de))?{_MARKED}(?:{_TO})?"
    rf"|\b(?:{words.CHANGES}){_MY}(?:\s+(?:from|von|de))?{_MARKED}{_TO}"
    rf"|(?:从|從|将|把){_MARKED}(?:改|换)[为為成]?|(?:收回|撤回){_MARKED}|{_MARKED}(?:から|에서){_NEXT}"
    rf"|~~{_MARKED}~~|{_MARKED}(?:→|->|=>){_NEXT}|{_MARKED}(?:is|was|ist|est)\s(?:withdrawn|retracted|a mistake|zurückgezogen)\b",
    _I,
)
# What a mark is given as that only shows what one looks like.
_EXAMPLE = re.compile(
    rf"(?:\b(?:{words.EXAMPLE})|例如?|比如|예|예시)[\s:：,，、(\"'“`*_]{{0,6}}\Z"
    r"|(?:^|[.!?\n])\s{0,4}(?:(?:the|an?|my|one|your|some)\s)?(?:possible\s)?(?:examples?|samples?|possible|(?:output |answer )?format)\b[^.!?\n]*\Z",
    _I,
)


def read_marks(text: str) -> str | None:
    """The letter that the marks of a reply give: all of them alike, or the last where it stands alone at the end; else None.

    A mark counts that is in no list of those that could be given and that nothing calls the worse one or blames: "the cut
    answer is [[B]]" gives none.
    """
    text = without_withdrawn(text)
    found = (one for one in MARK.finditer(text) if not (is_listed(text, one) or _is_anothers(text, one)))
    marks = [one for one in found if not _is_blamed(text, one)]
    letters = {mark[1].upper() for mark in marks}
    if len(letters) == 1:
        last = max((one.start() for one in _TAKEN_BACK.finditer(text)), default=-1)
        meant = (mark.end() > last and is_stated(text, mark) and _is_meant(text, mark) for mark in marks)
        return letters.pop() if any(meant) else None
    if not letters or not re.search(r"[^\W_]", text[marks[-2].end() : marks[-1].start()]):
        return None  # two that differ, and no word between them
    return str(marks[-1][1]).upper() if is_last_alone(text) else None


def without_withdrawn(text: str) -> str:
    """The text without the marks that are said to be withdrawn or to be changed into another, and without their like before."""
    kept: list[str] = []
    withdrawn: set[str] = set()
    end = len(text)
    for match in reversed(list(_WITHDRAWN.finditer(text))):
        kept.append(_without(text[match.end() : end], withdrawn))
        withdrawn.add(next(letter for letter in match.groups() if letter).upper())
        end = match.start()
    return " ".join(reversed([*kept, _without(text[:end], withdrawn)]))


def _without(text: str, letters: set[str]) -> str:
    return MARK.sub(lambda mark: "" if mark[1].upper() in letters else mark[0], text) if letters else text


def without_lists(text: str) -> str:
    """The text with its marks as plain letters, those of a list of what could be given left out."""
    return MARK.sub(lambda mark: "" if is_listed(text, mark) else mark[1], text)


def unmarked(text: str) -> str:
    """The text without the sentences that hold a mark."""
    return "\n".join(one for one in re.split(r"(?<=[.!?])\s|\n", text) if not MARK.search(one))


def is_last_alone(text: str) -> bool:
    """Whether a reply ends with a mark that stands alone or behind a label of verdicts, as it was asked to."""
    return bool(_LAST.search(text, max(0, len(text) - REACH)))


def _is_anothers(text: str, mark: re.Match[str]) -> bool:
    clause = _CLAUSE.split(_sentence_before(text, mark))[-1]
    return bool(_EXAMPLE.search(near(text, mark)[0]) or _ANOTHERS.search(clause))


def _is_meant(text: str, mark: re.Match[str]) -> bool:
    before = _sentence_before(text, mark)
    if _LIMITED.match(near(text, mark)[1]):
        return False
    return not _CONDITION.search(before) or bool(_FORCED.search(before))


def _is_blamed(text: str, mark: re.Match[str]) -> bool:
    letter = mark[1].upper()
    return is_ruled_out(*near(text, mark), letter) or blames(_sentence_before(text, mark), letter)


def _sentence_before(text: str, mark: re.Match[str]) -> str:
    return _SENTENCE.split(near(text, mark)[0])[-1]
