"""Copies of the database: whole ones, made by SQLite itself while others read and write."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from tamis.store.durable import make_folder, move_into_place
from tamis.store.modes import make_private_file

FOLDER = "backups"
KEPT_DAILY = 7
_DAILY, _MIGRATION = "daily-", "before-schema-"
_ASIDE, _LEFT_S = ".aside", 86_400.0  # of a killed process, after a day


def copy_database(source: Path, target: Path, *, version: int | None = None) -> Path | None:
    """Copy a database that may be in use; ``target`` is whole, or as it was before: of another schema than ``version``
    nothing is kept, and None returned. Raises sqlite3.DatabaseError for a damaged one.
    """
    make_folder(target.parent)
    # Of this process alone: two that start at once both copy.
    aside = target.with_name(f".{target.name}.{os.getpid()}{_ASIDE}")
    aside.unlink(missing_ok=True)
    make_private_file(aside)
    try:
        with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(aside)) as writing:
            reading.backup(writing)
            check_database(writing)
            found = writing.execute("PRAGMA user_version").fetchone()[0]
        if version not in (None, found):
            return None
        move_into_place(aside, target)
    finally:
        aside.unlink(missing_ok=True)
    return target


def check_database(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError when SQLite finds the file inconsistent."""
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    if found != ["ok"]:
        raise sqlite3.DatabaseError(f"the database is damaged: {'; '.join(found)}")


def copy_before_migration(source: Path, folder: Path, version: int) -> None:
    """Keep the database as it is now, with schema ``version``; one copy for each schema.

    One that is there is of a migration that did not come to its end, or of a database that was put back: what was done
    since is only in a new one. Nothing is kept where another process has migrated meanwhile, which made its own.
    """
    copy_database(source, folder / f"{_MIGRATION}{version + 1}.sqlite", version=version)


def copy_of_today(source: Path, folder: Path) -> Path | None:
    """One copy a day, the last seven kept; None when today's is there already."""
    target = folder / f"{_DAILY}{datetime.now(UTC):%Y%m%d}.sqlite"
    if target.exists():
        return None
    copy_database(source, target)
    for old in sorted(folder.glob(f"{_DAILY}*.sqlite"))[:-KEPT_DAILY]:
        old.unlink(missing_ok=True)
    for left in folder.glob(f".*{_ASIDE}"):
        with suppress(OSError):  # gone in this moment
            if time.time() - left.stat().st_mtime > _LEFT_S:
                left.unlink()
    return target
