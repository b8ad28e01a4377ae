"""Whether the columns of a file say for sure what is learned of its rows: where they do not, an import asks.

The exact, usual columns of a format decide (``messages``, ``prompt`` and ``response``, ``chosen`` and ``rejected``). Where
none of them is there and two columns may be the conversation, where turns stand beside a prompt and its answer that may
come before it, where what is learned would be the name of a column, and where a column may be the answer or the choice
between several, nothing is imported before a person has said which.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from tamis.compute.text.turn_text import turn_text
from tamis.errors import InvalidRecord
from tamis.formats import load_format
from tamis.formats.cell_text import data_in
from tamis.formats.format import Record, seen_columns
from tamis.formats.hints import Guess
from tamis.formats.names import COMPLETION, HISTORY, MESSAGE_LISTS, is_refused, usual_spelling
from tamis.formats.polarity import AFTER, BEFORE, GOOD, is_bad, worth_of
from tamis.formats.preferred import may_be_answer
from tamis.formats.stored_form import ColumnMapping, decoded, is_side_by_side, open_record
from tamis.formats.turn_columns import (
    ends_with_answer,
    format_of_turns,
    is_held,
    is_said,
    says_all,
    turn_columns,
)
from tamis.types import JSON, Example

EXACT = ("messages", "conversations", "conversation")
_ANSWERED = ("completion", "response", "output", "answer")  # the part with the answer, by format
_LISTED = ("messages", "conversations")  # the part with the turns, by format
_PLAIN_ANSWERS = (
    "output",
    "response",
    "completion",
)  # of which one says what is learned where it stands alone
_N_TRIED = 200  # records of which the readings are compared
_N_NAMED = 4  # columns in a sentence
_LONGEST_NAME = 60  # characters


class Reading(NamedTuple):
    """A format and a mapping by which a file may be read, and the fraction of the sample in [0, 1] that it reads."""

    format_name: str
    fields: ColumnMapping
    confidence: float


class Doubt(NamedTuple):
    """What is not sure, with the mappings that would do; the likeliest of them; parts that settle it when a person names one."""

    sentence: str
    guess: Guess | None
    parts: frozenset[str]


def is_usual(reading: Reading) -> bool:
    """Whether the columns that decide are the usual ones of the format, and no others that are only like them."""
    parts = reading.fields.parts
    if listed := next((parts[part] for part in _LISTED if part in parts), ""):
        return usual_spelling(listed) in MESSAGE_LISTS
    if reading.format_name == "preference":
        return "choice" not in parts and not getattr(reading.fields, "scores", ())
    answer = next((parts[part] for part in _ANSWERED if part in parts), "")
    usual = answer and all(usual_spelling(name) in COMPLETION for name in answer.split("|"))
    return reading.format_name == "self_instruct" or bool(usual)


def settled_reading(readings: Sequence[Reading], records: Sequence[Record]) -> int:
    """The place of the reading that counts: the first, unless a later one has the usual columns, the first has not, and they differ."""
    first = readings[0]
    if is_usual(first):
        return 0
    for place, other in enumerate(readings[1:], 1):
        if 2 * other.confidence < first.confidence or not (first.confidence and is_usual(other)):
            continue
        if not _chooses_between(first, other) and _differ(first, other, records):
            return place
    return 0


def doubt_of(
    reading: Reading, others: Sequence[Reading], records: Sequence[Record], json_columns: Sequence[str]
) -> Doubt | None:
    """What is not sure about a reading by all that ``records`` show; ``others`` read them too. None where the columns decide."""
    parts = reading.fields.parts
    opened = [_opened(record, reading.fields) for record in records]
    shown = [decoded(record, json_columns) for record in opened]
    if listed := next((part for part in _LISTED if part in parts), ""):
        return _of_conversations(reading, listed, shown) or _of_pair_beside(reading, listed, others, records)
    if reading.format_name == "preference" and "choice" in parts:
        return _of_choice(reading, shown) or _of_lists(reading, "chosen", opened)
    answer = next((part for part in (*_ANSWERED, "chosen") if part in parts and part != "response"), "")
    answer = answer or ("response" if "response" in parts else "")
    if not answer or reading.format_name == "self_instruct":
        return None
    return (
        _of_bad(reading, answer)
        or _of_names(reading, answer, shown)
        or _of_lists(reading, answer, opened)
        or _of_earlier_turns(reading, list(zip(records, shown, strict=True)))
    )


def _of_conversations(reading: Reading, part: str, shown: Sequence[Record]) -> Doubt | None:
    """Several columns with a conversation of which none is the usual one, or one that is named a bad one."""
    own = reading.fields.parts[part]
    is_exact = usual_spelling(own) in EXACT
    rivals: dict[str, str] = {}
    for record in shown:
        columns = dict(turn_columns(record, any_exchange=reading.format_name == "turns"))
        for column in columns if own in columns else ():
            named = usual_spelling(column)
            if column == own or is_refused(column) or named in HISTORY or (is_exact and named not in EXACT):
                continue
            if not (says_all(columns[own], columns[column]) or says_all(columns[column], columns[own])):
                rivals.setdefault(column, format_of_turns(columns[column]))
    names = [own, *rivals]
    if not rivals and not is_bad(own):
        return None
    best = _best(names)
    formats = {own: (reading.format_name, part)} | {
        column: (name, "messages" if name == "messages" else "conversations")
        for column, name in rivals.items()
    }
    guess = Guess(formats[best][0], {formats[best][1]: best}) if best else None
    options = [Guess(formats[name][0], {formats[name][1]: name}).options for name in names]
    told = (
        f"each of the columns {_listed(names)} holds a conversation, and no name says which is to be learned"
        if rivals
        else f"column {own!r} holds the only conversation and is named like one not to learn"
    )
    return Doubt(f"{told}. Say it: {_either(options)}", guess, frozenset(_LISTED))


def _of_choice(reading: Reading, shown: Sequence[Record]) -> Doubt | None:
    """A column called an answer, or what is correct, whose letters or numbers may name one of several answers."""
    parts = reading.fields.parts
    choice = parts["choice"]
    sides = {usual_spelling(side) for side in _sides(reading)}
    said = [record[choice] for record in shown if record.get(choice) not in (None, "")]
    if not may_be_answer(choice, said, _sides(reading)):
        return None
    if all(usual_spelling(str(one).strip()) in sides for one in said):
        return None
    own = parts.get("prompt", "prompt")
    asked = {"prompt": own} if own != "prompt" and own in seen_columns(shown) else {}
    options = [
        Guess("preference", asked | {"choice": choice}),
        Guess("prompt_completion", asked | {"completion": choice}),
    ]
    return Doubt(
        f"column {choice!r} may say which of {parts['chosen']!r} and {parts['rejected']!r} is the better one, or be the answer itself. Say "
        f"it: {_either([option.options for option in options])}",
        options[0],
        frozenset(("choice", "scale", *_ANSWERED)),
    )


def _sides(reading: Reading) -> tuple[str, ...]:
    return (*getattr(reading.fields, "answers", ()),)


def _chooses_between(first: Reading, other: Reading) -> bool:
    """Whether what another reading would learn is one of the answers, or the choice, of one that chooses between several."""
    parts = other.fields.parts
    answer = next((parts[part] for part in _ANSWERED if part in parts), "")
    return answer in (*_sides(first), first.fields.parts.get("choice", ""))


def _of_pair_beside(
    reading: Reading, part: str, others: Sequence[Reading], records: Sequence[Record]
) -> Doubt | None:
    """A prompt and its answer of which a conversation of another name than usual holds neither: perhaps it is what was said before them."""
    form, own = load_format(reading.format_name), reading.fields.parts[part]
    for other in others if usual_spelling(own) not in EXACT else ():
        asked = next((one for one in ("prompt", "instruction", "question") if one in other.fields.parts), "")
        if not asked or "chosen" in other.fields.parts or not is_usual(other):
            continue
        for record in islice(records, _N_TRIED):
            whole = _example(form.parse, record, reading.fields)
            pair = _example(load_format(other.format_name).parse, record, other.fields)
            if whole and pair and not _holds(whole, pair):
                after = Guess(other.format_name, {"history": own})
                reads = _reads_before(other, own, record, pair)
                options = [
                    f"{after.options} to learn the answer after it"
                    if reads
                    else f"--format {other.format_name} to learn the answer alone",
                    f"--format {reading.format_name} to learn the conversation alone",
                ]
                return Doubt(
                    f"column {own!r} holds a conversation without the prompt {other.fields.parts[asked]!r} and its answer. Say what is learned: "
                    f"{_either(options)}",
                    after if reads else None,
                    frozenset(("history", *_LISTED, *_ANSWERED)),
                )
    return None


def _holds(whole: Example, pair: Example) -> bool:
    """Whether a conversation holds the prompt or the answer of a pair."""
    return any(is_said(turn_text(turn).strip(), whole) for turn in pair.messages[-2:])


def _of_bad(reading: Reading, part: str) -> Doubt | None:
    answer = reading.fields.parts[part]
    if not is_bad(answer):
        return None
    told = f"column {answer!r} would be learned and is named like an answer not to learn. If it is to be learned, say it: "
    asked = f"--format {reading.format_name} {_map(part, answer)}"
    return Doubt(told + asked, None, frozenset((part,)))


def _of_names(reading: Reading, part: str, shown: Sequence[Record]) -> Doubt | None:
    """Answers that are all the names of other columns, as a choice between these has them."""
    answer = reading.fields.parts[part]
    said = [value for record in shown if isinstance(value := record.get(answer), str) and value.strip()]
    if not said or any(len(value) > _LONGEST_NAME for value in said):
        return None
    texts = {column for column, value in seen_columns(shown).items() if isinstance(value, str)}
    called = {usual_spelling(column): column for column in texts if column != answer}
    named = {called.get(usual_spelling(value.strip()), "") for value in said}
    other = reading.fields.parts.get("rejected", "")
    if "" in named or not named or not all(len(name) > 1 for name in named):
        return None
    beside = [called.get(usual_spelling(str(record.get(other, "")).strip()), "") for record in shown]
    sides = list(dict.fromkeys([*sorted(named), *filter(None, beside)]))
    if len(sides) < 2:
        return None
    asks = next((one for one in ("prompt", "instruction", "question") if one in reading.fields.parts), "")
    asked = {"prompt": reading.fields.parts[asks]} if asks else {}
    guess = Guess("preference", asked | {"chosen": sides[0], "rejected": sides[1], "choice": answer})
    return Doubt(
        f"column {answer!r} would be learned and holds only names of other columns ({_listed(sides)}). Say which answers it chooses "
        f"between, for example: {guess.options}",
        guess,
        frozenset(("chosen", "choice", part)),
    )


def _of_lists(reading: Reading, part: str, opened: Sequence[Record]) -> Doubt | None:
    """A prompt and an answer that are both lists of texts as JSON in every row: several turns, which no format reads from two columns."""
    parts = reading.fields.parts
    asked = next((one for one in ("prompt", "instruction", "question") if one in parts), "")
    rows = [record for record in opened if record.get(parts[part])] if asked else []
    columns = (parts.get(asked, ""), parts[part])
    if not rows or not all(_is_list_of_texts(record.get(column)) for record in rows for column in columns):
        return None
    return Doubt(
        f"columns {_listed(columns)} hold lists of texts as JSON, perhaps several turns, and would be learned as they stand. Write a row's turns "
        f"into one column, or take the text as it is: --format {reading.format_name}",
        None,
        frozenset((asked, part)),
    )


def _is_list_of_texts(value: JSON) -> bool:
    """Whether a value is the JSON of a list of texts."""
    if not isinstance(value, str) or value[:1] != "[":
        return False
    found = data_in(value)
    return isinstance(found, list) and bool(found) and all(isinstance(one, str) for one in found)


def _of_earlier_turns(reading: Reading, rows: Sequence[tuple[Record, Record]]) -> Doubt | None:
    """Turns beside a prompt and its answer that end with an answer: what was said before, or something else."""
    form, fields = load_format(reading.format_name), reading.fields
    own = {name for column in fields.spoken for name in column.split("|")}
    for record, shown in rows:
        found = [
            (column, turns)
            for column, turns in turn_columns(shown)
            if column not in own and not is_refused(column) and not is_bad(column) and ends_with_answer(turns)
        ]
        example = _example(form.parse, record, fields) if found else None
        for column, turns in found if example else ():
            if example and not is_held(turns, example):
                return _asking_for_turns(
                    reading, column, turns, _reads_before(reading, column, record, example)
                )
    return None


def _reads_before(reading: Reading, column: str, record: Record, example: Example) -> bool:
    """Whether mapping a column to the earlier turns puts it before the prompt: a whole conversation has none before it."""
    fields = reading.fields
    if "history" not in type(fields).model_fields:
        return False
    beside = (*fields.side_by_side, *([column] if is_side_by_side(record.get(column)) else ()))
    mapped = fields.model_copy(update={"history": column, "side_by_side": beside})
    read = _example(load_format(reading.format_name).parse, record, mapped)
    return read is not None and len(read.messages) > len(example.messages)


def _asking_for_turns(reading: Reading, column: str, turns: list[JSON], reads_before: bool) -> Doubt:
    listed = format_of_turns(turns)
    whole = {"messages" if listed == "messages" else "conversations": column}
    before = Guess(reading.format_name, {"history": column})
    options = [
        *([f"{before.options} to read them before it"] if reads_before else ()),
        f"--format {reading.format_name} --map history= to keep them beside the rows",
        f"{Guess(listed, whole).options} to learn them instead",
    ]
    parts = [
        reading.fields.parts[part]
        for part in ("prompt", "instruction", "question")
        if part in reading.fields.parts
    ]
    asked = parts[0] if parts else ""
    told = (
        f"may come before the prompt {asked!r} or be something else"
        if reads_before
        else "cannot be read before the prompt and may be what is to be learned"
    )
    return Doubt(
        f"column {column!r} holds turns that {told}. Say it: {_either(options)}",
        before if reads_before else None,
        frozenset(("history", *_LISTED)),
    )


def _best(names: Sequence[str]) -> str:
    """The one column whose name says that it is the better one or the later writing, if any does."""
    for worth in (GOOD, AFTER):
        found = [name for name in names if worth_of(name) == worth]
        if len(found) == 1:
            return found[0]
    plain = [name for name in names if not is_bad(name) and worth_of(name) != BEFORE]
    return plain[0] if len(plain) == 1 else ""


def _differ(first: Reading, other: Reading, records: Sequence[Record]) -> bool:
    """Whether two readings learn something else of a record that both read."""
    forms = load_format(first.format_name), load_format(other.format_name)
    for record in islice(records, _N_TRIED):
        one, two = (
            _example(form.parse, record, reading.fields)
            for form, reading in zip(forms, (first, other), strict=True)
        )
        if one and two and one.response != two.response:
            return True
    return False


def _example(parse: object, record: Record, fields: ColumnMapping) -> Example | None:
    try:
        return next(iter(parse(record, fields)), None)  # type: ignore[operator]
    except InvalidRecord:
        return None


def _opened(record: Record, fields: ColumnMapping) -> Record:
    return open_record(record, fields)[0] if fields.reshapes else record


def _map(part: str, column: str) -> str:
    return f"--map {shlex.quote(f'{part}={column}')}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_N_NAMED]))
    return f"{shown} and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else shown


def _either(options: Sequence[str]) -> str:
    return " or ".join(options[:_N_NAMED])


def asked_by(doubt: Doubt, given: Mapping[str, JSON]) -> bool:
    """Whether what a person named leaves the doubt as it is."""
    return doubt.parts.isdisjoint(given)
