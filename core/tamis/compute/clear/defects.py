"""Faults of a response that can be seen without a model, each a severity from 0 (none) to 1 (certain)."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from tamis.compute.clear.defect_words import RARE_PAIRS, REAL_ANAGRAMS, REAL_WORDS
from tamis.compute.clear.endings import FENCE, cut, is_code
from tamis.compute.clear.language import SCRAMBLED_FROM, WORD, language_of, reads_as_english
from tamis.compute.text.stopwords import STOP_WORDS

DEFECTS = ("empty", "cut", "garbled", "repeated", "refusal", "language_mismatch")

NOTHING = re.compile(
    r"^[\W_]*(?:n/?a|none|null|nil|tbd|todo|nan|undefined|<noinput>|no ?output|empty)?[\W_]*$", re.IGNORECASE
)
MOJIBAKE = re.compile(r"[ÃÂâðØÙà][\u0080-\u00bf€™œž‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜š›Ÿ¡-¿]|\ufffd")
VOWEL = re.compile(r"[aeiouyáàâäãåæéèêëíìîïóòôöõøúùûüœý]", re.IGNORECASE)
ODD_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}|^[bcdfghjklmnpqrstvwxz]{4,}", re.IGNORECASE)
# Signs and capitals where no word has them: "s$c@nd", "nede.w", "yM".
INSIDE = re.compile(
    r"[A-Za-z][0-9$%^&#=+><|~]+[A-Za-z]|[$%^#=><|~][A-Za-z]+[0-9$%^#*=]|^[a-z]+[,;:!?.][a-z]+[,.]?$|^[,;!?.][a-z]+$|^[a-z]{1,8}[A-Z][a-z]?$"
)
# Words that INSIDE takes for wrong and are not: formulas, units, "i18n", names of files and sites, equations of letters.
SIGNS_BELONG = re.compile(
    r"^\W*(?:(?:[A-Z][a-z]?\d*){2,}|[a-z]\d+[a-z]|(?:mm|[a-zµ]{1,2})?(?:Hz|W|Wh|V|A|Ah|L|J|N|Pa|B|Hg|F|H|Sv|Gy|M|eV|T|K)"
    r"|\w+\.(?:com|org|net|edu|gov|io|ai|[jt]sx?|py|md|txt|csv|json|xml|html?|css|sh|ya?ml|cfg|toml|sql|[ch]|cpp|java|exe|pdf"
    r"|png|jpe?g|gif|mp[34]|mkv|wav|zip|tar|gz|log|docx?|xlsx?|so|head|shape)|\w(?:[=<>+*/^|~-]+\w)+|\w+[+#]{1,2})\W*$"
)
# Mathematics and code inside a text.
QUOTED = re.compile(r"\$[^$\n]{1,300}\$|\\\(.{1,300}?\\\)|`[^`\n]+`")
REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am)?(?: \w+){0,3} (?:sorry|afraid|unable to|not able to|not comfortable|not permitted|not allowed)"
    r"|i (?:can(?:no|['’])t|cannot|can not|won['’]t|will not|must decline|have to decline|am declining)"
    r"|as an? (?:ai|artificial intelligence|(?:large )?language model)|(?:je ne peux pas|lo siento|ich kann (?:ihnen |dir )?"
    r"(?:dabei |das )?(?:leider )?nicht|non posso|no puedo ayudar|desculpe|не могу|申し訳|抱歉|对不起))",
    re.IGNORECASE,
)
HELPS_NOT = re.compile(
    r"\b(?:assist|help|provide|answer|discuss|fulfil|comply|complete|do (?:that|this)|share|advice|decline|language model|"
    r"guidelines|inappropriate|explain|generate|aider|ayudar|helfen|aiutare|помочь)\b|お手伝い|帮助",
    re.IGNORECASE,
)
NAMES_LANGUAGE = re.compile(
    r"translat|traduc|traduis|traduz|übersetz|перев|翻译|翻訳|\b(?:in|into|to|from|en|auf|ins)\s+(?:english|french|german|"
    r"spanish|italian|portuguese|dutch|russian|chinese|japanese|korean|arabic|hindi|latin|anglais|français|inglés|español|"
    r"deutsch|englisch|französisch)\b|\b(?:english|french|german|spanish|italian|portuguese|dutch|russian|chinese|japanese|"
    r"korean|arabic|hindi|latin|language|swedish|greek|turkish|polish|hebrew|ukrainian|mandarin)\b",
    re.IGNORECASE,
)
OddWords = Literal["two", "one"]
# One odd word is a name or a slip. "one" is the rule of before, for scores of editions that were fitted with it: it
# spells every language like English.
ODD: Mapping[OddWords, tuple[int, frozenset[str]]] = {"two": (2, REAL_WORDS), "one": (1, REAL_ANAGRAMS)}
LOOKED_AT_CHARS = 20_000  # of a longer text only its beginning and its end are looked at
REPEATED_FROM = 0.35  # share of repeated word triples from which a text counts as repeating itself


def find_defects(prompt: str, response: str, *, odd_words: OddWords = "two") -> dict[str, float]:
    """Severity of every defect in DEFECTS, each in [0, 1]; an empty response has no other defect. ``odd_words`` as ``garbled``."""
    severities = dict.fromkeys(DEFECTS, 0.0)
    if NOTHING.match(response[:200]) and len(response) <= 200 and not _is_symbol_answer(response):
        return severities | {"empty": 1.0}
    text = (
        response
        if len(response) <= LOOKED_AT_CHARS
        else response[: LOOKED_AT_CHARS // 2] + response[-LOOKED_AT_CHARS // 2 :]
    )
    return severities | {
        "cut": cut(text),
        "garbled": garbled(text, odd_words=odd_words),
        "repeated": repeated(text),
        "refusal": refusal(text),
        "language_mismatch": language_mismatch(prompt[:LOOKED_AT_CHARS], text),
    }


def _is_symbol_answer(text: str) -> bool:
    """An answer may be one sign or formula, such as ">" or "+"; dots and question marks alone say nothing."""
    stripped = text.strip()
    return bool(stripped) and not re.fullmatch(
        r"[\s.…?\-_*–—,!~]*|[\W_]*\w+[\W_]*|<noinput>|n/a", stripped, re.IGNORECASE
    )


def garbled(text: str, *, odd_words: OddWords = "two") -> float:
    """How much of a text is no language: wrong encodings, scrambled letters, signs inside words.

    Words tell from ``odd_words`` odd ones on.
    """
    letters = sum(character.isalpha() for character in text)
    if not letters:
        return 0.0
    broken = 2 * len(MOJIBAKE.findall(text)) / len(text)
    controls = sum(unicodedata.category(c) in ("Cc", "Co", "Cn") and c not in "\n\r\t\f" for c in text[:5000])
    broken = max(broken, 5 * controls / min(len(text), 5000))
    if is_code(text) or FENCE.search(text):
        return _clipped((broken - 0.02) * 8)
    return _clipped(max((broken - 0.02) * 8, (_odd_share(text, odd_words) - 0.06) * 5))


def _odd_share(text: str, odd_words: OddWords) -> float:
    """Share of a text's words that no language has; 0 where they are too few to tell."""
    by_two = odd_words == "two"
    tokens = [
        token
        for token in (QUOTED.sub(" ", text) if by_two else text).split()
        if re.search(r"[^\W\d_]", token) and "://" not in token and "@" not in token
    ]
    if len(tokens) < 4:
        return 0.0
    least, real = ODD[odd_words]
    is_spelled = not by_two or reads_as_english(text)
    odd = sum(
        bool(INSIDE.search(token) and not (by_two and SIGNS_BELONG.match(token)))
        or (is_spelled and any(_is_odd(word, real, by_two) for word in WORD.findall(token)))
        for token in tokens
    )
    return odd / len(tokens) if odd >= least else 0.0


