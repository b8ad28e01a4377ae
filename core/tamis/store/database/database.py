"""SQLite for what changes: jobs, names, tags. Opened only by the app and the command line, never by a worker."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from tamis.errors import CurationError
from tamis.store.actor import AT_THE_MACHINE, Actor
from tamis.store.database.adopting import end_under_way
from tamis.store.database.audit import ActingConnection
from tamis.store.database.backups import FOLDER, copy_before_migration, copy_database, copy_of_today
from tamis.store.database.migrations import MIGRATIONS
from tamis.store.database.place import DATABASE_NAME, database_file
from tamis.store.database.whereabouts import is_at_home, note_home
from tamis.store.durable import write_atomically
from tamis.store.modes import keep_private, make_private_file, make_private_folder

logger = logging.getLogger(__name__)
BUSY_S = 30.0


class Database:
    """A workspace's database; every use opens a short-lived connection, so threads share nothing.

    It lies in the workspace, or in ``folder``; copies of it are kept in the workspace (``backups``). Raises
    CurationError for a file that is no database, or one of a newer Tamis, and for a disk of the network.
    """

    _is_open = False
    actor = AT_THE_MACHINE

    def __init__(self, workspace: Path, folder: Path | None = None, group: str | None = None) -> None:
        self.path = database_file(workspace, folder)
        self.backups = workspace / FOLDER
        self._group = group
        self.is_read_only = workspace.exists() and not os.access(workspace, os.W_OK)
        if self.is_read_only:
            self.path = self._copy_to_look_at(self.path)
        else:
            make_private_folder(workspace, group)
            make_private_folder(self.path.parent, group)
            self._take_over(workspace / DATABASE_NAME)
            if not self.path.exists():
                make_private_file(self.path, group)
        self._open()
        self._end_what_was_copied()
        # When the last connection closes, SQLite folds the log into the file and syncs the disk, which would make
        # every short use take 20 ms instead of one. This one is never used again; it only keeps the log open.
        self._log_keeper = sqlite3.connect(self.path, check_same_thread=False)
        self._log_keeper.execute("PRAGMA user_version").fetchall()
        self._is_open = True

    def acting_as(self, actor: Actor) -> Database:
        """The same database in the hands of an account; one that only looks writes nothing, whatever asks it to."""
        made = copy(self)
        made.actor = actor
        return made

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for queries; rows answer to column names."""
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def writing(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        When the block has ended, a power cut takes nothing of it away; without ``lasting`` it may take the last
        transactions, which is enough for what is written every second (claims, progress) and costs no wait for the disk.
        Raises CurationError in a workspace that cannot be written to, and NotAllowed for an account that only looks.
        """
        if self._is_open:
            self.require_writable()
        self.actor.require("reviewer")
        connection = self._connect()
        try:
            if lasting:
                connection.execute("PRAGMA synchronous = FULL")
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

    def require_writable(self) -> None:
        """Raise CurationError where the workspace can only be looked at."""
        if self.is_read_only:
            raise CurationError(
                f"{self.backups.parent} cannot be written to, so it can only be looked at. To work on it, copy it with "
                "tamis backup, and restore that to a folder of your own."
            )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_S, isolation_level=None, factory=ActingConnection
        )
        connection.actor = self.actor
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def copy_daily(self) -> None:
        """Keep a copy of today; one that cannot be made is said in the log, and stops nobody."""
        if self.is_read_only:
            return
        try:
            copy_of_today(self.path, self.backups)
        except (OSError, sqlite3.Error) as error:
            logger.warning("No copy of %s was made (%s: %s).", self.path, type(error).__name__, error)

    def _copy_to_look_at(self, path: Path) -> Path:
        """SQLite cannot read beside its log without writing, so a copy of both is what is opened."""
        self._kept = tempfile.TemporaryDirectory(prefix="tamis-")  # goes with this object
        copy = Path(self._kept.name) / path.name
        for ending in ("", "-wal"):
            source = path.with_name(path.name + ending)
            if source.exists():
                shutil.copy2(source, copy.with_name(copy.name + ending))
        return copy

    def _take_over(self, inside: Path) -> None:
        """Move the database out of the workspace the first time that the settings name another folder."""
        if self.path == inside or self.path.exists() or not inside.exists():
            return
        is_ours = is_at_home(inside)
        copy_database(inside, self.path)
        if is_ours:
            self._note_home()
        inside.rename(inside.with_name(f"{inside.name}.moved"))

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

    def _end_what_was_copied(self) -> None:
        """Jobs of a folder that was copied here would start by themselves, as whoever opens it."""
        if self.is_read_only or is_at_home(self.path):
            return
        with self.writing() as connection:
            end_under_way(connection)
        self._note_home()

    def _note_home(self) -> None:
        path, content = note_home(self.path)
        write_atomically(path, content)
        keep_private(path, self._group)

    def _migrate(self) -> None:
        with self.reading() as connection:
            _switch_to_log(connection)
        with self.reading() as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if 0 < version < len(MIGRATIONS) and not self.is_read_only:
            copy_before_migration(self.path, self.backups, version)
        if version:
            self.copy_daily()
        with self.writing() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[
                0
            ]  # another process may have been faster
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
