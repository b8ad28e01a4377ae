"""tamis diff: counts, rows before and after, and texts that a terminal must not obey."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tamis.cli.main import run
from tests.pages.page_workspace import alpaca_file, import_file
from tests.pages.versions import HOSTILE, family


@pytest.fixture
def diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # noqa: ANN201 - a closure
    def call(*arguments: str, as_json: bool = False, code: int = 0) -> str:
        capsys.readouterr()
        flags = ["--json"] if as_json else []
        assert run(["--workspace", str(tmp_path / "w"), "diff", *arguments, *flags]) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return call


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    return family(tmp_path / "w", tmp_path)


def test_counts_and_words_are_printed(diff, pair: tuple[str, str]) -> None:
    out = diff("--dataset", pair[1])
    assert "1 corrected, 2 edited, 3 dropped, 34 as they were" in out
    assert "row 2 -> 1: corrected, ben <b> (by rule or list)" in out
    assert "{+, made clearer+}" in out
    assert "user: [-Question-]" in out or "user: [-Question 3 about" in out
    assert "row 1: dropped, ann (by rule or list)" in out


def test_nothing_in_a_row_reaches_the_terminal_as_a_command(diff, pair: tuple[str, str]) -> None:
    out = diff("--dataset", pair[1])
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "\\u001b[31mred" in out


def test_json_has_every_row_with_both_texts(diff, pair: tuple[str, str]) -> None:
    found = json.loads(diff("--dataset", pair[1], "--limit", "1", as_json=True))
    assert (found["dataset_id"], found["with"], found["base"]) == (pair[1], pair[0], pair[0])
    counts = {name: found[name] for name in ("n_corrected", "n_edited", "n_dropped", "n_added", "n_kept")}
    assert counts == {"n_corrected": 1, "n_edited": 2, "n_dropped": 3, "n_added": 0, "n_kept": 34}
    by_old = {row["old_id"]: row for row in found["rows"]}
    assert sorted(by_old) == [1, 2, 3, 4, 5, 9]
    assert by_old[4]["after"][-1]["content"] == HOSTILE
    assert (by_old[1]["new_id"], by_old[1]["after"], by_old[1]["before"][0]["role"]) == (None, None, "user")


def test_few_rows_are_printed_unless_all_are_asked_for(diff, pair: tuple[str, str]) -> None:
    out = diff("--dataset", pair[1], "--limit", "2")
    assert "4 more rows" in out
    assert "row 9" not in out
    assert "row 9" in diff("--dataset", pair[1], "--limit", "0")


def test_the_other_way_round_rows_are_added(diff, pair: tuple[str, str]) -> None:
    assert "3 added" in diff("--dataset", pair[0], "--with", pair[1])


def test_an_imported_dataset_has_nothing_to_be_compared_with(diff, tmp_path: Path) -> None:
    dataset = import_file(tmp_path / "w", alpaca_file(tmp_path))
    assert "--with DATASET" in diff("--dataset", dataset, code=2)
