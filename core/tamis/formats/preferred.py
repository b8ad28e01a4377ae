"""Answers side by side and a column that says which of them was preferred.

A text names the answer (a, model_b, first) or its column. What a number means differs from file to file: counted from 0, counted
from 1, or a strength whose sign counts. Which it is is read from all sampled values of the column and from the names of the
answers' columns; where both allow more than one reading, none is taken. A sign is read only under the names of NVIDIA's
HelpSteer, which says that below 0 the first answer is the better one: others write the opposite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tamis.errors import InvalidRecord
from tamis.formats.names import match_column, usual_spelling
from tamis.types import JSON

_WORDS_WANTED = "; if that names one, import again with the mapping scale=WORD,WORD, the word for each of them in their order"
UNKNOWN = ("unknown",)  # the scale of numbers that may be read in more than one way
SIGN = ("-", "+")
_STEMS = ("response", "answer", "completion", "output", "conversation", "human_ref", "messages", "generation", "candidate")  # fmt: skip
_ENDS = ("0123456789", "123456789", "abcdefgh")
_SIDE = re.compile(r"(.+?)_?([0-9]|[a-h])")
# The columns that may name the better answer.
CHOICES = (
    "better_response_id", "winner", "preference", "preferred", "choice", "chosen", "better", "better_id",
    "human_preference", "overall_preference", "preference_strength", "better_response", "better_answer", "chosen_index", "chosen_idx",
    "preferred_index", "best", "best_response", "best_index", "correct", "correct_answer_id", "correct_index", "correct_idx", "correct_option",
    "answer_idx", "answer_index", "labels", "label",
)  # fmt: skip
# Called an answer, and beside several answers perhaps only the name of one of them.
_MAY_CHOOSE = ("answer", "correct_answer", "right_answer", "gold", "gold_answer", "target", "solution")
# Called what is correct, which of letters may be the answer to a question with options, too.
_MAY_BE_GOLD = tuple(name for name in CHOICES if name.startswith(("correct", "answer", "label")))
_LETTERS = frozenset("abcdefgh")
_WORDS = {"left": 0, "first": 0, "right": 1, "second": 1, "third": 2, "fourth": 3}
_NAMING = frozenset(("", *_STEMS, "model", "assistant", "option", "choice", "side", "system", "chatbot", "text", "reply", "the"))  # fmt: skip
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_PLACES = ("_id", "_idx", "_index")  # ends of a choice's name that says a place
_STRENGTHS = ("preference_strength", "overall_preference")
_OF_NONE = ("tie", "both", "neither", "none", "equal", "same", "draw", "unknown", "nan", "skip")
_LONGEST = 40  # characters of a text that names one


class Sides(NamedTuple):
    """The columns of two or more answers, in their order, and of the choice between them."""

    answers: tuple[str, ...]
    choice: str


def match_sides(columns: dict[str, JSON], given: str = "") -> Sides | None:
    """Return the columns of the answers and of the choice between them, which may be ``given``, or None."""
    choice = given or match_column(columns, *CHOICES)
    answers = match_answers({column: value for column, value in columns.items() if column != choice})
    chooses = choice or _chooses(columns, answers)
    return Sides(answers, chooses) if answers and chooses else None


def match_answers(columns: dict[str, JSON]) -> tuple[str, ...]:
    """Return the columns of two or more answers side by side, in their order; none where there are none."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for column, value in columns.items():
        stem, end = side_named(column)
        if stem in _STEMS and value not in (None, "", []):
            found.setdefault((stem, column.rpartition(".")[0]), {}).setdefault(end, column)
    for _, sides in sorted(found.items(), key=lambda item: _STEMS.index(item[0][0])):
        for ends in _ENDS:
            n = next((n for n, end in enumerate(ends) if end not in sides), len(ends))
            if n > 1:
                return tuple(sides[end] for end in ends[:n])
    return ()


def names_sides(values: Sequence[JSON], columns: dict[str, JSON]) -> bool:
    """Whether every value only says which of several answers side by side is meant: a letter, a number, the name of a column."""
    said = [value for value in values if value not in (None, "")]
    answers = match_answers(columns) if said else ()
    return bool(answers) and all(
        _named_side(value, answers) is not None or number_said(value) is not None for value in said
    )


