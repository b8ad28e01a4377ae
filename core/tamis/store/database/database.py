"""SQLite for what changes: jobs, names, tags. Opened only by the app and the command line, never by a worker."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tamis.errors import CurationError
from tamis.store.database.migrations import MIGRATIONS

DATABASE_NAME = "tamis.sqlite"
BUSY_S = 30.0


class Database:
    """A workspace's database; every use opens a short-lived connection, so threads share nothing."""

    def __init__(self, workspace: Path) -> None:
        workspace.mkdir(parents=True, exist_ok=True)
        self.path = workspace / DATABASE_NAME
        self._open()
        # When the last connection closes, SQLite folds the log into the file and syncs the disk, which would make
        # every short use take 20 ms instead of one. This one is never used again; it only keeps the log open.
        self._log_keeper = sqlite3.connect(self.path, check_same_thread=False)
        self._log_keeper.execute("PRAGMA user_version").fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for queries; rows answer to column names."""
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        connection = self._connect()
        try:
            # IMMEDIATE takes the write lock up front: a transaction that reads first and writes later could
            # otherwise fail with "database is locked" without waiting for the timeout.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                # SQLite rolls back by itself on some errors; a second ROLLBACK would hide the first error.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def _open(self) -> None:
        """Migrate; raises CurationError for a file that is no database.

        SQLite is asked, not the file: closing a file that was opened beside SQLite gives up every lock this process
        holds on it, and another process may then damage the database.
        """
        try:
            self._migrate()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
                raise
            raise CurationError(
                f"{self.path} is not a database. Move it away; a new one is made in its place."
            ) from error

    def _migrate(self) -> None:
        with self.reading() as connection:
            _switch_to_log(connection)
        with self.writing() as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise CurationError(
                    f"{self.path} was written by a newer version of Tamis (schema {version}, this one knows "
                    f"{len(MIGRATIONS)}). Update Tamis, or use another workspace."
                )
            for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")


def _switch_to_log(connection: sqlite3.Connection) -> None:
    """Write ahead to a log from now on; waits for processes that open the same new database at this moment.

    SQLite does not wait by itself here: the switch fails at once while another connection has the file.
    """
    deadline = time.monotonic() + BUSY_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
