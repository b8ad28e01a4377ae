"""Every verb is written once, in ``tamis.actions``, and a page, a command and a method call it, or it is said why not."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

import tamis
import tamis.actions
import tamis.api
from tamis.actions.roles import needed_role
from tamis.cli.main import ROOT as COMMANDS
from tamis.store.actor import ROLES as ORDERED
from tests.verbs import QUESTIONS, ROLES, VERBS, No

ROOT = Path(__file__).resolve().parent.parent


@cache
def public_functions() -> set[str]:
    """Every public function that a module of ``tamis.actions`` defines, by module and name."""
    found = set()
    for path in (ROOT / "core" / "tamis" / "actions").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT / "core" / "tamis" / "actions").with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.add(f"{module}.{node.name}")
    return found


@cache
def called_by(page: str) -> set[str]:
    """The functions of ``tamis.actions`` that a page, its parts, or what pages share and the server import and mention."""
    files = [ROOT / "pages" / f"{page}.py", *(ROOT / "pages" / "parts" / page).rglob("*.py")]
    if page == "shared":
        rooms = [ROOT / "pages" / "shared", ROOT / "pages" / "serving"]
        files = [ROOT / "app.py", *(path for room in rooms for path in room.rglob("*.py"))]
    found: set[str] = set()
    for path in files:
        found |= _mentioned(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _mentioned(tree: ast.AST) -> set[str]:
    found, modules = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tamis.actions"):
            inside = (node.module or "").removeprefix("tamis.actions").removeprefix(".")
            for alias in node.names:
                found.add(f"{inside}.{alias.name}")
                modules[alias.asname or alias.name] = f"{inside}.{alias.name}".strip(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found.add(f"{modules[node.value.id]}.{node.attr}")
    return found


@cache
def front_door() -> dict[str, type]:
    """The classes of the front door by name."""
    found = {}
    for info in pkgutil.iter_modules(tamis.api.__path__):
        module = importlib.import_module(f"tamis.api.{info.name}")
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                found[name] = value
    return found


def test_every_function_is_in_the_table_once() -> None:
    questions = {f"{module}.{name}" for module, (_, names) in QUESTIONS.items() for name in names.split()}
    assert public_functions() == set(VERBS) | questions, "say in tests/verbs.py who calls what is new"
    assert not set(VERBS) & questions


def test_a_reason_is_a_sentence() -> None:
    reasons = [caller.reason for verb in VERBS.values() for caller in verb if isinstance(caller, No)]
    assert all(len(reason) > 10 for reason in [*reasons, *(why for why, _ in QUESTIONS.values())])


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_asks_the_action(verb: str) -> None:
    page = VERBS[verb].page
    if isinstance(page, No):
        others = [one.stem for one in (ROOT / "pages").glob("*.py") if one.stem != "__init__"]
        found = [one for one in [*others, "shared"] if verb in called_by(one)]
        assert not found, f"{verb} has a page after all: {found}"
    else:
        assert verb in called_by(page), f"page {page!r} does not import {verb}"


@pytest.mark.parametrize("verb", VERBS)
def test_the_command_is_there(verb: str) -> None:
    command = VERBS[verb].command
    if isinstance(command, No):
        return
    found: click.Command | None = COMMANDS
    for word in command.split():
        assert isinstance(found, click.Group), f"tamis {command} is no command"
        found = found.get_command(click.Context(found), word)
        assert found is not None, f"tamis {command} is no command"


@pytest.mark.parametrize("verb", VERBS)
def test_the_method_is_there(verb: str) -> None:
    method = VERBS[verb].method
    if isinstance(method, No):
        return
    owner, _, name = method.rpartition(".")
    if owner:
        assert getattr(front_door()[owner], name, None) is not None, f"{method} is no method"
    else:
        assert getattr(tamis, name) is not None


@pytest.mark.parametrize(("room", "place"), [("cli", 1), ("api", 2)])
def test_commands_and_methods_call_the_action_themselves(room: str, place: int) -> None:
    mentioned: set[str] = set()
    for path in (ROOT / "core" / "tamis" / room).rglob("*.py"):
        mentioned |= _mentioned(ast.parse(path.read_text(encoding="utf-8")))
    claimed = {verb for verb, callers in VERBS.items() if not isinstance(callers[place], No)}
    assert claimed - mentioned == set()
    assert (mentioned & set(VERBS)) - claimed == set(), "a verb has this caller after all"


def action(verb: str) -> Callable[..., Any]:
    """The function of a verb."""
    module, _, name = verb.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(f"tamis.actions.{module}"), name)
    return found


def test_every_verb_says_who_may_do_it() -> None:
    named = [verb for names in ROLES.values() for verb in names.split()]
    assert tuple(ROLES) == ORDERED
    assert len(named) == len(set(named))
    assert set(VERBS) - set(named) == set(), "say in ROLES of tests/verbs.py who may do what is new"
    assert set(named) <= public_functions()


def test_an_action_asks_for_the_role_of_the_table() -> None:
    of_verb = {verb: role for role, names in ROLES.items() for verb in names.split()}
    declared = {verb: needed_role(action(verb)) for verb in public_functions()}
    assert {verb: role for verb, role in declared.items() if role != of_verb.get(verb, "viewer")} == {}
