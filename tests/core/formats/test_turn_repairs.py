"""Repairs of turns by name: what each changes, that it leaves the rest alone, and that it is counted."""

from __future__ import annotations

import pytest

from tamis.actions.remedies import reading_remedy
from tamis.cli.rejects import repair_option
from tamis.formats import load_format
from tamis.formats.notes import KINDS, Notes
from tamis.formats.repairs import REPAIRS, TURN_REPAIRS, repaired_turns

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
