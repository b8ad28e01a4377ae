"""What people curate is read by whoever they let in, not by everybody on the machine."""

from __future__ import annotations

import grp
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from tamis.actions.backup import back_up, restore
from tamis.actions.doctor import examine
from tamis.cli.main import run
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


def _open_to_others(*roots: Path, but: int = 0o077) -> dict[str, str]:
    """Whatever below these the group, or everybody, may read or write."""
    found = {}
    for path in (path for root in roots for path in (root, *root.rglob("*"))):
        with suppress(FileNotFoundError):  # of a worker that ends in this moment
            if not path.is_symlink() and _mode(path) & but:
                found[str(path)] = oct(_mode(path))
    return found


# A command of every kind that writes; ``{dataset}`` is the one that the first imports.
_WRITING = [
    ["import", "{source}", "--name", "Mine"],
    ["run", "embed", "--dataset", "{dataset}", "--encoder", "hashing"],
    ["run", "cluster", "--dataset", "{dataset}", "--n-clusters", "3"],
    ["run", "select", "--dataset", "{dataset}", "--method", "random", "--budget", "5"],
    ["tags", "add", "good", "--rows", "1,2", "--dataset", "{dataset}"],
    ["decisions", "decide", "drop", "--rows", "3", "--dataset", "{dataset}"],
    ["apply", "--dataset", "{dataset}", "--name", "Version"],
    ["target", "add", "--dataset", "{dataset}", "--prompt", "How is bread made?", "--name", "baking"],
    ["scores", "import", "{scores}", "--name", "given", "--dataset", "{dataset}"],
    ["datasets", "rename", "{dataset}", "Mine again"],
    ["export", "--dataset", "{dataset}", "--selection", "all", "--out", "{out}/rows.jsonl"],
    ["card", "{out}/rows.jsonl.manifest.json"],
    ["replay", "{out}/rows.jsonl.manifest.json"],
    ["export-atlas", "--dataset", "{dataset}", "--out", "{out}/atlas.parquet"],
    ["share-map", "--dataset", "{dataset}", "--out", "{out}/map.html"],
    ["backup", "{out}/backup"],
    ["backup", "{out}/backup.tar.zst"],
    ["restore", "{out}/backup", "--workspace", "{out}/restored"],
    ["restore", "{out}/backup.tar.zst", "--workspace", "{out}/unpacked"],
    ["doctor", "--verify", "--recompute"],
    ["datasets", "delete", "{dataset}"],
]


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
def test_nothing_that_a_command_writes_is_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shared: bool
) -> None:
    out, place, databases = tmp_path / "out", tmp_path / "workspace", tmp_path / "databases"
    group = grp.getgrgid(os.getgid()).gr_name if shared else ""
    monkeypatch.setenv("TAMIS_DATABASE_FOLDER", str(databases))
    monkeypatch.setenv("TAMIS_GROUP", group)
    (tmp_path / "scores.csv").write_text("row,score\n1,0.5\n2,0.25\n")
    values = {"source": str(alpaca_file(tmp_path)), "scores": str(tmp_path / "scores.csv"), "out": str(out)}
    out.mkdir(mode=0o700)
    for command in _WRITING:
        os.umask(0o022)
        asked = [word.format(**values) for word in command]
        asked += [] if "--workspace" in asked else ["--workspace", str(place)]
        assert run(asked) == 0, (asked, capsys.readouterr())
        values.setdefault("dataset", next(one.name for one in (place / "datasets").iterdir()))
        wide = _open_to_others(place, databases, out, but=0o007 if shared else 0o077)
        assert not wide, (command, wide)
        capsys.readouterr()
    for folder in (place, databases, out / "backup", out / "restored", out / "unpacked"):
        assert _mode(folder) == (0o2770 if shared else 0o700), folder
    for file in (next(databases.glob("*.sqlite")), out / "backup.tar.zst", out / "backup" / "backup.json"):
        assert _mode(file) == (0o660 if shared else 0o600), file


def test_from_a_process_of_others_what_lies_outside_is_closed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAMIS_DATABASE_FOLDER", str(tmp_path / "databases"))
    workspace = open_workspace(tmp_path / "workspace")
    assert workspace.database.path.exists()
    back_up(workspace, tmp_path / "backup")
    back_up(workspace, tmp_path / "backup.tar.zst")
    restore(tmp_path / "backup.tar.zst", tmp_path / "restored")
    for path in (tmp_path / "databases", tmp_path / "backup", tmp_path / "restored"):
        assert not _open_to_others(path)
    assert _mode(tmp_path / "backup.tar.zst") == 0o600
    assert _mode(workspace.path) == 0o700


def test_a_folder_that_waits_for_a_workspace_says_itself_who_may_look(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    assert workspace.database.path.exists()
    back_up(workspace, tmp_path / "backup")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o2750)
    restore(tmp_path / "backup", tmp_path / "shared")
    assert _mode(tmp_path / "shared") == 0o2750


def test_a_database_elsewhere_that_is_open_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAMIS_DATABASE_FOLDER", str(tmp_path / "databases"))
    database = open_workspace(tmp_path / "workspace").database
    assert examine(tmp_path / "workspace")["Workspace"]["private"] == "yes"
    database.path.chmod(0o644)
    assert "can read its database" in examine(tmp_path / "workspace")["Workspace"]["private"]


def test_a_backup_changes_no_mode_of_what_it_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is open there stays so, as what belongs to another does; both are copied, and what is closed is linked."""
    dataset = import_file(tmp_path / "workspace", alpaca_file(tmp_path))
    workspace = open_workspace(tmp_path / "workspace")
    file = workspace.artifacts.examples(dataset).path / "examples.parquet"
    for mode, who, is_linked in (
        (0o644, os.getuid(), False),
        (0o600, os.getuid(), True),
        (0o600, 4242, False),
    ):
        file.chmod(mode)
        monkeypatch.setattr("tamis.store.modes.os.getuid", lambda who=who: who)
        target = tmp_path / f"backup-{oct(mode)}-{who}"
        back_up(workspace, target)
        copy = target / file.relative_to(workspace.path)
        assert _mode(file) == mode
        assert _mode(copy) == 0o600
        assert copy.samefile(file) == is_linked
