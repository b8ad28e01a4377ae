"""One public name means one thing: no top-level function or class stands under the same name in two modules.

A module that takes the name on from the other one (it imports it, under whatever alias) hands on the same thing a room
higher: an action that opens a workspace for a function of the store, a page that draws what an action reads. One module
of a room may do so. A command of the command line has the word that people type after its noun (``tamis tags delete``),
so it counts with its group.

``python tests/test_public_names.py`` lists all names that are defined more than once.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {"tamis": ROOT / "core", "pages": ROOT}

# What two modules may define under one name, and why the name still means one thing.
ALLOWED = {
    "run": "the table of steps demands one per module: what the step does",
    "main": "the entry point of a module that is run as a program",
    "kmeans": "tamis.kmeans is the method of compute on arrays, with its options checked",
}
# The front door names a method as the table of selectors does: tamis.kmq is kmq on arrays, with its options checked.
FRONT_DOOR = "tamis.api.selectors"


def test_no_public_name_means_two_things() -> None:
    names = {name: sorted(modules) for name, modules in several_meanings().items() if name not in ALLOWED}
    assert not names, "Rename all but one, or say in ALLOWED why they are the same thing."


def test_the_list_of_what_is_allowed_is_short_and_none_of_it_is_spare() -> None:
    assert len(ALLOWED) <= 25
    assert set(ALLOWED) <= set(several_meanings())


@cache
def several_meanings() -> dict[str, set[str]]:
    """Names that modules define which do not hand on each other's, with those modules."""
    defined, imported = read_modules()
    several = {}
    for name, modules in defined.items():
        first = {one for one in modules if not modules & _sources(one, name, imported)}
        if FRONT_DOOR in first and name in _selectors():
            first.discard(FRONT_DOOR)
        rooms = Counter(".".join(one.split(".")[:2]) for one in modules - first)
        if len(first) > 1 or any(n > 1 for n in rooms.values()):
            several[name] = modules
    return several


def _sources(module: str, name: str, imported: dict[str, dict[str, set[str]]]) -> set[str]:
    """The modules that a module has a name from, also by way of others that hand it on."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        further = imported.get(waiting.pop(), {}).get(name, set()) - found
        found |= further
        waiting += further
    return found


def read_modules() -> tuple[dict[str, set[str]], dict[str, dict[str, set[str]]]]:
    """The modules that define each public name, and for each module the modules that it imports a name from."""
    defined: dict[str, set[str]] = defaultdict(set)
    imported: dict[str, dict[str, set[str]]] = {}
    for package, folder in SOURCES.items():
        for path in sorted((folder / package).rglob("*.py")):
            module = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not _is_private(node):
                    defined[node.name].add(module)
            imported[module] = _imports(tree)
    return defined, imported


def _is_private(node: ast.FunctionDef | ast.ClassDef) -> bool:
    called = (ast.unparse(one.func) for one in node.decorator_list if isinstance(one, ast.Call))
    return node.name.startswith("_") or any(name.split(".")[-1] in ("command", "group") for name in called)


def _imports(tree: ast.Module) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    aliases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.name].add(node.module)
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found[node.attr].add(aliases[node.value.id])
    return found


def _selectors() -> set[str]:
    from tamis.selectors import SELECTORS

    return set(SELECTORS)


if __name__ == "__main__":
    for name, modules in sorted(several_meanings().items()):
        print(f"{name}: {', '.join(sorted(modules))}")
