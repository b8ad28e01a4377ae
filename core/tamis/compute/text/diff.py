"""Word-level difference of two texts, in time that grows with their length and not with its square."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["kept", "removed", "added"]
Block: TypeAlias = tuple[
    int, int, int
]  # where a run of equal tokens starts in the old and the new text, and its length

# A word, a run of white space, or any other single character; scripts without spaces go by character.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+|\s+|.", re.DOTALL)  # fmt: skip
_HAS_WORD = re.compile(r"\w")
SMALL_PAIR = 20_000  # pairs of tokens that are compared exhaustively
ANCHOR_TOKENS = (1, 3)  # lengths of the runs that, found once in both texts, hold them together
MAX_DEPTH = 12


class Part(NamedTuple):
    """A piece of text that both share, or that only the old (removed) or the new one (added) has."""

    kind: Kind
    text: str


def diff_words(old: str, new: str) -> tuple[Part, ...]:
    """The parts in reading order, what was removed before what was added in its place.

    Kept and removed parts join to ``old``, kept and added ones to ``new``; no part is empty and no two neighbours are
    of one kind. Passages without anything that holds them together (longer than SMALL_PAIR pairs, no run of words
    that is found once in both) are shown as replaced. Time is about linear: 0.2 s for two texts of 100,000 characters.
    """
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    numbers: dict[str, int] = {}
    a = [numbers.setdefault(token, len(numbers)) for token in before]
    b = [numbers.setdefault(token, len(numbers)) for token in after]
    parts: list[Part] = []
    i = j = 0
    for start_a, start_b, length in [*_blocks(a, b, (0, 0), 0), (len(a), len(b), 0)]:
        _append(parts, "removed", "".join(before[i:start_a]))
        _append(parts, "added", "".join(after[j:start_b]))
        i, j = start_a + length, start_b + length
        _append(parts, "kept", "".join(before[start_a:i]))
    return _without_islands(parts)


def changed_fraction(parts: Sequence[Part]) -> float:
    """Share of all characters, of both texts together, that are removed or added; 0 for equal texts."""
    changed = sum(len(part.text) for part in parts if part.kind != "kept")
    total = changed + 2 * sum(len(part.text) for part in parts if part.kind == "kept")
    return changed / total if total else 0.0


def _blocks(a: Sequence[int], b: Sequence[int], at: tuple[int, int], depth: int) -> list[Block]:
    """Runs of equal tokens in order; ``at`` is where ``a`` and ``b`` start in the whole texts."""
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    inner_a, inner_b = a[head : len(a) - tail], b[head : len(b) - tail]
    blocks: list[Block] = [(at[0], at[1], head)] if head else []
    if inner_a and inner_b:
        blocks += _inner(inner_a, inner_b, (at[0] + head, at[1] + head), depth)
    if tail:
        blocks.append((at[0] + len(a) - tail, at[1] + len(b) - tail, tail))
    return blocks


def _inner(a: Sequence[int], b: Sequence[int], at: tuple[int, int], depth: int) -> list[Block]:
    if len(a) * len(b) <= SMALL_PAIR:
        matcher = SequenceMatcher(None, a, b, autojunk=False)
        return [(at[0] + m.a, at[1] + m.b, m.size) for m in matcher.get_matching_blocks() if m.size]
    if depth == MAX_DEPTH:
        return []
    blocks: list[Block] = []
    i = j = 0
    for start_a, start_b, length in [*_anchors(a, b), (len(a), len(b), 0)]:
        if start_a < i or start_b < j:
            continue  # overlaps the run before
        if (i, j) != (0, 0) or length:
            blocks += _blocks(a[i:start_a], b[j:start_b], (at[0] + i, at[1] + j), depth + 1)
        if length:
            blocks.append((at[0] + start_a, at[1] + start_b, length))
        i, j = start_a + length, start_b + length
    return blocks


def _anchors(a: Sequence[int], b: Sequence[int]) -> list[Block]:
    """Runs found once in each text that stand in the same order in both; none when there is no such run."""
    for length in ANCHOR_TOKENS:
        places_a, places_b = _unique(a, length), _unique(b, length)
        pairs = [(i, places_b[run]) for run, i in places_a.items() if run in places_b]
        if pairs:
            return [(i, j, length) for i, j in _rising(pairs)]
    return []


def _unique(tokens: Sequence[int], length: int) -> dict[Hashable, int]:
    """Runs of ``length`` tokens that occur once, with their place, in order."""
    runs = [tuple(tokens[i : i + length]) for i in range(len(tokens) - length + 1)]
    counts = Counter(runs)
    return {run: i for i, run in enumerate(runs) if counts[run] == 1}


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest choice of pairs, given by rising first number, whose second numbers rise too (patience sorting)."""
    tops: list[int] = []
    piles: list[int] = []  # index of the pair on top of each pile
    below: list[int] = []
    for index, (_, j) in enumerate(pairs):
        pile = bisect_left(tops, j)
        below.append(piles[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(j)
            piles.append(index)
        else:
            tops[pile], piles[pile] = j, index
    chosen: list[tuple[int, int]] = []
    index = piles[-1] if piles else -1
    while index >= 0:
        chosen.append(pairs[index])
        index = below[index]
    return chosen[::-1]


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Number of equal tokens at the start."""
    for number, (one, other) in enumerate(zip(a, b, strict=False)):
        if one != other:
            return number
    return min(len(a), len(b))


def _append(parts: list[Part], kind: Kind, text: str) -> None:
    if not text:
        return
    if parts and parts[-1].kind == kind:
        parts[-1] = Part(kind, parts[-1].text + text)
    else:
        parts.append(Part(kind, text))


def _without_islands(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Spaces and marks that only happen to stand between two changes change with them: that is easier to read."""
    merged: list[Part] = []
    removed, added = "", ""
    for number, part in enumerate(parts):
        is_island = (
            part.kind == "kept"
            and 0 < number < len(parts) - 1
            and not _HAS_WORD.search(part.text)
            and "\n" not in part.text
        )
        if part.kind == "kept" and not is_island:
            _append(merged, "removed", removed)
            _append(merged, "added", added)
            merged.append(part)
            removed, added = "", ""
        else:
            removed += "" if part.kind == "added" else part.text
            added += "" if part.kind == "removed" else part.text
    _append(merged, "removed", removed)
    _append(merged, "added", added)
    return tuple(merged)
