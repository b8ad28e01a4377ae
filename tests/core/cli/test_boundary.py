"""The boundary of the command line: whatever is raised inside a command ends it with one sentence and an exit code."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tamis.cli.main import run
from tamis.errors import CurationError, InvalidOptions, explain_os_error
from tamis.store.error_log import log_error


class Panic(BaseException):
    """As libraries written in Rust raise one: no Exception."""


class WithoutText(Exception):
    def __str__(self) -> str:
        raise ValueError("an error that cannot be said")


def raised(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("tamis.actions.doctor.examine", fail)


@pytest.mark.parametrize(
    "error",
    [
        IndexError("index -1 is out of bounds for axis 0 with size 0"),
        OverflowError("Python int too large to convert to C long"),
        RecursionError("maximum recursion depth exceeded"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        KeyError("history"),
        AssertionError(),
        StopIteration(),
        EOFError(),
        ImportError("no such symbol"),
        NotImplementedError(),
        TimeoutError("timed out"),
        MemoryError(),
        OSError("a bare one"),
        OSError(errno.ENOSPC, "No space left on device", "/data/rows.jsonl"),
        PermissionError(errno.EACCES, "Permission denied", "/root/rows.jsonl"),
        IsADirectoryError(errno.EISDIR, "Is a directory", b"/data"),
        sqlite3.OperationalError("database is locked"),
        sqlite3.DatabaseError("file is not a database"),
        ExceptionGroup("two", [ValueError("one"), KeyError("other")]),
        Panic("called `Option::unwrap()` on a `None` value"),
        WithoutText(),
        SystemExit("a library that wants to end the process"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_exception_is_one_sentence_with_an_id_that_is_in_the_log(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raised(monkeypatch, error)
    assert run(["doctor", "--workspace", str(tmp_path), "--json"]) == 1
    answer = capsys.readouterr()
    (line,) = answer.err.splitlines()
    assert line.startswith("tamis: ")
    assert "Traceback (most" not in line
    told = json.loads(answer.out)
    assert told["error"] == line.removeprefix("tamis: ")
    assert told["error_id"] in line
    assert told["error_id"] in (tmp_path / "errors.log").read_text()


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InvalidOptions("budget = 0: give more."), 2, "budget = 0: give more."),
        (CurationError("The rows are gone."), 2, "The rows are gone."),
        (click.ClickException("no"), 2, "no"),
        (click.FileError("rows.jsonl", "gone"), 2, "rows.jsonl"),
        (click.Abort(), 130, "stopped"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_what_a_person_can_mend_is_said_without_a_log(
    error: BaseException,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raised(monkeypatch, error)
    assert run(["doctor", "--workspace", str(tmp_path)]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "errors.log").exists()


def test_debug_shows_the_traceback_of_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raised(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "/data"))
    assert run(["doctor", "--debug", "--workspace", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said
    assert "The disk of '/data' is full" in said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOENT, "There is no file or folder '/data/x'"),
        (errno.EISDIR, "'/data/x' is a folder where a file is needed"),
        (errno.EROFS, "cannot be written"),
        (errno.EDQUOT, "used up"),
        (errno.ESTALE, "'/data/x'"),
    ],
)
def test_a_refusal_of_the_system_names_the_path_and_the_next_step(code: int, said: str) -> None:
    assert said in explain_os_error(OSError(code, os.strerror(code), "/data/x"))
    assert "None" not in explain_os_error(OSError(code, os.strerror(code)))


def test_of_two_paths_the_one_that_was_to_be_written_is_named() -> None:
    error = OSError(errno.EISDIR, "Is a directory", "/data/.rows.tmp", None, "/data/rows")
    assert "'/data/rows'" in explain_os_error(error)


def test_a_workspace_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert run(["jobs", "list", "--workspace", str(file / "inside")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(file) in line


def test_a_file_that_is_no_database_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tamis.sqlite").write_bytes(bytes(range(256)) * 20)
    assert run(["jobs", "list", "--workspace", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line


def test_where_nothing_can_be_logged_the_sentence_still_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    raised(monkeypatch, ZeroDivisionError())
    monkeypatch.setattr(Path, "open", full)
    monkeypatch.setattr("tamis.store.error_log.open", full, raising=False)
    assert run(["doctor", "--workspace", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in line
    assert log_error(tmp_path, ZeroDivisionError()).path is None


def test_settings_that_are_wrong_do_not_hide_what_was_raised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAMIS_CPU_SLOTS", "many")
    assert run(["jobs", "list"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "TAMIS_CPU_SLOTS" in line


def shell(command: str) -> subprocess.CompletedProcess[str]:
    tamis = f"{sys.executable} -m tamis.cli"
    return subprocess.run(
        ["bash", "-c", command.replace("tamis", tamis, 1)], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is /dev/full")
def test_a_full_disk_behind_stdout_is_one_sentence() -> None:
    for command in ("tamis doctor --json > /dev/full", "tamis --help > /dev/full"):
        done = shell(command)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert "is full" in line


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("tamis --help | true; exit ${PIPESTATUS[0]}", 0),
        ("tamis datasets --nonsense 2> >(true)", 2),
        ("tamis doctor >&- 2>&-", 0),
        ("PYTHONIOENCODING=ascii tamis datasets rename ünbekannt x", 2),
    ],
)
def test_an_output_that_is_gone_or_narrow_is_no_traceback(command: str, code: int) -> None:
    done = shell(command)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_no_link_of_somebody_else_leads_the_log_of_errors_elsewhere(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "errors.log").symlink_to(victim)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(shared))
    assert log_error(tmp_path / "no workspace", ValueError("rows")).path is None
    assert victim.read_text() == "as it was"
    (shared / "errors.log").unlink()
    logged = log_error(tmp_path / "no workspace", ValueError("rows")).path
    assert logged is not None and logged.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert log_error(tmp_path / "no workspace", ValueError("rows")).path is None
