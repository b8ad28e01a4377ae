"""What a search has found, row by row: ranked, with the words around the first hit and every hit marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.read_rows import Scope, read_rows
from tamis.store.rows.hits import Part, count_hits, cut_at_hits, hit_patterns
from tamis.types import Int64s

__all__ = ["Part", "SearchResult", "hits_of", "looks_for_words", "results_of", "without_clusters"]

SNIPPET_CHARS, CHARS_BEFORE = 200, 60


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A row, the column that its snippet is of, and the snippet in pieces, each with whether it is a hit."""

    row: int
    column: str
    parts: tuple[Part, ...]


def looks_for_words(scope: Scope) -> bool:
    """Whether a filter asks for words or a pattern in texts."""
    return bool(hit_patterns(scope))


def without_clusters(scope: Scope) -> Scope:
    """What is searched for, whichever clusters are looked at: by its hits the clusters are ordered."""
    return scope.without("cluster")


def hits_of(context: DatasetContext, scope: Scope, rows: Int64s) -> Int64s:
    """How often what the filter looks for stands in each of these rows; zeros where it looks for no words."""
    patterns = hit_patterns(scope)
    return count_hits(context.view, patterns)[rows] if patterns else np.zeros(len(rows), dtype=np.int64)


def results_of(context: DatasetContext, scope: Scope, rows: Int64s) -> list[SearchResult]:
    """A snippet for each of these rows, in their order: around the first hit, prompts before responses; else how it begins."""
    if not len(rows):
        return []
    patterns = hit_patterns(scope)
    cut = {column: cut_at_hits(context.view, rows, column, patterns[column]) for column in patterns}
    prompts = (
        [] if cut else [str(one or "") for one in read_rows(context, rows, ["prompt"])["prompt"].to_pylist()]
    )
    found = []
    for at, row in enumerate(rows.tolist()):
        texts = {column: pieces[at] for column, pieces in cut.items()} or {"prompt": [(prompts[at], False)]}
        first = next(iter(texts))
        column = next((name for name, pieces in texts.items() if any(hit for _, hit in pieces)), first)
        found.append(SearchResult(int(row), column, _snippet(texts[column])))
    return found


def _snippet(pieces: list[Part]) -> tuple[Part, ...]:
    """At most SNIPPET_CHARS characters, the first hit among them, white space folded."""
    at = next((number for number, (_, hit) in enumerate(pieces) if hit), None)
    before = " ".join("".join(text for text, _ in pieces[:at])[-4 * CHARS_BEFORE :].split()) if at else ""
    cut = len(before) > CHARS_BEFORE
    parts: list[Part] = []
    if at is not None and before:
        shown = before[-CHARS_BEFORE:].partition(" ")[2] if cut else before
        gap = " " if pieces[at - 1][0][-1:].isspace() else ""
        parts.append((("… " if cut else "") + shown + gap, False))
    left = SNIPPET_CHARS - sum(len(text) for text, _ in parts)
    for text, hit in pieces[at or 0 :]:
        flat = _fold(text[: 4 * SNIPPET_CHARS])
        parts.append((flat if len(flat) <= left else flat[: max(0, left - 1)].rstrip() + "…", hit))
        left -= len(flat)
        if left <= 0:
            break
    return tuple(parts)


def _fold(text: str) -> str:
    """White space as one blank each, also at both ends: a hit stands in the middle of a sentence."""
    inner = " ".join(text.split())
    if not inner:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + inner + (" " if text[-1].isspace() else "")
