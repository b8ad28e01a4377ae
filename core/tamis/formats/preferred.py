"""Two answers side by side and a column that says which of them was preferred."""

from __future__ import annotations

from tamis.errors import InvalidRecord
from tamis.formats.names import match_column
from tamis.types import JSON

# The answers, then the columns that may name the better one.
_SIDES = (
    ("response_0", "response_1"), ("response_a", "response_b"), ("answer_a", "answer_b"), ("answer_0", "answer_1"),
    ("completion_a", "completion_b"), ("output_1", "output_2"), ("output_a", "output_b"), ("response_1", "response_2"),
    ("answer_1", "answer_2"), ("conversation_a", "conversation_b"), ("human_ref_a", "human_ref_b"),
    ("messages_a", "messages_b"), ("response1", "response2"), ("answer1", "answer2"), ("output1", "output2"),
)  # fmt: skip
_CHOICES = (
    "better_response_id", "winner", "preference", "preferred", "choice", "chosen", "better", "better_id",
    "human_preference", "overall_preference", "preference_strength", "labels", "label",
)  # fmt: skip
_FIRST, _SECOND = frozenset(("a", "left", "first")), frozenset(("b", "right", "second"))


def match_sides(columns: dict[str, JSON]) -> tuple[str, str, str] | None:
    """Return the columns of two answers and of the choice between them, or None."""
    for one, other in _SIDES:
        first, second = match_column(columns, one), match_column(columns, other)
        if first and second and (choice := match_column(columns, *_CHOICES)):
            return first, second, choice
    return None


def second_is_better(choice: JSON, columns: tuple[str, str]) -> bool:
    """Tell from the choice between two columns whether the second was preferred; raises InvalidRecord for neither.

    A text names the side (a, model_b, first) or the column. A number is the number at the end of a column's name;
    of strengths the sign counts, below 0 for the first; the labels of Stanford's human preferences are 1 for the first.
    """
    first, second = (column.lower() for column in columns)
    if isinstance(choice, str) and not choice.strip().lstrip("-").isdecimal():
        name = choice.strip().lower()
        last = name.rpartition("_")[2]
        if name in (first, second):
            return name == second
        if last in _FIRST | _SECOND:
            return last in _SECOND
    else:
        side = _by_number(choice, first, second)
        if side is not None:
            return side
    raise InvalidRecord(
        f"no answer was preferred; the choice between {columns[0]!r} and {columns[1]!r} is {choice!r}"
    )


def _by_number(choice: JSON, first: str, second: str) -> bool | None:
    try:
        number = int(choice)
    except (TypeError, ValueError):
        return None
    if first.endswith("ref_a"):
        return {1: False, 0: True}.get(number)
    ends = (first.rpartition("_")[2], second.rpartition("_")[2])
    if number < 0:
        return False
    if str(number) in ends:
        return str(number) == ends[1]
    return {0: False, 1: True}.get(number) if ends == ("a", "b") else number > 0 or None
