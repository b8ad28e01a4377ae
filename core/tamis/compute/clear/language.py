"""Which language a text is in, as far as small words and scripts tell."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from tamis.compute.text.stopwords import STOP_WORDS, WORDS_BY_LANGUAGE

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
MIN_LANGUAGE_WORDS = 5
ENGLISH = WORDS_BY_LANGUAGE["english"]
MOST_FOREIGN = 0.03  # of an English text's letters: names and loan words


def language_of(text: str) -> str:
    """A language in lower case told by its small words, or a script in capitals; "" when it is not clear."""
    scripts: Counter[str] = Counter(_script(c) for c in text[:4000] if c.isalpha())
    n_letters = scripts.total()
    if n_letters < 8:
        return ""
    script, count = scripts.most_common(1)[0]
    if count < 0.6 * n_letters:
        return ""
    if script not in ("LATIN", "CYRILLIC"):
        return "HAN" if script in ("CJK", "HIRAGANA", "KATAKANA") and not scripts["HIRAGANA"] else script
    words = [word.casefold() for word in WORD.findall(text[:4000])]
    if script == "CYRILLIC":
        return script
    hits = {name: sum(word in small for word in words) for name, small in WORDS_BY_LANGUAGE.items()}
    (best, most), (_, second) = sorted(hits.items(), key=lambda item: -item[1])[:2]
    if len(words) < MIN_LANGUAGE_WORDS or most < 3 or most < 0.15 * len(words) or most < 1.3 * second + 1:
        return ""
    return best


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split(" ", 1)[0].split("-", 1)[0]


def may_be_english(text: str) -> bool:
    """Whether nothing speaks for another language: ASCII letters, and a small English word among every ten."""
    language = language_of(text)
    if language:
        return language == "english"
    words = [word.casefold() for word in WORD.findall(text[:4000])]
    hits = sum(word in WORDS_BY_LANGUAGE["english"] for word in words)
    return 10 * hits >= len(words) - 9 and all(c.isascii() or not c.isalpha() for c in text)


# The small words of English with their letters sorted: "eht", "fo" and "dna" are found by them whatever their order.
SCRAMBLED_FROM = frozenset("".join(sorted(word)) for word in ENGLISH if 2 <= len(word) <= 7)
# Small words of other languages, those aside that may be English ones in disorder: "het", "nad".
ELSEWHERE = frozenset(
    word for word in STOP_WORDS if word not in ENGLISH and "".join(sorted(word)) not in SCRAMBLED_FROM
)


def reads_as_english(text: str) -> bool:
    """Whether a text, even one with some or all of its words in disorder, is meant as English.

    Hardly a foreign letter; a small English word among every ten and fewer small words of other languages, or a scrambled
    small English word among every five.
    """
    letters = [c.isascii() for c in text if c.isalpha()]
    if letters.count(False) > MOST_FOREIGN * len(letters):
        return False
    words = [word.casefold() for word in WORD.findall(text)]
    english = sum(word in ENGLISH for word in words)
    elsewhere = sum(word in ELSEWHERE for word in words)
    scrambled = sum("".join(sorted(word)) in SCRAMBLED_FROM for word in words if word not in STOP_WORDS)
    if 5 * scrambled >= max(10, len(words)) and scrambled >= elsewhere:
        return True
    return elsewhere < english >= max(1.0, len(words) / 10)
