"""How a file that no format fits would most likely be read: the columns that look like prompt and response."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from tamis.formats.asides import is_aside
from tamis.formats.format import Record
from tamis.formats.names import (
    COMPLETION,
    INSTRUCTION,
    PROMPT,
    QUESTION,
    first_item,
    match_column,
    usual_spelling,
)
from tamis.formats.polarity import is_bad, opposed
from tamis.formats.preferred import CHOICES, match_answers, names_sides
from tamis.formats.stored_form import lifted
from tamis.formats.weak_pairs import describes_row, weak_pair
from tamis.types import JSON

# Columns of data that was made for something else: translation, retrieval, summaries.
_PAIRS = (
    ("source", "target"), ("src", "tgt"), ("query", "pos"), ("query", "positive"), ("anchor", "positive"),
    ("question", "positive"), ("article", "highlights"), ("document", "summary"), ("text", "summary"),
    ("sentence1", "sentence2"), ("premise", "hypothesis"),
)  # fmt: skip
_CHOOSES = ("winner", "preference", "preferred", "choice", "better", "best", "winner_model")
_CLEAR = 2  # columns of which one is the prompt and the other its answer
_OF_NONE = ("tie", "both", "neither", "none", "draw", "equal", "both_bad", "both_good", "tie_bothbad")
_COUNTED = re.compile(r"_?(?<!\d)\d+$")  # answers side by side: answer_0, answer_1


@dataclass(frozen=True, slots=True)
class Guess:
    """A format and columns for some of its parts that may be meant, to be confirmed by a person."""

    format_name: str
    parts: dict[str, str]
    is_sure: bool = True  # no other column may as well be the answer

    @property
    def options(self) -> str:
        """The guess as options of the command ``import``."""
        named = (f"--map {shlex.quote(f'{part}={name}')}" for part, name in self.parts.items())
        return " ".join([f"--format {self.format_name}", *named])


def guess_mapping(records: Sequence[Record]) -> Guess | None:
    """Return how these records would most likely be read; None where nothing suggests itself."""
    opened = [_opened(record) for record in records]
    return _turns_guess(opened) or _pair_guess(opened)


def _pair_guess(records: Sequence[Record]) -> Guess | None:
    columns = _columns(records)
    weak = weak_pair({column: values[0] for column, values in columns.items()})
    if weak and weak.context:
        parts = {"prompt": weak.prompt, "context": weak.context, "completion": weak.completion}
        return Guess("prompt_completion", parts)
    texts = {column: values for column, values in columns.items() if all(map(_is_text, values))}
    counted = {column for column, found in texts.items() if all(str(one).isdigit() for one in found)}
    spoken = [
        column for column in texts if not (is_aside(column) or describes_row(column) or column in counted)
    ]
    asked = match_column(dict.fromkeys(spoken), *QUESTION, *INSTRUCTION, *PROMPT)
    if guess := _opposed_guess(texts, spoken, asked) or _keyed_options(columns, asked):
        return guess
    is_open, guess = _between_answers(columns, texts, spoken, asked)
    if is_open:
        return guess
    for said, replied in _PAIRS:
        prompt, completion = match_column(texts, said), match_column(texts, replied)
        if prompt and completion:
            return Guess("prompt_completion", {"prompt": prompt, "completion": completion})
    return _likeliest({column: texts[column] for column in spoken if not is_bad(column)}, asked)


def _opposed_guess(texts: dict[str, list[JSON]], spoken: list[str], asked: str | None) -> Guess | None:
    """Two columns that are called alike but for good and bad."""
    sides = opposed([column for column in spoken if isinstance(texts[column][0], str)])
    if not sides:
        return None
    question = asked or next((column for column in spoken if column not in sides), "")
    parts = {"prompt": question} if question else {}
    return Guess("preference", parts | {"chosen": sides[0], "rejected": sides[1]})


def _between_answers(
    columns: dict[str, list[JSON]], texts: dict[str, list[JSON]], spoken: list[str], asked: str | None
) -> tuple[bool, Guess | None]:
    """Whether a column chooses between several answers, then no one of these is to be learned; the guess where it is clear which."""
    if choice := next((column for column in texts if _names_columns(column, texts)), ""):
        return True, _choice_guess(choice, texts, asked)
    answers = match_answers(dict.fromkeys(texts, "-"))
    for column in spoken if answers and asked else ():
        if column not in (asked, *answers) and names_sides(columns[column], dict.fromkeys(answers, "-")):
            if is_bad(column):  # names the one not to learn
                return True, None
            parts = {"chosen": answers[0], "rejected": answers[1], "choice": column}
            return True, Guess("preference", {"prompt": str(asked)} | parts)
    return any(usual_spelling(column) in _CHOOSES for column in columns) and len(spoken) > _CLEAR, None


def _keyed_options(columns: dict[str, list[JSON]], asked: str | None) -> Guess | None:
    """Options with labels in one object, and the label of the right one beside them, as ARC has them."""
    for column in columns:
        options, _, last = column.rpartition(".")
        if options and last == "text" and asked and f"{options}.label" in columns:
            return (
                Guess("question_answer", {"question": asked, "answer": options})
                if _has_key(columns)
                else None
            )
    return None


def _has_key(columns: dict[str, list[JSON]]) -> bool:
    return match_column(dict.fromkeys(columns), "answer_key", "answerkey", "correct_key") is not None


def _names_columns(column: str, texts: dict[str, list[JSON]]) -> bool:
    """Whether a column says nothing but names of other columns and that none is the better one."""
    named = _named_columns(column, texts)
    said = [usual_spelling(str(value)) for value in texts[column]]
    return bool(named) and all(one in {*map(usual_spelling, named), *_OF_NONE} for one in said)


def _named_columns(column: str, texts: dict[str, list[JSON]]) -> list[str]:
    said = {usual_spelling(str(value)) for value in texts[column]}
    return [other for other in texts if other != column and usual_spelling(other) in said]


def _choice_guess(choice: str, texts: dict[str, list[JSON]], asked: str | None) -> Guess | None:
    """Answers in columns of which another column names the better one; none where that names the one not to learn, or always the same."""
    sides = _named_columns(choice, texts)
    prompt = asked or next((column for column in texts if column not in (choice, *sides)), "")
    if len(sides) < 2 or is_bad(choice) or not prompt:
        return None
    parts = {"prompt": prompt, "chosen": sides[0], "rejected": sides[1], "choice": choice}
    return Guess("preference", parts | ({"others": ",".join(sides[2:])} if sides[2:] else {}))


def _likeliest(texts: dict[str, list[JSON]], asked: str | None) -> Guess | None:
    """The prompt by its name, else the first text, and the answer by its name, else the longest of the other texts."""
    prompt = asked or next((column for column in texts if isinstance(texts[column][0], str)), None)
    others = [column for column in texts if column != prompt and usual_spelling(column) not in CHOICES]
    if prompt is None or not others:
        return None
    named = [column for column in others if _COUNTED.sub("", usual_spelling(column)) in COMPLETION]
    completion = max(named[:1] or others, key=lambda column: mean(len(str(text)) for text in texts[column]))
    is_sure = len(named) == 1 or len(others) == 1
    return Guess("prompt_completion", {"prompt": prompt, "completion": completion}, is_sure)


def _is_text(value: JSON) -> bool:
    """Whether a value is a text, or a list of texts of which an answer may be one."""
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _turns_guess(records: Sequence[Record]) -> Guess | None:
    for column, values in _columns(records).items():
        turns = [turn for value in values if isinstance(value, list) for turn in value]
        if len(turns) < 2 or not isinstance(first_item(turns), dict):
            continue
        texts = {
            key: found
            for key, found in _columns([turn for turn in turns if isinstance(turn, dict)]).items()
            if all(isinstance(text, str) for text in found)
        }
        if len(texts) < 2:
            continue
        role = min(texts, key=lambda key: (len(set(texts[key])), mean(len(text) for text in texts[key])))
        content = max((key for key in texts if key != role), key=lambda key: mean(map(len, texts[key])))
        return Guess("messages", {"messages": column, "role": role, "content": content})
    return None


def _columns(records: Sequence[Record]) -> dict[str, list[JSON]]:
    columns: dict[str, list[JSON]] = {}
    for record in records:
        for column, value in record.items():
            if value not in (None, "", [], {}):
                columns.setdefault(column, []).append(value)
    return columns


def _opened(record: Record) -> Record:
    for column in tuple(record):
        record = lifted(record, column) or record
    return record
