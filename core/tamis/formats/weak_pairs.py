"""Prompt and response under names of which the second may as well be a text that is asked about: text, content, code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tamis.formats.asides import is_aside
from tamis.formats.names import (
    CONTEXT,
    HISTORY,
    INSTRUCTION,
    PAIRS,
    PROMPT,
    QUESTION,
    REASONING,
    SYSTEM,
    is_refused,
    match_column,
    usual_spelling,
)
from tamis.models.row_marks import CLASSES, MARKS
from tamis.types import JSON

_WEAK = frozenset(("text", "content", "code", "query"))
# What the answer about a text is called, and how such names begin.
_ANSWERS = frozenset((
    "summary", "highlights", "tldr", "label", "labels", "label_text", "sentiment", "emotion", "intent", "gold", "gold_answer",
    "gold_label", "paraphrase", "translation", "correction", "verdict", "result", "reply", "rewrite", "headline",
))  # fmt: skip
_CHANGED = ("rewritten", "corrected", "fixed", "edited", "revised", "improved", "simplified", "translated", "summarized", "refactored")  # fmt: skip
_MAY_ANSWER = frozenset(
    ("label", "category", "score", "level", "type", "subject", "difficulty", "domain")
)  # of the names that are about a row
_PLAYS_A_PART = frozenset((*SYSTEM, *CONTEXT, *HISTORY, *REASONING, *INSTRUCTION, *QUESTION, *PROMPT))
_ABOUT = frozenset((
    "title", "username", "user_name", "country", "version", "format", "audience", "style", "genre", "task", "metadata", "meta", "seed",
    "seed_data", "year", "month", "publisher", "journal", "doi", "isbn", "status", "origin", "provider", "annotator", "worker",
))  # fmt: skip
_ABOUT_ENDS = ("_name", "_title", "_type", "_source", "_lang", "_language", "_model", "_dataset", "_path", "_file", "_time", "_format", "_key", "_hash")  # fmt: skip


_LISTED = frozenset(("tags", "keywords", "topics", "categories", "urls", "references", "citations", "sources", "images", "annotations", "info", "extra"))  # fmt: skip


_COUNTS = frozenset((
    "n", "num", "count", "counts", "number", "length", "len", "size", "tokens", "token", "words", "chars", "characters", "bytes", "lines", "fold", "seed",
    "row", "idx", "int", "votes", "upvotes", "downvotes", "likes", "views", "downloads", "forks",
))  # fmt: skip
_SHARES = frozenset((
    "quality", "score", "scores", "reward", "perplexity", "ppl", "loss", "prob", "probability", "confidence", "similarity", "weight", "temperature", "cost",
    "price", "latency",
))  # fmt: skip


class WeakPair(NamedTuple):
    """Columns of a prompt and a response, of a text that belongs to the prompt, and whether they are meant for sure."""

    prompt: str
    completion: str
    context: str = ""
    is_sure: bool = True


def weak_pair(columns: dict[str, JSON]) -> WeakPair | None:
    """Return the first pair of names that only together say something.

    A text, content or code is the response only where no other column may hold one; where one is named an answer, that is
    the response and the text belongs to the prompt.
    """
    question = match_column(columns, *QUESTION, *INSTRUCTION)
    for said, replied in PAIRS:
        prompt, completion = match_column(columns, said), match_column(columns, replied)
        if not (prompt and completion and question in (None, prompt)):
            continue
        if replied not in _WEAK:
            return WeakPair(prompt, completion)
        others = list(_may_answer(columns, (prompt, completion)))
        if match_column(columns, *REASONING):  # what was thought of is no number
            others = [column for column in others if not isinstance(columns[column], int | float)]
        if not others:
            return WeakPair(prompt, completion)
        named = [column for column in others if _is_answer(usual_spelling(column))]
        best = (named or others)[0]
        is_sure = len(named) == 1 and isinstance(columns[best], str)
        return WeakPair(prompt, best, completion, is_sure)
    return None


def describes_row(column: str) -> bool:
    """Whether a name says that its text is about a row: its title, its model, its type."""
    name = usual_spelling(column)
    return name in _ABOUT or name.endswith(_ABOUT_ENDS) or name.startswith("model_")


def _may_answer(columns: dict[str, JSON], taken: tuple[str, ...]) -> Iterator[str]:
    for column, value in columns.items():
        name = usual_spelling(column)
        if column in taken or is_refused(column) or name in _PLAYS_A_PART | _ABOUT:
            continue
        if name not in _MAY_ANSWER and (is_aside(column) or name.endswith(_ABOUT_ENDS)):
            continue
        # A label of yes or no says whether the answer is a good one; any other number or switch may be what is asked for.
        is_label = name in ("label", "labels") and isinstance(value, bool)
        is_counted = isinstance(value, bool | int | float) and not _is_measured(name, value)
        is_text = isinstance(value, str) and bool(value.strip())
        if not is_label and (is_counted or is_text or (name not in _LISTED and _holds_text(value))):
            yield column


def _is_measured(name: str, value: bool | int | float) -> bool:
    """Whether a number was measured of the row or of its text by its name: a count, a score with a fraction."""
    if name in MARKS and name not in CLASSES:
        return True
    words = set(name.split("_"))
    is_share = isinstance(value, float) and not value.is_integer() and not _SHARES.isdisjoint(words)
    return not isinstance(value, bool) and (is_share or not _COUNTS.isdisjoint(words))


def _holds_text(value: JSON) -> bool:
    """Whether a list or an object has a text somewhere in it."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds_text(one) or (isinstance(one, str) and bool(one.strip())) for one in inside)


def _is_answer(name: str) -> bool:
    return name in _ANSWERS or name.startswith(_CHANGED)
