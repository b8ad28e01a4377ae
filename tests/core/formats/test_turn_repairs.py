"""Repairs of turns by name: what each changes, that it leaves the rest alone, and that it is counted."""

from __future__ import annotations

import pytest

from tamis.actions.remedies import reading_remedy
from tamis.cli.rejects import repair_option
from tamis.formats import load_format
from tamis.formats.notes import KINDS, Notes
from tamis.formats.repairs import REPAIRS, TURN_REPAIRS, repaired_turns
from tamis.types import JSON

FIELDS = load_format("messages").fields()


def repaired(roles: str, *names: str) -> tuple[str, Notes]:
    """Roles by their first letter, before and after; every turn says its number."""
    called = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    turns = [{"role": called[letter], "content": str(number)} for number, letter in enumerate(roles)]
    notes = Notes()
    read = repaired_turns({"messages": turns}, FIELDS, names, notes)
    return "".join(turn["role"][0] for turn in read["messages"]), notes


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("merge-consecutive", "uua", "ua"),
        ("merge-consecutive", "uaa", "ua"),
        ("merge-consecutive", "ssua", "sua"),
        ("merge-consecutive", "uatta", "uatta"),
        ("drop-leading", "aua", "ua"),
        ("drop-leading", "sataua", "sua"),
        ("drop-leading", "ua", "ua"),
        ("drop-trailing", "uau", "ua"),
        ("drop-trailing", "uatt", "ua"),
        ("drop-trailing", "u", "u"),
        ("join-inner-system", "uasua", "uaua"),
        ("join-inner-system", "sua", "sua"),
        ("join-inner-system", "uas", "uas"),
    ],
)
def test_each_changes_what_its_name_says_and_is_counted(name: str, before: str, after: str) -> None:
    found, notes = repaired(before, name)
    assert found == after
    assert notes["", name] == (before != after)


ANSWER = {"role": "assistant", "content": "3 m"}
IMAGE = {"type": "image", "image": "a.png"}


@pytest.mark.parametrize(
    ("contents", "joined"),
    [
        (([IMAGE], "What is it?"), [IMAGE, {"type": "text", "text": "What is it?"}]),
        (("Look:", [IMAGE]), [{"type": "text", "text": "Look:"}, IMAGE]),
        (([{"text": "a"}], "b"), [{"text": "a"}, {"text": "b"}]),
        ((["a"], "b", "c"), ["a", "b", "c"]),
        (([], "b"), ["b"]),
    ],
)
def test_parts_are_joined_as_texts_are(contents: tuple[JSON, ...], joined: JSON) -> None:
    turns = [{"role": "user", "content": content} for content in contents]
    notes = Notes()
    record = repaired_turns({"messages": [*turns, ANSWER]}, FIELDS, ["merge-consecutive"], notes)
    assert record["messages"] == [{"role": "user", "content": joined}, ANSWER]
    assert notes["", "merge-consecutive"] == 1


def test_what_calls_or_answers_a_function_is_not_joined() -> None:
    call = {"type": "tool_use", "id": "1", "name": "tide", "input": {}}
    turns = [{"role": "assistant", "content": [call]}, {"role": "assistant", "content": "3 m"}]
    record = {"messages": [{"role": "user", "content": "Tide?"}, *turns]}
    assert repaired_turns(record, FIELDS, ["merge-consecutive"], Notes()) == record


def test_nothing_is_repaired_unasked() -> None:
    for roles in ("uua", "aua", "uau", "uasua"):
        assert repaired(roles) == (roles, Notes())


def test_every_repair_is_offered_by_command_and_said_of_an_import() -> None:
    offered = repair_option(lambda: None).__click_params__[0].help  # type: ignore[attr-defined]
    assert all(name in offered for name in REPAIRS)
    assert set(TURN_REPAIRS) <= set(KINDS)


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("unknown role 'narrator' in turn N", "--role narrator=ROLE"),
        ("wrong role order: turn N (user) comes after user, where assistant belongs", "--repair merge-consecutive"),
        ("wrong role order: turn 3 (system) comes after assistant, where user belongs", "--repair join-inner-system"),
        ("wrong role order: turn 1 (assistant) comes first, where system or user belongs", "--repair drop-leading"),
        ("wrong role order: turn 1 (tool) comes first, where system or user belongs", ""),
        ("ends with a tool turn: no response", "--repair drop-trailing"),
        ("empty response", ""),
    ],
)  # fmt: skip
def test_a_reason_names_the_flag_that_would_read_its_lines(reason: str, remedy: str) -> None:
    assert reading_remedy(reason) == remedy


def test_a_repair_that_ran_is_not_advised_again() -> None:
    reason = "ends with a user turn: no response"
    assert reading_remedy(reason, ["drop-trailing"]) == ""
    assert reading_remedy(reason, ["merge-consecutive"]) == "--repair drop-trailing"
    both = "not JSON: comments and trailing commas"
    assert reading_remedy(both, ["comments"]) == "--repair trailing-commas,comments"
    assert reading_remedy("unknown role 'x' in turn 1; known: user", ["comments"]) == "--role x=ROLE"
