from __future__ import annotations

import multiprocessing
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tamis.errors import CurationError
from tamis.store.database.backups import copy_of_today
from tamis.store.database.database import DATABASE_NAME, Database
from tamis.store.database.migrations import MIGRATIONS
from tamis.store.database.place import file_system_of


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


def test_a_disk_of_the_network_is_refused_with_the_way_out(tmp_path, monkeypatch):
    def kind(folder):
        return "nfs4" if folder.is_relative_to(tmp_path / "shared") else "ext4"

    monkeypatch.setattr("tamis.store.database.place.file_system_of", kind)
    with pytest.raises(CurationError, match=r"nfs4.*TAMIS_DATABASE_FOLDER"):
        Database(tmp_path / "shared" / "workspace")
    here = Database(tmp_path / "shared" / "workspace", tmp_path / "local")
    there = Database(tmp_path / "shared" / "other" / "workspace", tmp_path / "local")
    assert here.path.parent == tmp_path / "local"
    assert here.path != there.path


def test_the_kind_of_a_file_system_is_that_of_the_nearest_mount():
    assert file_system_of(Path("/proc/self")) == "proc"
    assert file_system_of(Path("/does/not/exist")) == file_system_of(Path("/"))


def test_a_database_moves_out_of_the_workspace_once(tmp_path):
    with Database(tmp_path / "w").writing() as connection:
        _insert(connection)
    moved = Database(tmp_path / "w", tmp_path / "local")
    assert _count(moved) == 1
    assert not (tmp_path / "w" / DATABASE_NAME).exists()
    assert (tmp_path / "w" / f"{DATABASE_NAME}.moved").exists()


def test_a_copy_is_kept_before_a_migration(tmp_path):
    database = Database(tmp_path)
    with database.writing() as connection:
        _insert(connection)
        connection.execute("DROP TABLE campaign_moves")
        connection.execute("DROP TABLE campaigns")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
    assert _count(Database(tmp_path)) == 1
    copy = database.backups / f"before-schema-{len(MIGRATIONS)}.sqlite"
    with sqlite3.connect(copy) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS) - 1
        assert connection.execute("SELECT count(*) FROM datasets").fetchone()[0] == 1


def test_one_copy_a_day_and_the_last_seven_stay(tmp_path):
    database = Database(tmp_path)
    for day in range(1, 10):
        database.backups.mkdir(exist_ok=True)
        (database.backups / f"daily-2020010{day}.sqlite").write_bytes(b"old")
    Database(tmp_path)
    kept = sorted(path.name for path in database.backups.iterdir())
    assert len(kept) == 7
    assert kept[0] == "daily-20200104.sqlite"
    assert Database(tmp_path).copy_daily() is None
    assert sorted(path.name for path in database.backups.iterdir()) == kept


def test_a_copy_that_cannot_be_made_stops_nobody(tmp_path, caplog):
    (tmp_path / "backups").write_text("a file where the folder should be")
    Database(tmp_path)
    assert _count(Database(tmp_path)) == 0
    assert "No copy" in caplog.text


def test_the_copy_that_another_process_makes_is_left_alone_and_what_a_killed_one_left_goes(tmp_path):
    source = tmp_path / "x.sqlite"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("CREATE TABLE t (x)")
    folder = tmp_path / "backups"
    folder.mkdir()
    young, old = folder / ".daily-20200101.sqlite.1.aside", folder / ".daily-20200101.sqlite.2.aside"
    young.touch()
    old.touch()
    os.utime(old, (1, 1))
    made = copy_of_today(source, folder)
    theirs = made.with_name(f".{made.name}.1.aside")  # the same copy, by a process that is at it
    theirs.touch()
    made.unlink()
    assert copy_of_today(source, folder) == made
    assert [young.exists(), theirs.exists(), old.exists()] == [True, True, False]
