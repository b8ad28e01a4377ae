"""What a model is asked about a row, by the shape of its conversation."""

from __future__ import annotations

import json

import pytest

from tamis.formats.conversation import build_example
from tamis.protocols import ChatPrompt
from tamis.steps.chat_prompts import asked_prompt

U, A = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}


def asked(*turns):
    example = build_example([*turns, A])
    found = asked_prompt(json.dumps(example.messages), example.prompt)
    assert str(found) == example.prompt  # for people and for the judge nothing changes
    return found


def test_one_users_turn_is_a_text_as_before():
    for turns in (
        [U],
        [{"role": "system", "content": ""}, U],
        [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
    ):
        assert type(asked(*turns)) is str


def test_a_system_turn_and_earlier_turns_make_a_conversation():
    system = {"role": "system", "content": "Be kind."}
    found = asked(system, U, A, U | {"weight": 1})
    assert isinstance(found, ChatPrompt)
    assert found.turns == (("system", "Be kind."), ("user", "Hi"), ("assistant", "Ho"), ("user", "Hi"))
    assert asked(system, U).turns == (("system", "Be kind."), ("user", "Hi"))
    assert asked(U, A, U).turns[0].role == "user"


@pytest.mark.parametrize(
    "turns",
    [
        (U, CALL, {"role": "tool", "content": "7"}),
        (U, A | {"tool_calls": CALL["tool_calls"]}, U),
        (U, A, {"role": "user", "content": [{"type": "text", "text": "more"}]}),
    ],
)
def test_tools_and_parts_are_asked_in_words(turns):
    assert type(asked(*turns)) is str
