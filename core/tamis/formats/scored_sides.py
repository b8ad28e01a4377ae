"""Answers side by side with a number beside each: ``score_0`` of ``answer_0``, ``winner_model_a`` of ``response_a``.

The highest number is that of the better answer. Equal ones, as those of a tie, prefer none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tamis.errors import InvalidRecord
from tamis.formats.preferred import match_answers, side_named
from tamis.types import JSON

# What such a number is called, without the end that names the answer.
_SCORES = (
    "winner_model", "winner", "wins", "won", "is_winner", "is_better", "preferred", "is_preferred", "score", "overall_score", "rating", "reward", "votes",
    "upvotes",
)  # fmt: skip


def match_scores(columns: dict[str, JSON]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the columns of answers side by side and those of their numbers, or None where not each answer has one."""
    answers = match_answers(columns)
    ends = [side_named(column)[1] for column in answers]
    numbers = {side_named(column): column for column, value in columns.items() if _number(value) is not None}
    for name in _SCORES:
        found = tuple(numbers[name, end] for end in ends if (name, end) in numbers)
        if answers and len(found) == len(answers):
            return answers, found
    return None


def scored_side(values: Sequence[JSON], answers: Sequence[str]) -> int:
    """Return the place of the answer with the highest number; raises InvalidRecord for a tie and for what is no number."""
    numbers = [number for value in values if (number := _number(value)) is not None]
    if len(numbers) < len(answers):
        raise InvalidRecord(
            f"no answer was preferred; the scores of {', '.join(map(repr, answers))} are not all numbers"
        )
    best = max(numbers)
    if numbers.count(best) > 1:
        raise InvalidRecord(
            f"no answer was preferred; the scores of {', '.join(map(repr, answers))} are equal"
        )
    return numbers.index(best)


def _number(value: JSON) -> float | None:
    try:
        number = float(value) if isinstance(value, bool | int | float | str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
