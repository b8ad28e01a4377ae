"""What a column's name says of the worth of its text: a good answer, a bad one, one before or after it was rewritten."""

from __future__ import annotations

from functools import lru_cache

from tamis.formats.names import is_refused, usual_spelling

GOOD, BAD, BEFORE, AFTER = "good", "bad", "before", "after"
_WORDS = {
    BAD: (
        "bad", "worse", "worst", "wrong", "incorrect", "false", "reject", "rejects", "rejected", "dispreferred", "nonpreferred", "unpreferred",
        "loser", "lose", "loses", "losing", "lost", "negative", "negatives", "neg", "hallucinated", "hallucination", "unsafe", "toxic", "harmful",
        "undesired", "undesirable", "fail", "failed", "failing", "corrupt", "corrupted", "flawed", "faulty", "buggy", "broken", "inferior", "poor",
        "refused", "disliked", "declined", "unhelpful", "unchosen", "mistaken", "erroneous",
    ),
    GOOD: (
        "good", "better", "best", "right", "correct", "accept", "accepts", "accepted", "chosen", "chose", "preferred", "winner", "win", "wins",
        "winning", "won", "positive", "positives", "pos", "safe", "gold", "golden", "desired", "desirable", "passed", "approved", "liked",
    ),
    AFTER: (
        "revised", "revision", "rewritten", "rewrite", "rewrote", "improved", "improvement", "corrected", "correction", "edited", "edit", "fixed", "fix",
        "refined", "refinement", "polished", "final", "updated", "enhanced", "new", "after", "cleaned", "repaired", "reworked",
    ),
    BEFORE: ("original", "orig", "initial", "draft", "old", "before", "raw", "unedited"),
}  # fmt: skip
_SAID = {word: worth for worth, words in _WORDS.items() for word in words}
_NOT = frozenset(("non", "not", "un", "less"))
_OPPOSITE = {GOOD: BAD, BAD: GOOD}


@lru_cache(maxsize=1024)
def worth_of(column: str) -> str:
    """GOOD, BAD, BEFORE, AFTER, or empty for a name that says nothing of it."""
    words = usual_spelling(column).split("_")
    said = [_SAID[word] for word in words if word in _SAID]
    if not said:
        return BAD if is_refused(column) else ""
    if BAD in said:
        return BAD
    return _OPPOSITE.get(said[0], said[0]) if not _NOT.isdisjoint(words) else said[0]


def is_bad(column: str) -> bool:
    """Whether a name says that its text is the answer not to learn."""
    return worth_of(column) == BAD


def opposed(columns: list[str]) -> tuple[str, str] | None:
    """The first two columns that are called alike but for good and bad: the good one, the bad one."""
    for good in columns:
        for bad in columns:
            if worth_of(good) == GOOD and is_bad(bad) and _stem(good) == _stem(bad):
                return good, bad
    return None


def _stem(column: str) -> frozenset[str]:
    return frozenset(usual_spelling(column).split("_")) - _SAID.keys() - _NOT
