"""Which language a text is in, as far as small words and scripts tell."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

from tamis.compute.text.stopwords import WORDS_BY_LANGUAGE

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
MIN_LANGUAGE_WORDS = 5


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