def may_be_answer(choice: str, values: Sequence[JSON], answers: Sequence[str]) -> bool:
    """Whether what a column of choices says may be the answers themselves: it is called an answer, or says what is correct in
    letters, which may be those of options in the question, unless the answers side by side are these options.
    """
    name = usual_spelling(choice)
    if name in _MAY_CHOOSE:
        return True
    are_options = side_named(answers[0])[0] in ("answer", "option") if answers else True
    letters = (isinstance(one, str) and usual_spelling(one.strip(" .:()[]")) in _LETTERS for one in values)
    return name in _MAY_BE_GOLD and not are_options and any(letters)


def side_named(column: str) -> tuple[str, str]:
    """What an answer's column is called and which one it is: ``response`` and ``b`` of ``response_b`` and of ``right_response``."""
    name = usual_spelling(column)
    head, _, last = name.rpartition("_")
    for stem, word in ((last, head), (head, last)):
        if stem and word in ("left", "right"):
            return stem, "ab"[_WORDS[word]]
    named = _SIDE.fullmatch(name)
    return (named[1], named[2]) if named else ("", "")


def _chooses(columns: dict[str, JSON], answers: tuple[str, ...]) -> str | None:
    """A column called an answer whose value only says which of ``answers`` is: a letter, a number, the name of a column."""
    column = match_column(
        {name: value for name, value in columns.items() if name not in answers}, *_MAY_CHOOSE
    )
    value = columns[column] if column else None
    names_one = number_said(value) is not None or _named_side(value, answers) is not None
    return column if column and names_one and len(str(value)) <= _LONGEST else None


def scale_of(values: Iterable[JSON], choice: str, answers: Sequence[str]) -> tuple[str, ...]:
    """Return which number names each of the answers by all sampled values: ``("0", "1")``, ``("-", "+")``.

    Empty where no value is a number, ``UNKNOWN`` where the numbers may be read in more than one way. Stanford's human
    preferences say 1 for the first.
    """
    unnamed = [value for value in values if _named_side(value, answers) is None]
    said = [number_said(value) for value in unnamed]
    is_bare = any(_is_number(value) for value in unnamed)
    seen = {number for number in said if number is not None}
    if not seen:
        return ()
    if usual_spelling(answers[0]) == "human_ref_a":
        return ("1", "0")
    name, n = usual_spelling(choice), len(answers)
    if n == 2 and name in _STRENGTHS:
        return _signed(seen)
    if n == 2 and min(seen) < 0:
        return UNKNOWN
    seen = {number for number in seen if number >= 0}  # below 0 stands for none of many
    named = _first_number(answers)
    if n == 2 and named == 1 and seen <= {0.0, 1.0} and not name.endswith(_PLACES) and is_bare:
        return (
            UNKNOWN  # 1 is the first by its name, the second counted from 0, or says that the first one won
        )
    first = _counted(seen, name, n, named) if all(map(float.is_integer, seen)) else None
    return UNKNOWN if first is None else tuple(str(first + i) for i in range(n))


def _is_number(choice: JSON) -> bool:
    """Whether a choice is a number by itself, without a name before it."""
    return not isinstance(choice, str) or _NUMBER.fullmatch(choice.strip()) is not None


def _signed(seen: set[float]) -> tuple[str, ...]:
    """The scale of strengths, unless the numbers may be places."""
    return SIGN if min(seen) < 0 or max(seen) > 2 or seen == {2.0} else UNKNOWN


def how_numbered(choice: JSON, answers: Sequence[str], scale: Sequence[str]) -> str:
    """By which reading a number named one of two answers, as notes call it; empty where it can only mean one of them."""
    if len(answers) > 2 or tuple(scale) != ("0", "1") or _first_number(answers) is not None:
        return ""
    return "from-0" if _named_side(choice, answers) is None and number_said(choice) is not None else ""


