"""What people curate is read by whoever they let in, not by everybody on the machine."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

import pytest

from tamis.actions.doctor import examine
from tamis.errors import InvalidOptions
from tamis.settings import Settings
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def open_handed():
    """The usual umask of a shared machine."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_workspace_is_its_owners_alone(tmp_path: Path) -> None:
    import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    assert _mode(tmp_path / "workspace") == 0o700
    assert examine(tmp_path / "workspace")["Workspace"]["private"] == "yes"


def test_a_workspace_that_is_there_stays_as_it_is_and_the_doctor_says_so(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    assert _mode(tmp_path / "workspace") == 0o755
    assert "chmod 700" in examine(tmp_path / "workspace")["Workspace"]["private"]


def test_a_shared_one_belongs_to_its_group(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    workspace = open_workspace(tmp_path / "workspace", Settings(group=group))
    assert workspace.database.path.exists()
    assert _mode(workspace.path) == 0o2770


def test_a_group_that_nobody_knows_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "workspace", Settings(group="no-such-group-here"))
    with pytest.raises(InvalidOptions, match=r"TAMIS_GROUP = 'no-such-group-here'"):
        _ = workspace.database
    assert not workspace.path.exists()
