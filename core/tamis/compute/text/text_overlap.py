"""How much a generated text shares with the wanted one: exact match, token F1, ROUGE-L, valid JSON."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence

# A word, or one character of a script that is written without spaces.
_TOKENS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
    "|[^\\W_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)


def words(text: str) -> list[str]:
    """Words of a text, casefolded and NFKC-normalised, punctuation left out; single characters where no spaces are."""
    return _TOKENS.findall(unicodedata.normalize("NFKC", text).casefold())


def exact_match(gold: str, generated: str) -> float:
    """1 when both have the same words in the same order, else 0; texts without words are compared as they are."""
    first, second = words(gold), words(generated)
    if not first and not second:
        return float(gold.strip() == generated.strip())
    return float(first == second)


def token_f1(gold: str, generated: str) -> float:
    """Harmonic mean of precision and recall of the bags of words, 0 to 1 (as SQuAD, 1606.05250, with articles kept)."""
    first, second = Counter(words(gold)), Counter(words(generated))
    shared = (first & second).total()
    return _f1(shared, first.total(), second.total())


def rouge_l(gold: str, generated: str) -> float:
    """ROUGE-L as F1: longest common subsequence of words over both lengths, 0 to 1 (Lin 2004, sentence level)."""
    first, second = words(gold), words(generated)
    return _f1(common_subsequence(first, second), len(first), len(second))


def common_subsequence(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence, by Hyyrö's bit-parallel recurrence (2004)."""
    places: dict[Hashable, int] = {}
    for i, item in enumerate(first):
        places[item] = places.get(item, 0) | (1 << i)
    everything = (1 << len(first)) - 1
    free = everything
    for item in second:
        matched = free & places.get(item, 0)
        free = ((free + matched) | (free - matched)) & everything
    return len(first) - free.bit_count()


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or array, with or without a Markdown fence around it."""
    bare = re.sub(r"\A```(?:json)?\s*\n(.*?)\n?```\Z", r"\1", text.strip(), flags=re.DOTALL)
    if not bare.startswith(("{", "[")):
        return False
    try:
        json.loads(bare)
    except (ValueError, RecursionError):
        return False
    return True


def _f1(shared: int, n_first: int, n_second: int) -> float:
    if not n_first and not n_second:
        return 1.0
    return 2.0 * shared / (n_first + n_second)
