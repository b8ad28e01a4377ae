"""Rejected lines: counted by reason, shown, and written to a file."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tamis.actions.rejects import export_rejects, list_rejects, show_reject
from tamis.errors import CurationError, InvalidOptions, UnknownName
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import alpaca_file, import_file


@pytest.fixture
def mixed(workspace: Workspace, tmp_path: Path) -> str:
    path = alpaca_file(tmp_path, bad_lines=2)
    with path.open("ab") as stream:
        stream.write(b'{"instruction": "Q", "output": ""}\n')
    return import_file(workspace.path, path)


def test_every_line_is_counted_under_one_reason(workspace: Workspace, mixed: str) -> None:
    found = list_rejects(workspace, mixed)
    assert found.lines.num_rows == sum(found.reasons.values()) == 3
    most, fewest = found.reasons
    assert (found.reasons[most], found.reasons[fewest]) == (2, 1)
    assert found.of(most)["line"].to_pylist() == [41, 42]
    assert found.of("").num_rows == 3
    with pytest.raises(UnknownName, match=fewest[:10]):
        found.of("no such reason")


def test_one_line_is_shown_with_its_reason(workspace: Workspace, mixed: str) -> None:
    reason, raw = show_reject(workspace, mixed, 41)
    assert "JSON" in reason and raw == "no json"
    with pytest.raises(InvalidOptions, match="was not rejected. 3 lines were"):
        show_reject(workspace, mixed, 1)


def test_lines_are_written_as_they_stood(workspace: Workspace, mixed: str, tmp_path: Path) -> None:
    with pytest.raises(CurationError, match="There is no folder"):
        export_rejects(workspace, mixed, tmp_path / "out" / "rejects.jsonl")
    (tmp_path / "out").mkdir()
    written = export_rejects(workspace, mixed, tmp_path / "out" / "rejects.jsonl")
    lines = [orjson.loads(line) for line in written.path.read_bytes().splitlines()]
    assert written.n_lines == len(lines) == 3
    assert [line["line"] for line in lines] == [41, 42, 43]
    assert set(lines[0]) == {"line", "reason", "raw"}
    reason = next(iter(list_rejects(workspace, mixed).reasons))
    assert export_rejects(workspace, mixed, tmp_path / "some.jsonl", reason=reason).n_lines == 2


def test_a_dataset_without_rejected_lines_has_none(workspace: Workspace, tmp_path: Path) -> None:
    whole = import_file(workspace.path, alpaca_file(tmp_path))
    found = list_rejects(workspace, whole)
    assert (found.lines.num_rows, found.reasons) == (0, {})
    assert export_rejects(workspace, whole, tmp_path / "none.jsonl").n_lines == 0
