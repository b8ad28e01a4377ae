"""The answer of a pair that is no plain text: turns, calls of functions, or one of several answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tamis.errors import InvalidRecord
from tamis.formats.annotations import with_written, written_answers
from tamis.formats.answer_verdicts import Verdicts, keyed_answer, steps_beside, verdicts_of
from tamis.formats.conversation import type_name
from tamis.formats.format import Record, text_of
from tamis.formats.names import are_calls, are_choices, first_item, match_column, turn_keys
from tamis.formats.turn_items import begins_with_item
from tamis.formats.turn_lists import read_turn_list, write_turn_list
from tamis.types import JSON, Message

_TEXT_KEYS = (
    "answer",
    "response",
    "text",
    "content",
    "value",
    "generation",
    "output",
    "completion",
    "solution",
)
# Lower is better for a rank; higher is better for a score.
_RANK_KEYS = ("rank", "ranking")
_SCORE_KEYS = (
    "overall_score",
    "score",
    "pm_score",
    "rating",
    "fine-grained_score",
    "reward",
    "upvotes",
    "votes",
)


_BETWEEN_STEPS = "\n"  # as TRL joins them


class AnswerTurns(NamedTuple):
    """The turns of an answer, what restores its column, and the column's value where it says more than the turns."""

    turns: list[Message]
    noted: dict[str, JSON]
    rest: JSON = None


def read_answer(record: Record, column: str) -> AnswerTurns:
    """Return the answer in a column; raises InvalidRecord when there is none."""
    value: JSON = record.get(column)
    if turn_keys(first_item(value)) or begins_with_item(value):
        turns, form = read_turn_list(value)
        noted = {"completion_turns": len(turns)} | ({"completion_form": form} if form else {})
        return AnswerTurns(turns, noted)
    if turn_keys(value):
        turns, form = read_turn_list([value])
        return AnswerTurns(turns, {"completion_turn": True, "completion_form": form})
    if are_choices(value):
        turns, form = read_turn_list([value[0]["message"]])
        return AnswerTurns(turns, {"completion_choice": True, "completion_form": form}, value)
    if written := written_answers(value):
        place, text = written[0]
        return AnswerTurns([{"role": "assistant", "content": text}], {"annotated_at": place}, value)
    if are_calls(value):
        return AnswerTurns([_calling(value)], {"completion_calls": True})
    if isinstance(value, list | dict) and value:
        return _one_of_several(value, column, record)
    text = text_of(record, column) if not isinstance(value, list) else ""
    if not text or text.isspace():
        raise InvalidRecord("empty response")
    return AnswerTurns([{"role": "assistant", "content": text}], {})


def write_answer(turns: list[Message], noted: dict[str, JSON], rest: JSON) -> JSON:
    """Return the value of the answer's column from the turns of the answer."""
    form = noted.get("completion_form") or {}
    if "completion_turns" in noted:
        return write_turn_list(turns, form)
    if "completion_turn" in noted:
        return write_turn_list(turns, form)[0]
    if "completion_choice" in noted and isinstance(rest, list):
        return [{**rest[0], "message": write_turn_list(turns, form)[0]}, *rest[1:]]
    if "completion_calls" in noted and (calls := turns[-1].get("tool_calls")):
        return [call.get("function", call) for call in calls]
    text = turns[-1].get("content")
    if "annotated_at" in noted and isinstance(rest, list):
        return with_written(rest, noted["annotated_at"], text)
    if "steps" in noted and isinstance(rest, list) and isinstance(text, str):
        pieces = text.split(_BETWEEN_STEPS)
        same = text == _BETWEEN_STEPS.join(rest)
        return rest if same else pieces if len(pieces) == len(rest) else [text]
    if "answer_at" in noted and isinstance(rest, list | dict):
        return _put(rest, noted["answer_at"], noted.get("answer_key"), text)
    return text


def n_answers(value: JSON) -> int:
    """How many answers a column holds: the items of a list, or the different texts of a list inside an object."""
    if isinstance(value, list):
        return len(written_answers(value)) or len(value)
    inner: list[str] = (
        next((value[key] for key in _TEXT_KEYS if _are_texts(value.get(key))), [])
        if isinstance(value, dict)
        else []
    )
    return len(set(inner))


def _calling(calls: list[JSON]) -> Message:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": dict(call)} for call in calls],
    }


