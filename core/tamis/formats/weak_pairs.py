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
from tamis.types import JSON

_WEAK = frozenset(("text", "content", "code", "query"))
# What the answer about a text is called, and how such names begin.
_ANSWERS = frozenset((
    "summary", "highlights", "tldr", "label", "labels", "label_text", "sentiment", "emotion", "intent", "gold", "gold_answer",
    "gold_label", "paraphrase", "translation", "correction", "verdict", "result", "reply", "rewrite", "headline",
))  # fmt: skip
_CHANGED = ("rewritten", "corrected", "fixed", "edited", "revised", "improved", "simplified", "translated", "summarized", "refactored")  # fmt: skip
_MAY_ANSWER = frozenset(("label", "category"))  # of the names that are about a row
_PLAYS_A_PART = frozenset((*SYSTEM, *CONTEXT, *HISTORY, *REASONING, *INSTRUCTION, *QUESTION, *PROMPT))
_ABOUT = frozenset((
    "title", "username", "user_name", "country", "version", "format", "audience", "style", "genre", "task", "metadata", "meta", "seed",
    "seed_data", "year", "month", "publisher", "journal", "doi", "isbn", "status", "origin", "provider", "annotator", "worker",
))  # fmt: skip
_ABOUT_ENDS = ("_name", "_title", "_type", "_source", "_lang", "_language", "_model", "_dataset", "_path", "_file", "_time", "_format", "_key", "_hash")  # fmt: skip


_LISTED = frozenset(("tags", "keywords", "topics", "categories", "urls", "references", "citations", "sources", "images", "annotations", "info", "extra"))  # fmt: skip


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
        if not others:
            return WeakPair(prompt, completion)
        named = [column for column in others if _is_answer(usual_spelling(column))]
        best = (named or others)[0]
        is_sure = len(named) == 1 and isinstance(columns[best], str)
        return WeakPair(prompt, best, completion, is_sure)
    return None


def _may_answer(columns: dict[str, JSON], taken: tuple[str, ...]) -> Iterator[str]:
    for column, value in columns.items():
        name = usual_spelling(column)
        if column in taken or is_refused(column) or name in _PLAYS_A_PART | _ABOUT:
            continue
        if name not in _MAY_ANSWER and (is_aside(column) or name.endswith(_ABOUT_ENDS)):
            continue
        # A label of yes or no says whether the answer is a good one.
        is_named = _is_answer(name) and value is not None and not isinstance(value, bool)
        is_text = isinstance(value, str) and bool(value.strip())
        if is_named or is_text or (name not in _LISTED and _holds_text(value)):
            yield column


def _holds_text(value: JSON) -> bool:
    """Whether a list or an object has a text somewhere in it."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds_text(one) or (isinstance(one, str) and bool(one.strip())) for one in inside)


def _is_answer(name: str) -> bool:
    return name in _ANSWERS or name.startswith(_CHANGED)