@lru_cache(maxsize=65_536)
def _is_odd(word: str, real: frozenset[str], names: bool) -> bool:
    """Whether a Latin word is a small English word in a wrong order, or cannot be pronounced; a ``real`` one is not.

    With ``names`` a capitalised word may be spelled as in any language.
    """
    lowered = word.casefold().replace("'", "")
    if not word.isascii() or len(word) < 2 or word.isupper() or lowered in real:
        return False
    if lowered not in STOP_WORDS and "".join(sorted(lowered)) in SCRAMBLED_FROM:
        return True
    if len(word) < 4 or (names and word.istitle()):
        return False
    if not VOWEL.search(lowered) or ODD_CONSONANTS.search(lowered):
        return True
    return any(lowered[i : i + 2] in RARE_PAIRS for i in range(len(lowered) - 1))


def repeated(text: str) -> float:
    """How much of a text repeats itself: triples of words, lines, or whatever compresses away."""
    words = [word.casefold() for word in text.split()]
    severity = 0.0
    if len(words) >= 12:
        triples = list(zip(words, words[1:], words[2:], strict=False))
        counts = Counter(triples)
        again = sum(count - 1 for count in counts.values()) / len(triples)
        severity = _clipped((again - REPEATED_FROM) / 0.3)
    if len(text) >= 200:
        squeezed = len(zlib.compress(text.encode("utf-8", "replace"))) / len(text.encode("utf-8", "replace"))
        severity = max(severity, _clipped((0.16 - squeezed) / 0.08))
    return severity


def refusal(text: str) -> float:
    """How sure it is that a text declines: it says so at its beginning, and is short."""
    head = text[:300]
    if not REFUSAL.search(head):
        return 0.0
    if not HELPS_NOT.search(text[:400]):
        return 0.15
    return 1.0 if len(text) < 400 else 0.6 if len(text) < 1000 else 0.3


def language_mismatch(prompt: str, response: str) -> float:
    """How sure it is that the response is in another language than the prompt, which does not speak of languages."""
    if NAMES_LANGUAGE.search(prompt) or is_code(response):
        return 0.0
    asked, given = language_of(prompt), language_of(response)
    if not asked or not given or asked == given:
        return 0.0
    # A script of its own is certain; languages that share the Latin letters are told apart by their small words.
    return 1.0 if not (asked.islower() and given.islower()) else 0.9


def _clipped(value: float) -> float:
    return float(min(1.0, max(0.0, value)))
