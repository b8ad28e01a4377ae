import pytest

from tamis.formats.check import check_messages

USER = {"role": "user", "content": "q"}
BOT = {"role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "s"}


@pytest.mark.parametrize(
    "messages",
    [
        [USER, BOT],
        [SYSTEM, USER, BOT, USER, BOT],
        [USER, {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]},
         {"role": "tool", "content": ""}, BOT],
        [USER, {"role": "assistant", "content": [{"type": "text", "text": "parts"}]}],
    ],
)  # fmt: skip
def test_a_good_conversation_has_no_problem(messages):
    assert check_messages(messages) == ()


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "Add a user turn"),
        ([USER], "Add the response"),
        (
            [USER, {"role": "assistant", "content": " \n"}],
            "Write a response in the last turn, or drop the row",
        ),
        ([USER, USER, BOT], r"turn 2 \(user\) comes after user.*Change its role"),
        ([USER, SYSTEM, BOT], r"turn 2 \(system\)"),
        ([BOT], r"turn 1 \(assistant\)"),
        ([{"role": "user", "content": ""}, BOT], r"turn 1 \(user\) has no text.*Write its text, or remove"),
        (
            [USER, {"role": "robot", "content": "a"}],
            "Turn 2 has the role 'robot'. Choose one of system, user",
        ),
        ([USER, "a"], "Turn 2 is"),
        ([USER, {"role": "assistant", "content": 7}], r"Turn 2 \(assistant\) has content of type"),
        ([USER, {"role": "assistant", "content": "a\0"}], r"Turn 2 \(assistant\) holds NUL"),
        ([{"role": "user", "content": "\ud800"}, BOT], "lone surrogate"),
    ],
)
def test_a_problem_names_the_turn_and_the_next_step(messages, said):
    problems = check_messages(messages)
    assert problems
    import re

    assert re.search(said, problems[0], re.DOTALL), problems


def test_every_problem_is_told_at_once():
    assert len(check_messages([{"role": "user", "content": ""}, BOT, BOT])) == 2
    assert len(check_messages(["a", 1])) == 2
