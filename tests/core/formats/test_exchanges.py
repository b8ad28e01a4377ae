"""What stands in an exchange beside its two texts: marks count, calls and thoughts are learned, the rest is told, as those of turns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tamis.errors import CurationError
from tamis.formats.names import EXCHANGE_KEYS
from tamis.models.chat_rows import chat_record, read_chat_row
from tamis.models.row_marks import turn_weight, unheeded_marks
from tests.core.formats.cases import Case, case_of
from tests.core.formats.files import written
from tests.core.formats.round_trip import import_all

CALL = [{"type": "function", "function": {"name": "tide", "arguments": "{}"}}]
MARKS: dict[str, tuple[Any, float]] = {  # the weight of the turn that has it
    "weight": (0, 0.0), "loss_weight": (0.5, 0.5), "train": (False, 0.0), "label": (False, 0.0), "loss": (False, 0.0), "masked": (True, 0.0),
    "trainable": ("false", 0.0),
}  # fmt: skip
TOLD: dict[str, Any] = {
    "is_correct": False, "edited": "REAL", "rating": 1, "need_loss": False, "label": "rejected", "id": 7, "reward": 0.0,
}  # fmt: skip
# Where exchanges stand: the record around one with other keys, and its place among the answers.
PLACES: dict[str, Any] = {
    "conversation": lambda own: {"conversation": [{"input": "q0", "output": "a0"} | own, {"input": "q", "output": "a"}]},
    "system first": lambda own: {"conversation": [{"system": "be kind", "human": "q0", "assistant": "a0"} | own, {"human": "q", "assistant": "a"}]},
    "history": lambda own: {"history": [{"user": "q0", "assistant": "a0"} | own], "prompt": "q", "response": "a"},
    "alpaca": lambda own: {"instruction": "q", "input": "", "output": "a", "history": [{"user": "q0", "assistant": "a0"} | own]},
    "system in history": lambda own: {"history": [{"system": "s", "user": "q0", "assistant": "a0"} | own], "question": "q", "answer": "a"},
    "before a prompt of turns": lambda own: {
        "history": [{"user": "q0", "assistant": "a0"} | own], "prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}],
    },
    "preference": lambda own: {"history": [{"user": "q0", "assistant": "a0"} | own], "prompt": "q", "chosen": "a", "rejected": "b"},
    "instance": lambda own: {"instruction": "do", "instances": [{"input": "q0", "output": "a0"} | own]},
    # How turns that name their role do it, which is the measure.
    "roles": lambda own: {"messages": [{"role": "user", "content": "q0"}, {"role": "assistant", "content": "a0"} | own]},
    "roles in history": lambda own: {
        "history": [{"role": "user", "content": "q0"}, {"role": "assistant", "content": "a0"} | own], "instruction": "q", "input": "", "output": "a",
    },
}  # fmt: skip
COLUMNS = {
    "conversation": "conversation",
    "system first": "conversation",
    "instance": "instances",
    "roles": "messages",
}


def answer_of(got: Case) -> dict[str, Any]:
    return next(turn for turn in got.messages[0] if turn["content"] == "a0" or turn.get("tool_calls"))


def kept(got: Case) -> set[str]:
    return {column for batch in got.imported.batches for column, is_read in batch.kept.items() if not is_read}


def turns_learned(got: Case) -> tuple[dict[str, Any], ...]:
    return read_chat_row(chat_record(got.messages[0], got.meta[0])).messages


@pytest.mark.parametrize("place", PLACES)
def test_marks_of_an_exchange_are_those_of_its_answer(tmp_path: Path, place: str) -> None:
    for name, (value, weight) in MARKS.items():
        rows = [PLACES[place]({name: value})] * 2
        got = case_of(tmp_path, rows)
        (turn,) = (turn for turn in turns_learned(got) if turn["content"] == "a0")
        assert turn[name] == value and turn_weight(turn) == weight, name
        assert all(turn_weight(other) == 1.0 for other in turns_learned(got) if other["content"] != "a0")
        assert got.written() == rows and not kept(got)
        edited = got.edited(0, "BETTER")
        assert f"{name!r}: {value!r}" in str(edited) and "BETTER" in str(edited)


@pytest.mark.parametrize("place", PLACES)
def test_what_training_does_not_read_of_an_exchange_is_told(tmp_path: Path, place: str) -> None:
    for name, value in TOLD.items():
        rows = [PLACES[place]({name: value})] * 2
        got = case_of(tmp_path, rows)
        assert kept(got) == {f"{COLUMNS.get(place, 'history')}[].{name}"}
        assert got.written() == rows
        assert f"{name!r}: {value!r}" in str(got.edited(0, "BETTER"))
        heard = set(unheeded_marks(got.messages[0], {}))
        assert heard == ({"need_loss of turns"} if name == "need_loss" else set())
    empty = {"weight": None, "train": None, "note": "", "tool_calls": []}  # as tables have them in every row
    got = case_of(tmp_path, [PLACES[place](empty)] * 2)
    assert not kept(got) and got.written() == [PLACES[place](empty)] * 2
    if not place.startswith("roles"):
        assert answer_of(got).keys() == {"role", "content"}


@pytest.mark.parametrize("place", PLACES)
def test_calls_thoughts_and_pictures_of_an_exchange_reach_its_turns(tmp_path: Path, place: str) -> None:
    rows = [PLACES[place]({"tool_calls": CALL, "thinking": "because of the tide"})] * 2
    got = case_of(tmp_path, rows)
    assert answer_of(got)["tool_calls"] == CALL and answer_of(got)["thinking"] == "because of the tide"
    assert got.written() == rows
    rows = [PLACES[place]({"image": "tide.png"})] * 2
    got = case_of(tmp_path, rows)
    assert any(turn.get("image") == "tide.png" for turn in turns_learned(got))
    assert got.written() == rows


@pytest.mark.parametrize("keys", EXCHANGE_KEYS)
def test_marks_count_whatever_the_texts_of_an_exchange_are_called(
    tmp_path: Path, keys: tuple[str, str]
) -> None:
    asked, answered = keys
    first = {asked: "q0", answered: "a0", "weight": 0, "rating": 1}
    for rows in (
        [{"conversation": [first, {asked: "q", answered: "a"}]}] * 2,
        [{"history": [first], "prompt": "q", "response": "a"}] * 2,
    ):
        got = case_of(tmp_path, rows)
        assert [turn.get("weight") for turn in got.messages[0]] == [None, 0, None, None]
        assert kept(got) == {f"{next(iter(rows[0]))}[].rating"}
        assert got.written() == rows


def test_an_exchange_may_answer_with_a_call_alone(tmp_path: Path) -> None:
    rows = [
        {
            "conversation": [
                {"user": "q0", "assistant": None, "tool_calls": CALL},
                {"user": "q", "assistant": "a"},
            ]
        }
    ] * 2
    got = case_of(tmp_path, rows)
    assert got.messages[0][1] == {"role": "assistant", "content": None, "tool_calls": CALL}
    assert got.written() == rows
    rows = [
        {"conversation": [{"user": "q0", "assistant": None}, {"user": "q", "assistant": "a"}]},
        {"conversation": [{"user": "q", "assistant": "a"}]},
    ]
    assert case_of(tmp_path, rows).imported.n_imported == 1


def test_keys_of_earlier_turns_that_are_not_said_twice_are_told(tmp_path: Path) -> None:
    for history in (
        [{"user": "q", "assistant": "a", "weight": 0}],
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}],
    ):
        rows = [{"history": history, "prompt": "q", "response": "a"}] * 2
        got = case_of(tmp_path, rows)
        assert got.turns[0] == [("user", "q"), ("assistant", "a")] and kept(got) == {"history[].weight"}
        assert got.written() == rows and "'weight': 0" in str(got.edited(0, "BETTER")["history"])


def test_marks_leave_with_the_turns_and_are_not_lost_where_a_format_has_none(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(PLACES["instance"]({"weight": 0})).encode(), "in.jsonl")
    stored = import_all(path)
    stored.export(tmp_path / "out.jsonl", "messages")
    assert json.loads((tmp_path / "out.jsonl").read_text())["messages"][-1] == {
        "role": "assistant",
        "content": "a0",
        "weight": 0,
    }
    with pytest.raises(CurationError, match="'weight'"):
        stored.export(tmp_path / "out2.jsonl", "alpaca")
