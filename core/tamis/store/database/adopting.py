"""A database that came from elsewhere, before anything is done with it: nothing in it acts by itself."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tamis.errors import CurationError
from tamis.store.database.migrations import MIGRATIONS

# What folders are named after.
_NAMES = {"datasets": ("dataset_id",), "jobs": ("job_id", "dataset_id", "kind", "artifact_id")}
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_ENDED = "It was under way when the backup was made. Resume it to go on."
_COPIED = "It was under way in the workspace of which this is a copy. Resume it to go on."
_AT_REST = "('stopped', 'failed', 'done')"  # of campaigns
_UNDER_WAY = "state IN ('queued', 'running')"


def adopt_database(path: Path) -> int:
    """Make a restored database one of this machine: what waited or ran in it is ended, to be resumed by a person, because
    it would start by itself, with options of whoever wrote it and as whoever opens it. Returns how many jobs that were.

    Raises CurationError for tables, triggers and names of folders that no Tamis writes.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if strange := _strange_parts(connection) or _strange_names(connection):
            raise CurationError(
                f"The database of the backup has {strange!r} in a way in which Tamis does not write it. Take a backup that tamis "
                "backup made."
            )
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone():
            return 0  # of no edition yet: it is made when it is opened
        return end_under_way(connection, _ENDED)


def end_under_way(connection: sqlite3.Connection, reason: str = _COPIED) -> int:
    """End what waited or ran elsewhere, and forget by what handle it was known there; returns how many jobs that were.

    Campaigns are stopped with their jobs: each would make its next move by itself.
    """
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'campaigns'").fetchone():
        connection.execute(
            f"UPDATE campaigns SET state = 'stopped', reason = ? WHERE state NOT IN {_AT_REST}", (reason,)
        )
    return connection.execute(
        f"UPDATE jobs SET state = 'cancelled', handle = '', reason = ? WHERE {_UNDER_WAY}", (reason,)
    ).rowcount


def _strange_parts(connection: sqlite3.Connection) -> str:
    """A table, view, trigger or index that is not as the database's own edition makes it; empty for none."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    with closing(sqlite3.connect(":memory:")) as fresh:
        for statements in MIGRATIONS[:version]:
            for statement in statements:
                fresh.execute(statement)
        known, found = _parts(fresh), _parts(connection)
    return next((name for name in sorted({*found, *known}) if found.get(name) != known.get(name)), "")


def _parts(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """What each part is by its name, triggers with what they do: tables may differ by what SQLite makes of their text."""
    rows = connection.execute("SELECT name, type, tbl_name, sql FROM sqlite_master")
    return {
        name: (f"{kind} {table}", sql if kind in ("trigger", "view") else "")
        for name, kind, table, sql in rows
    }


def _strange_names(connection: sqlite3.Connection) -> str:
    """A name that would lead out of the folder it is joined to; empty for none."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in sorted(there & set(_NAMES)):
        for row in connection.execute(f"SELECT {', '.join(_NAMES[table])} FROM {table}"):
            for value in row:
                if not _NAME.fullmatch(str(value)):
                    return str(value)[:100]
    return ""
