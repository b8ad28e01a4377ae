"""docs/tests.md lists what `make test` leaves out, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "tests.md").read_text(encoding="utf-8")


def marks_nightly(node: ast.AST, names: set[str]) -> bool:
    """Whether a mark, or a list with such a mark in it, is part of an expression."""
    return any(
        (isinstance(part, ast.Attribute) and part.attr == "nightly")
        or (isinstance(part, ast.Name) and part.id in names)
        for part in ast.walk(node)
    )


def assigned_nightly(tree: ast.Module, names: set[str]) -> set[str]:
    """Names of a module whose value has the mark: parameters that several tests share, and ``pytestmark``."""
    assigned = [
        node for node in tree.body if isinstance(node, ast.Assign) and marks_nightly(node.value, names)
    ]
    return {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}


def nightly_tests() -> Iterator[str]:
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "tests").rglob("*.py"))
    }
    shared = {name for tree in trees.values() for name in assigned_nightly(tree, set())} - {"pytestmark"}
    for path, tree in trees.items():
        if not path.name.startswith("test_"):
            continue
        file = path.relative_to(ROOT).as_posix()
        if "pytestmark" in assigned_nightly(tree, shared):
            yield file
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and any(
                marks_nightly(one, shared) for one in node.decorator_list
            ):
                yield f"{file}::{node.name}"


def test_the_nightly_tests_are_listed_with_their_reasons() -> None:
    rows = re.findall(r"^\| `(tests/[^`]+)` \| ([^|]+) \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)
    assert sorted(test for test, _, _ in rows) == sorted(nightly_tests())
    assert all(len(why) > 15 and len(by_day) > 15 for _, why, by_day in rows)


def test_files_that_the_document_names_are_there() -> None:
    names = set(re.findall(r"`(test_\w+\.py)`", DOCUMENT))
    found = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert names <= found
