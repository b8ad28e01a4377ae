"""SECURITY.md promises nothing that no test holds."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
TABLE = (ROOT / "README.md").read_text("utf-8").partition("## Trust")[2].partition("\n## ")[0]
PROMISED = _TEST.findall((ROOT / "SECURITY.md").read_text("utf-8"))
# Figures of the table that count the cases of a test of attacks: by row and words, its module, name and parameter.
COUNTED = {
    ("1", "{} ways to a pickle"): ("test_pickles", "test_no_way_loads_it", "way"),
    ("2", "{} paths"): ("test_access", "test_nothing_is_answered_without_the_token", "path"),
    ("2", "{} addresses"): ("test_access", "test_nothing_is_answered_without_the_token", "query"),
    ("2", "{} cookies"): ("test_accounts", "test_no_other_cookie_does", "cookie"),
    ("3", "{0} of {0} pairs"): ("test_secrets", "test_no_other_pair_does", "variable"),
    ("3", "{} statuses"): ("test_secrets", "test_no_redirect_takes_a_key_or_a_question_along", "status"),
    ("4", "{0} of {0} refused"): (
        "test_replay",
        "test_what_reaches_out_is_refused_before_anything_runs",
        "change",
    ),
    ("4", "{} kinds of nonsense"): (
        "test_replay",
        "test_what_a_manifest_cannot_mean_is_one_sentence",
        "change",
    ),
    ("4", "{} of garbage"): ("test_replay", "test_garbage_is_one_sentence", "content"),
    ("5", "{} escapes"): ("test_paths", "test_no_option_reads_outside", "escape"),
}
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


@pytest.mark.parametrize(("row", "words"), COUNTED)
def test_a_figure_of_the_readme_is_how_many_cases_its_test_has(row: str, words: str) -> None:
    module, name, parameter = COUNTED[row, words]
    marks = getattr(importlib.import_module(f"tests.attacks.{module}"), name).pytestmark
    cases = {
        (mark.args[0] if isinstance(mark.args[0], str) else mark.args[0][0]): len(mark.args[1])
        for mark in marks
        if mark.name == "parametrize"
    }
    (line,) = (one for one in TABLE.splitlines() if one.startswith(f"| {row}. "))
    figure = line.strip("| ").split(" | ")[-1]
    assert re.search(rf"\b{re.escape(words.format(cases[parameter]))}\b", figure), (cases, figure)


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