def _counted(seen: set[float], name: str, n: int, named: int | None) -> int | None:
    """The number of the first of ``n`` answers, of which ``named`` is the one in its column's name; None where it is unclear."""
    if not seen:
        return None
    low, high = min(seen), max(seen)
    if named is not None and name.endswith(_PLACES) and low >= named:
        return named
    if high > n:
        return None  # a scale with steps between
    if low == 0 and high < n:
        # Counted from 0, or from 1 with 0 for none: only the last number tells.
        return 0 if named != 1 or high == n - 1 else None
    if low > 0 and high == n:
        return 1
    return named


def preferred_side(choice: JSON, answers: Sequence[str], scale: Sequence[str] = ()) -> int:
    """Return the place of the preferred answer; raises InvalidRecord for none and for a number of unknown meaning.

    Without a ``scale`` a number is that at the end of a column's name, of letters 0 is the first.
    """
    if isinstance(choice, str) and choice.strip() in scale and tuple(scale) != UNKNOWN:
        return list(scale).index(choice.strip())  # the words that a person explained, and numbers as text
    side = _named_side(choice, answers)
    number = None if side is not None else number_said(choice)
    if number is not None and tuple(scale) == UNKNOWN:
        raise InvalidRecord(
            f"the choice {choice!r} may mean more than one of {', '.join(map(repr, answers))}; import again with the mapping "
            "scale=0,1, scale=1,0 or scale=1,2, which says the number of each of them in their order, of signs scale=-,+ or scale=+,-"
        )
    if number is not None:
        side = _side_of(number, answers, scale)
    if side is None:
        between = " and ".join(filter(None, (", ".join(map(repr, answers[:-1])), repr(answers[-1]))))
        told = f"no answer was preferred; the choice between {between} is {choice!r}"
        raise InvalidRecord(told + (_WORDS_WANTED if _may_name(choice) else ""))
    return side


def _may_name(choice: JSON) -> bool:
    """Whether a text may name an answer in words of its own."""
    text = choice.strip().lower() if isinstance(choice, str) else ""
    return 0 < len(text) <= _LONGEST and not any(word in text for word in _OF_NONE)


def _side_of(number: float, answers: Sequence[str], scale: Sequence[str]) -> int | None:
    if not scale:
        first = _first_number(answers)
        scale = SIGN if number < 0 else [str((first or 0) + i) for i in range(len(answers))]
    name = ("-" if number < 0 else "+" if number > 0 else "") if set(scale) == set(SIGN) else f"{number:g}"
    return scale.index(name) if name in scale[: len(answers)] else None


def _named_side(choice: JSON, answers: Sequence[str]) -> int | None:
    """The place of the answer that a text names by its column, a letter or a word."""
    if not isinstance(choice, str) or len(choice) > _LONGEST or _NUMBER.fullmatch(choice.strip()):
        return None
    name = usual_spelling(choice.strip(" .:()[]"))
    columns = [usual_spelling(column).replace("_", "") for column in answers]
    if name.replace("_", "") in columns:
        return columns.index(name.replace("_", ""))
    head, _, last = name.rpartition("_")
    if not head and (joined := _SIDE.fullmatch(name)) and joined[1] in _NAMING:
        head, last = joined[1], joined[2]
    if head not in _NAMING:
        return None
    side = _ENDS[2].index(last) if len(last) == 1 and last in _ENDS[2] else _WORDS.get(last, -1)
    return side if 0 <= side < len(answers) else None


def number_said(choice: JSON) -> float | None:
    """The number that a choice is, or ends with behind a name: 2 of ``model_2``; yes and no are none."""
    if isinstance(choice, int | float) and not isinstance(choice, bool):
        return float(choice) if math.isfinite(choice) else None
    if not isinstance(choice, str) or len(choice) > _LONGEST:
        return None
    if _NUMBER.fullmatch(choice.strip()):
        return float(choice)
    named = _SIDE.fullmatch(usual_spelling(choice))
    return float(named[2]) if named and named[1] in _NAMING and named[2].isdigit() else None


def _first_number(answers: Sequence[str]) -> int | None:
    """The number at the end of the first answer's name; None for letters."""
    end = usual_spelling(answers[0])[-1:]
    return int(end) if end.isascii() and end.isdigit() else None
