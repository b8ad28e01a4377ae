"""A database of an earlier edition whose migration is killed at any statement: the old state or the new one, never between."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tamis.store.database import database as database_of
from tamis.store.database.audit import ActingConnection
from tamis.store.database.backups import copy_before_migration
from tamis.store.database.database import Database
from tamis.store.database.migrations import MIGRATIONS


def schema(file: Path) -> tuple[int, list[tuple[str, str]]]:
    """The version and every table, index and trigger with the statement that makes it."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        made = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name"
        ).fetchall()
        return connection.execute("PRAGMA user_version").fetchone()[0], made


def rows(file: Path) -> list[str]:
    """The names of the datasets, as decisions and tags a stranger to every migration."""
    with closing(sqlite3.connect(file)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM datasets")]


def of_edition(folder: Path, version: int) -> Path:
    """A database as the program of schema ``version`` left it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_of, "MIGRATIONS", MIGRATIONS[:version])
        database = Database(folder)
        with database.writing() as connection:
            connection.execute("INSERT INTO datasets VALUES ('d', 'kept', '2020')")
    return database.path


class Dying(ActingConnection):
    """A connection that is killed, process and all, before its ``left``-th statement of a migration."""

    left = 0

    def execute(self, sql, *values):
        if self.in_transaction:
            Dying.left -= 1
            if Dying.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(sql, *values)


def killed_at(folder: Path, number: int) -> bool:
    """Open a database in a process that is killed before a statement; False where it had none left and ended well."""
    child = os.fork()
    if not child:
        Dying.left, database_of.ActingConnection = number, Dying
        try:
            Database(folder)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_killed_at_any_statement_it_is_the_old_one_or_the_new_one(version, tmp_path):
    new = schema(of_edition(tmp_path / "new", len(MIGRATIONS)))
    number, was_killed = 0, True
    while was_killed:
        folder = tmp_path / str(number)
        file = of_edition(folder, version)
        old = schema(file)
        was_killed = killed_at(folder, number)
        assert schema(file) == (old if was_killed else new)
        copy = folder / "backups" / f"before-schema-{version + 1}.sqlite"
        assert schema(copy) == old
        assert rows(copy) == ["kept"]
        # The next start finishes what that one began.
        assert Database(folder).path == file
        assert (schema(file), rows(file)) == (new, ["kept"])
        number += 1 if number < 2 else 3
    assert number > len(MIGRATIONS) - version


def test_what_was_done_after_a_migration_that_did_not_end_is_in_the_copy_too(tmp_path):
    file = of_edition(tmp_path, 2)
    assert killed_at(tmp_path, 1)
    with closing(sqlite3.connect(file)) as connection, connection:  # the earlier edition is worked with again
        connection.execute("INSERT INTO datasets VALUES ('e', 'later', '2021')")
    Database(tmp_path)
    assert rows(tmp_path / "backups" / "before-schema-3.sqlite") == ["kept", "later"]


def test_a_process_that_comes_late_writes_over_no_copy(tmp_path):
    file = of_edition(tmp_path, 2)
    Database(tmp_path)
    copy_before_migration(
        file, tmp_path / "backups", 2
    )  # it had read the version before the other one migrated
    assert schema(tmp_path / "backups" / "before-schema-3.sqlite")[0] == 2
