"""What says of each of several answers whether it is a right one: a mark of its own, or a list of marks beside the list of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tamis.formats.names import match_column, usual_spelling
from tamis.formats.polarity import BAD, GOOD, worth_of
from tamis.types import JSON

# Words of names that say that something is right, beside those that call it good.
_RIGHT = frozenset((
    "correctness", "verified", "verify", "verification", "valid", "solved", "pass", "passes", "selected", "success", "successful", "acceptable", "truthful",
    "label", "labels", "verdict", "verdicts",
))  # fmt: skip
_CHOSEN = frozenset(
    ("selected", "accepted", "chosen", "preferred", "best")
)  # of several at most one: without any there is none
_SAID = {
    "true": True, "correct": True, "right": True, "yes": True, "pass": True, "passed": True, "verified": True, "valid": True, "accepted": True,
    "false": False, "incorrect": False, "wrong": False, "no": False, "fail": False, "failed": False, "unverified": False, "invalid": False,
    "rejected": False,
}  # fmt: skip
_KEYS = ("answer_key", "answerkey", "correct_key")
_STEPS = "labels"  # TRL's stepwise supervision: a mark for each step of one completion
_STEPPED = "completions"


class Verdicts(NamedTuple):
    """For each answer whether it is right, and the column or key that says so."""

    are_right: tuple[bool, ...]
    said_by: str


def verdicts_of(answers: Sequence[JSON], beside: Mapping[str, JSON]) -> Verdicts | None:
    """Return the verdicts on answers by their own marks, else by the first list beside them that calls one right; None without any."""
    keys = dict.fromkeys(key for answer in answers if isinstance(answer, dict) for key in answer)
    found = [
        _verdicts(key, [answer.get(key) if isinstance(answer, dict) else None for answer in answers])
        for key in keys
        if _judges(key)
    ]
    found += [
        _verdicts(column, value)
        for column, value in beside.items()
        if isinstance(value, list) and value is not answers and len(value) == len(answers) and _judges(column)
    ]
    told = [one for one in found if one is not None]
    return next((one for one in told if any(one.are_right)), told[0] if told else None)


def keyed_answer(options: Mapping[str, JSON], beside: Mapping[str, JSON]) -> Verdicts | None:
    """Return which of some options is the one that a key beside them names by its label (``answerKey``), as ARC has them."""
    labels: list[JSON] = next(
        (options[name] for name in ("label", "labels") if isinstance(options.get(name), list)), []
    )
    column = match_column(dict(beside), *_KEYS)
    key = str(beside[column]).strip() if column else ""
    if not key or key not in map(str, labels):
        return None
    return Verdicts(tuple(str(label) == key for label in labels), str(column))


def steps_beside(column: str, value: JSON, beside: Mapping[str, JSON]) -> list[bool] | None:
    """Return the marks of texts that are the steps of one completion, as TRL's stepwise supervision has them; None for answers."""
    if usual_spelling(column) != _STEPPED or not isinstance(value, list):
        return None
    marks = next((marks for name, marks in beside.items() if usual_spelling(name) == _STEPS), None)
    are_steps = isinstance(marks, list) and len(marks) == len(value) > 0
    if not are_steps or not isinstance(marks, list) or not all(isinstance(text, str) for text in value):
        return None
    return marks if all(isinstance(mark, bool) for mark in marks) else None


def _judges(name: str) -> bool:
    words = set(usual_spelling(name).split("_"))
    return worth_of(name) in (GOOD, BAD) or not words.isdisjoint(_RIGHT)


def _verdicts(name: str, values: Sequence[JSON]) -> Verdicts | None:
    """The verdicts that values are; None where one of them is something else, or all are missing."""
    said = [_said(value) for value in values]
    if any(one is None and value is not None for one, value in zip(said, values, strict=True)):
        return None
    if all(one is None for one in said):
        return None
    against = worth_of(name) == BAD
    are_right = tuple(one is not None and one != against for one in said)
    is_choice = not _CHOSEN.isdisjoint(usual_spelling(name).split("_"))
    return None if is_choice and not any(are_right) else Verdicts(are_right, name)


def _said(value: JSON) -> bool | None:
    if isinstance(value, str):
        return _SAID.get(value.strip().lower())
    return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None
