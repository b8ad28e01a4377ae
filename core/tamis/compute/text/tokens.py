"""Cutting text of any script into terms that can name a topic."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from tamis.compute.text.stopwords import STOP_CHARACTERS, STOP_WORDS

# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han. Hangul has spaces.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U000323af"
)
_EMOJI = (
    "\u203c\u2049\u231a-\u23ff\u25aa-\u27bf\u2b00-\u2bff"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
)
_JOINERS = "\u200c\u200d"  # inside Persian and Indic words
_ASCII_WORD = re.compile(r"[0-9]*[a-z][a-z0-9]*")
_SHORT_HIRAGANA = re.compile("[\u3040-\u309fー]{1,2}")
# Letters of Thai and Lao that NFKC takes apart, after which no dictionary knows their words.
_WHOLE = re.compile("[^\u0e33\u0eb3\u0edc\u0edd]+")


def terms(text: str) -> set[str]:
    """The distinct terms of a text, casefolded and NFKC-normalised.

    A term is a word of two characters or more, or an emoji. Scripts without spaces are cut into words by ICU's
    dictionaries (UAX 29), where a single character of Chinese or Japanese may be a word. Left out: stop words, bare
    numbers, single letters, particles.
    """
    if text.isascii():  # a short cut for most text, with the same result
        return {word for word in _ASCII_WORD.findall(text.lower()) if len(word) > 1} - STOP_WORDS
    folded = _WHOLE.sub(lambda piece: unicodedata.normalize("NFKC", piece[0]), text).casefold()
    words = set(_word_pattern().findall(folded)) - STOP_WORDS
    kept = set(_emoji_pattern().findall(folded))
    if not _unspaced_pattern().search(folded):
        return kept.union(filter(_is_word, words))
    for word in words:
        kept.update(_split_mixed(word))
    return kept


def is_unspaced(term: str) -> bool:
    """Whether a term comes from a script without spaces."""
    return _unspaced_pattern().match(term) is not None


def _is_word(word: str) -> bool:
    return len(word) > 1 and word not in STOP_WORDS and any(map(str.isalpha, word))


def _split_mixed(word: str) -> Iterator[str]:
    from icu4py.breakers import WordBreaker

    for part in _run_pattern().findall(word):
        if is_unspaced(part):
            yield from filter(_is_unspaced_word, WordBreaker(part, "en"))
        elif _is_word(part):
            yield part


def _is_unspaced_word(word: str) -> bool:
    if word in STOP_WORDS or word in STOP_CHARACTERS or _SHORT_HIRAGANA.fullmatch(word):
        return False
    # A syllable of the other scripts is what a dictionary that lacks a word leaves of it.
    return any(map(str.isalpha, word)) and (_han_pattern().match(word) is not None or _n_letters(word) > 1)


def _n_letters(word: str) -> int:
    """How many characters there are without the combining marks."""
    return sum(unicodedata.category(character)[0] != "M" for character in word)


@lru_cache(maxsize=1)
def _marks() -> str:
    """Every combining mark, for a regex class: Python's word class leaves them out and cuts Indic words."""
    codes = (code for code in range(0x300, sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M")
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in _ranges(codes))


def _ranges(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    low = high = -1
    for code in codes:
        if code != high + 1:
            if low >= 0:
                yield low, high
            low = code
        high = code
    yield low, high


@lru_cache(maxsize=1)
def _word_pattern() -> re.Pattern[str]:
    return re.compile(rf"[^\W_]+(?:[{_marks()}{_JOINERS}]+[^\W_]*)*")


@lru_cache(maxsize=1)
def _run_pattern() -> re.Pattern[str]:
    return re.compile(f"[{UNSPACED}][{UNSPACED}{_marks()}]*|[^{UNSPACED}]+")


@lru_cache(maxsize=1)
def _unspaced_pattern() -> re.Pattern[str]:
    return re.compile(f"[{UNSPACED}]")


@lru_cache(maxsize=1)
def _han_pattern() -> re.Pattern[str]:
    return re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")


@lru_cache(maxsize=1)
def _emoji_pattern() -> re.Pattern[str]:
    tail = "(?:\ufe0f|[\U0001f3fb-\U0001f3ff])*"
    return re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|[{_EMOJI}]{tail}(?:\u200d[{_EMOJI}\u2640\u2642]{tail})*")
