"""A workspace that cannot be written to is looked at on every page, and nothing in it changes."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from pages.shared.navigation import APP_PAGES
from pages.shared.server import open_server
from tamis.cli.main import run
from tamis.errors import CurationError
from tamis.store.database.database import Database
from tests.pages.page_workspace import alpaca_file, import_file, open_page, run_pipeline, said
from tests.pages.review_workspace import mixed_rows, write_proposals


def _state(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The workspace to copy, and its dataset."""
    folder = tmp_path_factory.mktemp("old")
    made = folder / "workspace"
    dataset_id = import_file(made, alpaca_file(folder), "Old questions")
    run_pipeline(made, dataset_id)
    write_proposals(made, dataset_id, mixed_rows())
    gc.collect()  # closes what the import had opened, which folds SQLite's log into the file
    return made, dataset_id


@pytest.fixture
def read_only(old: tuple[Path, str], workspace: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A dataset in a workspace that the system says cannot be written to; tests may run as somebody who always can."""
    made, dataset_id = old
    shutil.copytree(made, workspace)
    usual = os.access

    def access(path: str | Path, mode: int, **named: bool) -> bool:
        inside = Path(path).is_relative_to(workspace)
        return usual(path, mode, **named) and not (inside and mode & os.W_OK)

    monkeypatch.setattr(os, "access", access)
    open_server.clear()
    return dataset_id


@pytest.mark.parametrize("page", [page.name for page in APP_PAGES if page.exists])
def test_every_page_shows_what_is_there_and_changes_nothing(
    workspace: Path, read_only: str, page: str
) -> None:
    before = _state(workspace)
    app = open_page(page, dataset=read_only)
    assert not app.error, said(app)
    assert _state(workspace) == before


def test_what_would_change_it_is_refused_with_the_way_out(
    workspace: Path, read_only: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _state(workspace)
    with pytest.raises(CurationError, match="can only be looked at"), Database(workspace).writing():
        pass
    assert run(["--workspace", str(workspace), "datasets"]) == 0
    assert "Old questions" in capsys.readouterr().out
    for words in (
        ["datasets", "rename", read_only, "New"],
        ["run", "cluster", "--dataset", read_only, "--n-clusters", "3"],
        ["export", "--dataset", read_only, "--selection", "all", "--out", str(tmp_path / "all.jsonl")],
        ["tags", "add", "mine", "--dataset", read_only, "--rows", "1"],
        ["review", "note", "1", "Look here.", "--dataset", read_only],
    ):
        assert run(["--workspace", str(workspace), *words]) == 2
        said_so = capsys.readouterr().err.splitlines()[-1]
        assert "can only be looked at" in said_so, said_so
        assert "traceback" not in said_so
    assert _state(workspace) == before


def test_it_is_copied_away_as_it_says(workspace: Path, read_only: str, tmp_path: Path) -> None:
    before = _state(workspace)
    assert run(["--workspace", str(workspace), "backup", str(tmp_path / "copy.tar.zst")]) == 0
    assert run(["--workspace", str(workspace), "doctor", "--verify"]) == 0
    assert _state(workspace) == before


def test_buttons_say_that_it_can_only_be_looked_at(
    workspace: Path, read_only: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_REVIEWER", "ann")
    open_server.clear()
    app = open_page("review", dataset=read_only)
    assert not app.exception and not app.error, said(app)
    greyed = [one for one in app.button if one.disabled and "can only be looked at" in str(one.help)]
    assert greyed
