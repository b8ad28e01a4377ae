"""What reading a record did to its fields, for the notes of an import and of what is shown before one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tamis.formats.annotations import LABELLED, are_annotations
from tamis.formats.answers import n_answers
from tamis.formats.beside import OF_TURNS, note_beside, note_within, watched
from tamis.formats.channels import THOUGHT
from tamis.formats.conversation import SHAPE
from tamis.formats.exchanges import left_in_exchanges
from tamis.formats.format import Record
from tamis.formats.marked_texts import unread_marks
from tamis.formats.names import match_column, usual_spelling
from tamis.formats.notes import Notes
from tamis.formats.polarity import BAD, GOOD, worth_of
from tamis.formats.preferred import CHOICES, number_said
from tamis.formats.stored_form import value_at
from tamis.models.row_marks import COUNTED, is_counted, row_factor
from tamis.models.told_thoughts import unlearned_thoughts
from tamis.types import JSON, Example

_ANNOTATED = frozenset(LABELLED)
_COUNTED = frozenset(COUNTED)
# Words of names that judge an answer, those of them whose no is against it, and the words of a judgement that is.
_PASSED = frozenset(
    (
        "valid",
        "verified",
        "helpful",
        "acceptable",
        "passes",
        "pass",
        "thumbs",
        "up",
        "honest",
        "harmless",
        "truthful",
        "solved",
    )
)
_JUDGING = (
    _PASSED
    | _COUNTED
    | {
        "type",
        "verdict",
        "judgment",
        "judgement",
        "status",
        "quality",
        "rating",
        "grade",
        "feedback",
        "annotation",
    }
)
_AGAINST = frozenset((
    "rejected", "reject", "bad", "incorrect", "wrong", "unsafe", "fail", "failed", "thumbs_down", "thumbs down", "down", "dislike", "not helpful", "unacceptable",
))  # fmt: skip
_LONGEST_VERDICT = 16  # characters
_ROLE_AND_CONTENT = 2  # keys of most turns
_PLAIN = {"format", "input_chars"}  # of a prompt with an input behind it
_LISTED = {
    "set_aside": "set-aside",
    "again": "again",
    "in_words": "in-words",
    "unjoined": "unjoined",
    "unread": "no-text",
    "others": "answers-beside",
    "none_right": "none-right",
    "steps": "steps",
    "wrong_steps": "wrong-step",
}


def note_shape(record: Record, examples: Sequence[Example], notes: Notes) -> None:
    """Count the fields that were put into words, moved or set aside, and the answers that stand beside others."""
    if SHAPE in record:
        notes[SHAPE, "own-name"] += 1
    if not examples:
        return
    meta = examples[0].meta
    if meta:
        _note_columns(examples[0], notes)
    _note_marks(record, examples[0], notes)
    messages = examples[0].messages
    ends = max(len(messages[0]), len(messages[-1]))
    if (ends if len(messages) == 2 else max(map(len, messages))) > _ROLE_AND_CONTENT:
        for turn in messages:
            note_within(turn, notes, OF_TURNS)
            for key in unlearned_thoughts(turn):
                notes[_source_of(key, meta), "thoughts-twice"] += 1
    shape = meta.get(SHAPE)
    is_plain = shape is None or (type(shape) is dict and shape.keys() == _PLAIN)
    if not (is_plain and _ANNOTATED.isdisjoint(meta)):  # as it is for most rows of most files
        _note_fields(record, meta, shape if isinstance(shape, dict) else {}, notes)


def _source_of(key: str, meta: Record) -> str:
    """The column whose thoughts a turn has under a key, else the key."""
    shape = meta.get(SHAPE)
    column = shape.get("reasoning") if type(shape) is dict else None
    return column if isinstance(column, str) and key == THOUGHT else key


def _note_marks(record: Record, example: Example, notes: Notes) -> None:
    """Count a row whose texts have marks of who speaks in them, by the column of the first such text."""
    for turn in example.messages:
        text = turn.get("content")
        if type(text) is str and unread_marks(text):
            notes[next((name for name, value in record.items() if value == text), ""), "marks"] += 1
            return


def _note_columns(example: Example, notes: Notes) -> None:
    """Count the columns beside a conversation that hold a part of it or judge it."""
    names = tuple(example.meta)
    if columns := watched(names):
        note_beside(example, columns, notes)
    if judging := _told_verdicts(names):
        _note_verdicts(example.meta, judging, notes)


def _note_verdicts(meta: Record, columns: Sequence[str], notes: Notes) -> None:
    """Count what says of a row that its answer is a bad one, and the numbers under the name of a mark."""
    if "rejected" in meta:
        return
    for column in columns:
        value = meta[column]
        kind = type(value)
        if kind is bool or kind is str:
            if column in _COUNTED and is_counted(value):
                value, kind = float(value), float
            elif _is_against(column, value) and row_factor(column, value) is None:
                notes[column, "verdict"] += 1
        if (kind is int or kind is float) and column in _COUNTED and value == (column == "mask"):
            notes[column, "class-number"] += 1


@lru_cache(maxsize=1024)
def _told_verdicts(columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that may say something of a row's worth."""
    return tuple(column for column in columns if _words(column) & _JUDGING or worth_of(column))


def _words(column: str) -> set[str]:
    return set(usual_spelling(column).split("_"))


def _is_against(column: str, value: JSON) -> bool:
    """Whether a value says that the answer of its row is a bad one."""
    if isinstance(value, bool):
        worth = worth_of(column)
        return value if worth == BAD else not value and (worth == GOOD or bool(_words(column) & _PASSED))
    if not isinstance(value, str) or _JUDGING.isdisjoint(_words(column)):
        return False
    return len(value) < _LONGEST_VERDICT and value.strip().lower() in _AGAINST


def _note_fields(record: Record, meta: Record, shape: dict[str, JSON], notes: Notes) -> None:
    answer = shape.get("answer_column")
    for column in LABELLED:
        if column in meta and column != answer and are_annotations(meta[column]):
            notes[column, "annotations"] += 1
    for form in (shape, *(value for value in shape.values() if isinstance(value, dict))):
        _note_form(form, notes)
    if (
        isinstance(answer, str)
        and "steps" not in shape
        and n_answers(meta.get(answer) or value_at(record, answer)) > 1
    ):
        notes[answer, "one-of-several"] += 1
        choice = match_column({name: value for name, value in meta.items() if name != answer}, *CHOICES)
        if choice and number_said(meta[choice]) is not None:
            notes[choice, "names-one"] += 1


def _note_form(form: dict[str, JSON], notes: Notes) -> None:
    """Count what was noted of the record, or of one list of turns in it."""
    for key, kind in _LISTED.items():
        for column in form.get(key) or ():
            notes[column, kind] += 1
    for _, left in left_in_exchanges(form):
        note_within(left, notes)
    for column, how in (form.get("numbered") or {}).items():
        notes[column, how] += 1
    for column in {place["key"] for place in (form.get("own_keys") or {}).values()}:
        notes[column, "own-key"] += 1
