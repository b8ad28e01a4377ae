"""SECURITY.md promises nothing that no test holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
TABLE = (ROOT / "README.md").read_text("utf-8").partition("## Trust")[2].partition("\n## ")[0]
PROMISED = _TEST.findall((ROOT / "SECURITY.md").read_text("utf-8"))
NAMED = sorted({*PROMISED, *_TEST.findall(TABLE)})


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_holds_a_promise_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_the_readme_has_a_row_for_everything_that_was_to_be_mended() -> None:
    """The twelve lines of what was found when all was attacked, and the four that belong to them."""
    rows = [line for line in TABLE.splitlines() if re.match(r"\| (\d+|[A-D])\. ", line)]
    numbers = [line.split(".")[0].removeprefix("| ") for line in rows]
    assert numbers == [*map(str, range(1, 13)), *"ABCD"]
    for line in rows:
        _, tested, figure = line.strip("| ").split(" | ")
        assert _TEST.search(tested) and figure, line


def test_every_promise_names_a_test_and_every_attack_is_promised() -> None:
    document = (ROOT / "SECURITY.md").read_text("utf-8")
    promises = [
        line
        for line in document.partition("held by")[2].splitlines()
        if line.startswith("| ") and "---" not in line
    ]
    assert len(promises) > 8
    assert all("::" in line for line in promises)
    attacks = {f"tests/attacks/{path.name}" for path in (ROOT / "tests" / "attacks").glob("test_*.py")}
    assert attacks <= {file for file, _ in PROMISED}