def _ranks_beside(record: Record, answers: JSON) -> list[float]:
    """For each of several answers its place by a column of ranks or scores as long as their list; lower is better."""
    if not isinstance(answers, list) or len(answers) < 2:
        return []
    for names, sign in ((_RANK_KEYS, 1.0), (_SCORE_KEYS, -1.0)):
        column = match_column(record, *(f"{name}s" for name in names), *names)
        values = record.get(column) if column else None
        if isinstance(values, list) and len(values) == len(answers) and all(map(_is_number, values)):
            return [sign * value for value in values]
    return []


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _one_of_several(value: JSON, column: str, record: Record) -> AnswerTurns:
    """Take one of several answers that say something: a right one by its verdict, of these the best by rank, else by score, else the
    first. The steps of one answer are taken together.
    """
    if isinstance(value, list) and (marks := steps_beside(column, value, record)):
        told: dict[str, JSON] = {"steps": [column]} | ({} if all(marks) else {"wrong_steps": [column]})
        return AnswerTurns([{"role": "assistant", "content": _BETWEEN_STEPS.join(value)}], told, value)
    inner = (
        next((key for key in _TEXT_KEYS if _are_texts(value.get(key))), "") if isinstance(value, dict) else ""
    )
    if inner:
        # Lists inside an object, as SQuAD has them: its own ranks, scores or verdicts stand beside the texts.
        said = [i for i, one in enumerate(value[inner]) if one.strip()]
        keyed = keyed_answer(value, record)
        best, noted = _best(said, value[inner], value, column, keyed)
        noted |= {"answer_at": best, "answer_key": inner}
        return AnswerTurns([{"role": "assistant", "content": value[inner][best]}], noted, value)
    items = value if isinstance(value, list) else [value]
    texts = [_text_in(item) for item in items]
    spoken = [i for i, (_, text) in enumerate(texts) if text.strip()]
    if not spoken and not any(value.values() if isinstance(value, dict) else value):
        raise InvalidRecord("empty response")
    if not spoken:
        raise InvalidRecord(f"field {column!r} holds {type_name(value)}, not text")
    best, noted = _best(spoken, items, record, column)
    key, text = texts[best]
    noted["answer_at"] = best if isinstance(value, list) else None
    if key:
        noted["answer_key"] = key
    return AnswerTurns([{"role": "assistant", "content": text}], noted, value)


def _best(
    spoken: Sequence[int], items: list[JSON], beside: Record, column: str, keyed: Verdicts | None = None
) -> tuple[int, dict[str, JSON]]:
    """The place of the answer to learn among those that say something, and a note where none is called right."""
    verdicts = keyed if keyed and len(keyed.are_right) == len(items) else verdicts_of(items, beside)
    ranks = _ranks_beside(beside, items)

    def place(at: int) -> tuple[bool, float]:
        return not (verdicts is None or verdicts.are_right[at]), ranks[at] if ranks else _order(items[at])

    none_right = verdicts is not None and not any(verdicts.are_right[at] for at in spoken)
    return min(spoken, key=place), {"none_right": [column]} if none_right else {}


def _text_in(item: JSON) -> tuple[str, str]:
    if isinstance(item, str):
        return "", item
    if isinstance(item, list) and turn_keys(first_item(item)):
        return "", ""
    if isinstance(item, dict):
        key = next((key for key in _TEXT_KEYS if isinstance(item.get(key), str)), "")
        return key, str(item.get(key, "")) if key else ""
    return "", ""


def _are_texts(value: JSON) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(text, str) for text in value)
        and bool(value[0].strip())
    )


def _order(item: JSON) -> float:
    if not isinstance(item, dict):
        return 0.0
    for keys, sign in ((_RANK_KEYS, 1.0), (_SCORE_KEYS, -1.0)):
        for key in keys:
            value = item.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return sign * value
    return 0.0


def _put(rest: JSON, at: JSON, key: JSON, text: JSON) -> JSON:
    if isinstance(rest, dict):
        inner = rest.get(str(key))
        place = at if isinstance(at, int) else 0
        return {
            **rest,
            str(key): [*inner[:place], text, *inner[place + 1 :]] if isinstance(inner, list) else text,
        }
    result = list(rest)
    if isinstance(at, int) and at < len(result):
        result[at] = {**result[at], str(key): text} if key and isinstance(result[at], dict) else text
    return result
