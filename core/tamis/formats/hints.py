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
    if sides := opposed([column for column in spoken if isinstance(texts[column][0], str)]):
        question = asked or next((column for column in spoken if column not in sides), "")
        parts = {"prompt": question} if question else {}
        return Guess("preference", parts | {"chosen": sides[0], "rejected": sides[1]})
    answers = match_answers(dict.fromkeys(texts, "-"))
    for column in spoken if answers and asked else ():
        if column not in (asked, *answers) and names_sides(columns[column], dict.fromkeys(answers, "-")):
            if is_bad(column):  # names the one not to learn
                return None
            parts = {"chosen": answers[0], "rejected": answers[1], "choice": column}
            return Guess("preference", {"prompt": str(asked)} | parts)
    worthy = {column: texts[column] for column in spoken if not is_bad(column)}
    for said, replied in _PAIRS:
        prompt, completion = match_column(texts, said), match_column(texts, replied)
        if prompt and completion:
            return Guess("prompt_completion", {"prompt": prompt, "completion": completion})
    return _likeliest(worthy, asked)


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
