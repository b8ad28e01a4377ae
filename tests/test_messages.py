"""What an error says is in the words of every door: a page, a command and a method show the same sentence."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "core" / "tamis"
OF_ONE_DOOR = re.compile(r"(?<![\w-])--[a-z][\w-]*|\b(?:another|this) tab\b|\bbutton\b|\bclick\b")
# A whole command says itself where it is to be typed.
COMMANDS = re.compile(r"\b(?:tamis|pip install|ray start|sbatch|srun) [^:;,.)]*")
ERRORS = re.compile(
    r"^(?:CurationError|[A-Z]\w*(?:Missing|Options|Name|Record|File|Path|Damaged|Conflict|Failed|Extra))$"
)
# The command line has flags of its own, and Slurm's are what its setting holds.
MODULES = [
    one
    for one in sorted(PACKAGE.rglob("*.py"))
    if one.relative_to(PACKAGE).parts[0] != "cli" and one.stem != "slurm"
]


def _messages(tree: ast.Module) -> list[str]:
    """The sentences of every domain error that is raised, the values left out."""
    raised = [
        one.exc for one in ast.walk(tree) if isinstance(one, ast.Raise) and isinstance(one.exc, ast.Call)
    ]
    named = [call for call in raised if isinstance(call.func, ast.Name) and ERRORS.match(call.func.id)]
    return [_text(argument) for call in named for argument in call.args]


def _text(node: ast.expr) -> str:
    return "".join(
        one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else ""
        for one in ast.walk(node)
        if isinstance(one, ast.Constant)
    )


def test_an_error_outside_the_command_line_names_options_and_no_flags() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in MODULES
        for text in _messages(ast.parse(path.read_text(encoding="utf-8")))
        if OF_ONE_DOOR.search(COMMANDS.sub("", text))
    ]
    assert not wrong


def test_a_row_that_is_not_there_is_said_in_one_place() -> None:
    said = [
        path for path in sorted(PACKAGE.rglob("*.py")) if "go from 0 to" in path.read_text(encoding="utf-8")
    ]
    assert [path.name for path in said] == ["errors.py"]


def test_the_check_sees_a_flag_beside_a_command() -> None:
    source = """raise InvalidOptions(f"{name} is missing: run tamis run embed --dataset {x}. Name one with --llm.")"""
    (text,) = _messages(ast.parse(source))
    assert OF_ONE_DOOR.search(COMMANDS.sub("", text))
    assert not OF_ONE_DOOR.search(COMMANDS.sub("", text.split(". Name")[0]))
