"""Names of groups by a language model: what it is shown of a group, what is read of its reply, and names that differ."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tamis.compute.map.neighbors import NearestRows
from tamis.compute.text.judge_text import WARNING, fence_code, fenced
from tamis.compute.vectors import unit_rows
from tamis.types import Float32s

MOST_CHARACTERS, MOST_WORDS = 60, 10
AROUND = " \t*_`\"'“”‘’«»「」『』.。"
# What is the same for every group comes first, so that a local model reads it once.
QUESTION = """You name one group of a collection of instructions and their answers.
A good name is a noun phrase of two to six words: what the examples of this group have in common, and what tells it from the groups nearest to it.
Answer with the name alone, in the language of the examples."""
END = "The name of the group, two to six words:"

# What models write before a name, often in the words of the question.
_LABEL = re.compile(
    r"^\W*(?:the\s+)?(?:(?:group|cluster)s?(?:'s)?\s+)?names?(?:\s+(?:of|for)\s+(?:the|this)\s+(?:group|cluster)s?)?"
    r"(?:,\s*two to six words)?(?:\W*:|\s+(?:is|are)\b\W*:?)\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class GroupEvidence:
    """What a name is made from: keywords, texts from the middle of the group, and what the nearest other groups are about."""

    keywords: tuple[str, ...]
    exemplars: tuple[str, ...]
    siblings: tuple[str, ...]


def naming_prompt(group: GroupEvidence) -> str:
    """The question about one group; texts of rows stand between marks that they cannot close."""
    code = fence_code(*group.keywords, *group.exemplars, *group.siblings)
    parts = [QUESTION, WARNING.replace("{code}", code)]
    parts += [fenced("example", text, code) for text in group.exemplars]
    if group.keywords:
        parts.append(fenced("keywords", ", ".join(group.keywords), code))
    if group.siblings:
        parts.append(fenced("other groups", "\n".join(group.siblings), code))
    return "\n\n".join([*parts, END])


def parse_name(reply: str, asked: str = "") -> str:
    """The name that a reply gives: its first line without quotes, marks and a label; empty for none and for a whole sentence.

    More than MOST_WORDS words or MOST_CHARACTERS characters are no name, nor is what the question ``asked`` says itself of
    names and groups, nor what holds its code.
    """
    first = next((line for line in reply.strip().splitlines() if line.strip()), "")
    kept = "".join(" " if unicodedata.category(one) in ("Cc", "Cs", "Cf") else one for one in first)
    bare = re.sub(r"^[\s>#*\-•]+|^\d+[.)]\s+", "", kept)
    bare = " ".join(_LABEL.sub("", bare).strip(AROUND).split())
    few = len(bare) <= MOST_CHARACTERS and len(bare.split()) <= MOST_WORDS
    echoed = bare.casefold() in f"{QUESTION} {END}".casefold()
    code = re.search(r"The code is (\w{6})", asked)
    named = any(one.isalnum() for one in bare) and not (code and code[1] in bare)
    return bare if few and named and not echoed else ""


def distinct_names(names: Sequence[str], keywords: Sequence[Sequence[str]]) -> list[str]:
    """Names that differ: one that several groups have is followed by what each is about besides; what stays alike is empty.

    An empty name stays empty, and means that the group keeps the one made of its keywords.
    """
    often = Counter(name.casefold() for name in names if name)
    told = []
    for name, words in zip(names, keywords, strict=True):
        if often[name.casefold()] > 1:
            own = next((word for word in words if word.casefold() not in name.casefold()), "")
            told.append(f"{name} ({own})" if own else "")
        else:
            told.append(name)
    again = Counter(name.casefold() for name in told if name)
    return [name if again[name.casefold()] == 1 else "" for name in told]


def nearest_groups(centroids: Float32s, *, top: int) -> list[list[int]]:
    """The ``top`` groups nearest to each by cosine, nearest first, of centroids (k, d); fewer where there are fewer."""
    near, _ = NearestRows(unit_rows(centroids)).around_each(min(top + 1, len(centroids)))
    others: list[list[int]] = near[:, 1:].tolist()
    return others
