"""Which place a database is at home in: jobs that were submitted elsewhere do not start by themselves in a copy of it."""

from __future__ import annotations

import json
import platform
from pathlib import Path

ENDING = ".place"


def is_at_home(database: Path) -> bool:
    """Whether a database is the file that was made here, moved or not: a copy is another file in another place."""
    try:
        noted = json.loads(_note(database).read_text("utf-8"))
        # Either will do: a folder that is moved keeps its file, and some disks give a file a new number at each mount.
        return bool(noted["file"] == _file(database) or noted["path"] == _path(database))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def note_home(database: Path) -> tuple[Path, bytes]:
    """The file that says where a database is at home, and what belongs in it."""
    return _note(database), json.dumps({"file": _file(database), "path": _path(database)}).encode()


def _note(database: Path) -> Path:
    return database.with_name(database.name + ENDING)


def _file(database: Path) -> int:
    return database.stat().st_ino


def _path(database: Path) -> str:
    try:
        machine = Path("/etc/machine-id").read_text("utf-8").strip()
    except OSError:
        machine = ""
    return f"{machine or platform.node()}:{database.absolute()}"
