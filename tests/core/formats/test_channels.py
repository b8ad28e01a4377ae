"""Harmony's channels, answers to be checked against, and logged calls of an API: read as conversations, written as they were."""

from __future__ import annotations

import pytest

from tamis.formats.writer import row_lines
from tests.core.formats.cases import case_of

USER = {"role": "user", "content": "1 + 1?"}
ANALYSIS = {"role": "assistant", "channel": "analysis", "content": "Add them."}
FINAL = {"role": "assistant", "channel": "final", "content": "2"}
PLAIN = {"role": "assistant", "content": "2"}
HARMONY = (
    "<|start|>system<|message|>You are ChatGPT.<|end|><|start|>developer<|message|># Instructions\n\nBe brief.<|end|>"
    "<|start|>user<|message|>1 + 1?<|end|><|start|>assistant<|channel|>analysis<|message|>Add them.<|end|>"
    "<|start|>assistant<|channel|>final<|message|>2<|return|>"
)


def test_an_analysis_is_the_reasoning_of_the_final_turn(tmp_path):
    later = [
        {"role": "user", "content": "2 + 2?"},
        ANALYSIS,
        {**ANALYSIS, "content": "Again."},
        {**FINAL, "content": "4"},
    ]
    rows = [{"messages": [USER, ANALYSIS, FINAL]}, {"messages": [USER, ANALYSIS, FINAL, *later]}]
    got = case_of(tmp_path, rows)
    assert got.reasons == [] and got.inspection.format_name == "messages"
    assert got.messages[0] == [USER, {**FINAL, "reasoning_content": "Add them."}]
    assert got.messages[1][-1] == {**FINAL, "content": "4", "reasoning_content": "Add them.\n\nAgain."}
    assert got.written() == rows
    assert got.edited(0, "two") == {"messages": [USER, ANALYSIS, {**FINAL, "content": "two"}]}


def test_thoughts_beside_a_call_belong_to_it(tmp_path):
    call = {"role": "assistant", "channel": "commentary", "content": None,
        "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": "{}"}}]}  # fmt: skip
    rows = [{"messages": [USER, ANALYSIS, call, {"role": "tool", "content": "2"}, ANALYSIS, FINAL]}] * 2
    got = case_of(tmp_path, rows)
    assert [turn["role"] for turn in got.messages[0]] == ["user", "assistant", "tool", "assistant"]
    assert got.messages[0][1]["reasoning_content"] == "Add them."
    assert got.written() == rows


def test_channels_of_an_answer_column(tmp_path):
    rows = [{"prompt": [USER], "completion": [ANALYSIS, FINAL]}] * 2
    got = case_of(tmp_path, rows)
    assert got.messages[0] == [USER, {**FINAL, "reasoning_content": "Add them."}]
    assert got.written() == rows


def test_harmony_text_is_read_as_turns(tmp_path):
    rows = [{"text": HARMONY}, {"text": HARMONY.replace("2<|return|>", "two<|end|>")}]
    got = case_of(tmp_path, rows)
    assert got.inspection.format_name == "transcript" and got.reasons == []
    assert got.messages[0] == [
        {"role": "system", "content": "# Instructions\n\nBe brief."},
        USER,
        {**PLAIN, "reasoning_content": "Add them."},
    ]
    assert got.written() == rows
    assert got.edited(0, "III") == {"text": HARMONY.replace("2<|return|>", "III<|return|>")}


def test_harmony_calls_and_results_are_turns(tmp_path):
    text = (
        "<|start|>user<|message|>Tide?<|end|>"
        '<|start|>assistant<|channel|>commentary to=functions.tide <|constrain|>json<|message|>{"port": 1}<|call|>'
        "<|start|>functions.tide to=assistant<|channel|>commentary<|message|>3<|end|>"
        "<|start|>assistant<|channel|>final<|message|>3 m<|return|>"
    )
    got = case_of(tmp_path, [{"text": text}] * 2)
    assert [role for role, _ in got.turns[0]] == ["user", "assistant", "tool", "assistant"]
    assert got.written() == [{"text": text}] * 2


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"messages": [USER], "ground_truth": "2"}, "ground_truth"),
        ({"messages": [USER], "answer": "2"}, "answer"),
        ({"conversations": [{"from": "human", "value": "1 + 1?"}], "solution": "2"}, "solution"),
        ({"prompt": [USER], "reward_model": {"ground_truth": "2", "style": "rule"}}, "reward_model.ground_truth"),
        ({"messages": [USER], "reward_model": {"ground_truth": "2", "style": "rule"}, "n": 1}, "reward_model.ground_truth"),
    ],
)  # fmt: skip
def test_turns_that_ask_and_what_is_true_are_a_pair(tmp_path, row, column):
    got = case_of(tmp_path, [row] * 3)
    assert got.inspection.format_name == "prompt_completion"
    assert got.inspection.fields.completion == column
    assert got.messages == [[USER, PLAIN]] * 3
    assert got.written() == [row] * 3


@pytest.mark.parametrize("n_rows", [1, 2])
@pytest.mark.parametrize(
    "row",
    [
        {"request": {"model": "m", "messages": [USER]}, "response": {"id": "r", "choices": [{"index": 0, "message": PLAIN}]}},
        {"request": {"body": {"messages": [USER]}}, "response": {"body": {"choices": [{"message": PLAIN}, {"message": PLAIN}]}}},
        {"messages": [USER], "choices": [{"finish_reason": "stop", "message": PLAIN}], "model": "m"},
    ],
)  # fmt: skip
def test_a_logged_call_is_a_conversation_that_ends_with_the_response(tmp_path, row, n_rows):
    got = case_of(tmp_path, [row] * n_rows)
    assert got.reasons == []
    assert got.messages == [[USER, PLAIN]] * n_rows
    assert got.written() == [row] * n_rows
    assert list(row_lines(got.stored(), format_name="messages"))


def test_a_conversation_beside_what_is_true_stays_one(tmp_path):
    rows = [
        {"messages": [USER, PLAIN], "ground_truth": "2"},
        {"messages": [USER, PLAIN, USER], "ground_truth": "2"},
    ]
    assert case_of(tmp_path, rows).inspection.format_name == "messages"
