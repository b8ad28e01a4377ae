from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from tamis.errors import CurationError
from tamis.store.database.database import DATABASE_NAME, Database
from tamis.store.database.migrations import MIGRATIONS


def _insert(connection, dataset_id="d1"):
    connection.execute("INSERT INTO datasets VALUES (?, 'name', 'now')", (dataset_id,))


def _count(database) -> int:
    with database.reading() as connection:
        return connection.execute("SELECT count(*) FROM datasets").fetchone()[0]


def test_a_new_database_has_every_migration_and_wal(database):
    with database.reading() as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_opening_again_keeps_what_is_there(database):
    with database.writing() as connection:
        _insert(connection)
    assert _count(Database(database.path.parent)) == 1


def test_a_block_that_raises_changes_nothing(database):
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        _insert(connection)
        raise ZeroDivisionError
    assert _count(database) == 0


def test_the_first_error_is_the_one_that_is_raised(database):
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute("ROLLBACK")  # as SQLite does by itself when, say, the disk is full
        raise ZeroDivisionError


def test_rows_answer_to_column_names(database):
    with database.writing() as connection:
        _insert(connection)
    with database.reading() as connection:
        assert connection.execute("SELECT * FROM datasets").fetchone()["dataset_id"] == "d1"


def test_a_newer_schema_is_refused_with_what_to_do(database):
    with database.writing() as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(CurationError, match="schema 999.*Update Tamis"):
        Database(database.path.parent)


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / DATABASE_NAME).write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(CurationError, match=f"{DATABASE_NAME} is not a database"):
        Database(tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO tag_events (dataset_id, tag, action, rows, n_rows, reviewer, created_at) "
        "VALUES ('d', 't', 'explode', x'', 0, 'r', 'now')",
        "INSERT INTO tag_events (dataset_id, tag, action, rows, n_rows, reviewer, created_at) "
        "VALUES ('d', 't', 'undo', x'', 0, 'r', 'now')",
        "INSERT INTO tag_events (dataset_id, tag, action, target, rows, n_rows, reviewer, created_at) "
        "VALUES ('d', 't', 'undo', 77, x'', 0, 'r', 'now')",
    ],
)
def test_impossible_events_are_refused(database, statement):
    with pytest.raises(sqlite3.IntegrityError), database.writing() as connection:
        connection.execute(statement)


def _open_and_write(workspace: Path, barrier, number: int) -> None:
    barrier.wait(30)
    database = Database(workspace)
    for i in range(20):
        with database.writing() as connection:
            before = connection.execute("SELECT count(*) FROM datasets").fetchone()[0]
            _insert(connection, f"{number}-{i}-{before}")


def test_processes_may_create_and_write_it_at_the_same_moment(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_open_and_write, args=(tmp_path, barrier, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert _count(Database(tmp_path)) == 60
