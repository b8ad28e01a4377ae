"""Tags on any number of rows at once: an append-only log of events whose replay says which rows carry which tag."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from tamis.errors import CurationError, InvalidOptions
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.store import utc_now
from tamis.store.database.database import Database
from tamis.store.database.seals import SealedLog, seal
from tamis.store.database.undo import History, UndoEvent, replay_undo
from tamis.store.row_sets import difference, pack_rows, row_set, union, unpack_rows
from tamis.types import Int64s

MAX_TAG_CHARS = 64
TAGS = SealedLog(
    word="tag",
    key="event",
    event="SELECT dataset_id, tag, action, reviewer, hex(rows), n_rows, target, together, created_at FROM tag_events "
    "WHERE event_id = ?",
    numbers="SELECT event_id FROM tag_events WHERE event_id > ? ORDER BY event_id",
)


@dataclass(frozen=True, slots=True)
class TagState:
    """Which rows carry which tag: sorted unique example ids per tag, tags without rows left out.

    ``revision`` grows with every event of the dataset, undo and redo included: the part of a cache key that tags
    determine.
    """

    revision: int = 0
    rows: Mapping[str, Int64s] = field(default_factory=lambda: MappingProxyType({}))

    def tagged(self, tag: str) -> Int64s:
        """Sorted ids of the rows with that tag; none for a tag that nobody has put on a row."""
        return self.rows.get(tag, np.empty(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class TagEvent(HtmlFacts):
    """One entry of the log, as the history shows it. ``active`` is False for a change that was undone."""

    event_id: int
    tag: str
    action: str
    n_rows: int
    reviewer: str
    created_at: str
    active: bool


def check_tag(tag: str) -> str:
    """The tag without spaces around it, in Unicode normal form C; raises InvalidOptions when it cannot be a tag."""
    cleaned = unicodedata.normalize("NFC", tag).strip()
    if not cleaned:
        raise InvalidOptions("A tag needs a name of 1 to 64 characters; this one is empty.")
    if len(cleaned) > MAX_TAG_CHARS:
        raise InvalidOptions(
            f"The tag {cleaned[:20]!r}… has {len(cleaned)} characters; use at most {MAX_TAG_CHARS}."
        )
    # Cc are control characters, Cs lone surrogates that no file and no URL can hold.
    bad = sorted({character for character in cleaned if unicodedata.category(character) in ("Cc", "Cs")})
    if bad:
        raise InvalidOptions(f"The tag {cleaned!r} holds control characters ({bad}); leave them out.")
    return cleaned


def add_tag(database: Database, dataset_id: str, tag: str, rows: Int64s, reviewer: str) -> TagEvent:
    """Put a tag on rows; rows that have it already keep it. Raises InvalidOptions."""
    return _record(database, dataset_id, tag, "add", rows, reviewer)


def remove_tag(database: Database, dataset_id: str, tag: str, rows: Int64s, reviewer: str) -> TagEvent:
    """Take a tag off rows; rows without it stay as they are. Raises InvalidOptions."""
    return _record(database, dataset_id, tag, "remove", rows, reviewer)


def rename_tag(
    database: Database, dataset_id: str, names: tuple[str, str], rows: Int64s, reviewer: str
) -> TagEvent:
    """Put the second tag on rows and take the first off, as one change; returns the former.

    Raises InvalidOptions for a name that is none, or that both share.
    """
    before, after = check_tag(names[0]), check_tag(names[1])
    if before == after:
        raise InvalidOptions(f"The tag is called {before!r} already; give another name.")
    payload = _payload(after, rows)
    with database.writing() as connection:
        event_id = _insert(connection, dataset_id, after, "add", reviewer, (*payload, None))
        _insert(connection, dataset_id, before, "remove", reviewer, (*payload, None), together=event_id)
        return _event(connection, event_id)


def undo_tag(database: Database, dataset_id: str, reviewer: str) -> TagEvent | None:
    """Undo this reviewer's latest change in force and return it; None when there is none."""
    return _turn(database, dataset_id, "undo", reviewer)


def redo_tag(database: Database, dataset_id: str, reviewer: str) -> TagEvent | None:
    """Redo the change that this reviewer undid last, unless a new change of theirs came after; None if none."""
    return _turn(database, dataset_id, "redo", reviewer)


def tag_revision(database: Database, dataset_id: str) -> int:
    """The revision of ``tag_state`` without reading any rows; 0 before the first event."""
    with database.reading() as connection:
        row = connection.execute(
            "SELECT coalesce(max(event_id), 0) FROM tag_events WHERE dataset_id = ?", (dataset_id,)
        ).fetchone()
        return int(row[0])


def tag_state(database: Database, dataset_id: str) -> TagState:
    """Replay the log of a dataset."""
    with database.reading() as connection:
        # One transaction, so that the history and the rows belong to the same moment.
        connection.execute("BEGIN")
        history, revision = _history(connection, dataset_id)
        state: dict[str, Int64s] = {}
        events = connection.execute(
            "SELECT event_id, tag, action, rows FROM tag_events WHERE dataset_id = ? "
            "AND action IN ('add', 'remove') ORDER BY event_id",
            (dataset_id,),
        )
        for event in events:
            if event["event_id"] in history.active:
                before = state.get(event["tag"], np.empty(0, dtype=np.int64))
                combine = union if event["action"] == "add" else difference
                state[event["tag"]] = combine(before, unpack_rows(event["rows"]))
        connection.execute("COMMIT")
    rows_by_tag = {tag: rows for tag, rows in sorted(state.items()) if len(rows)}
    for rows in rows_by_tag.values():
        rows.flags.writeable = False
    return TagState(revision, MappingProxyType(rows_by_tag))


def tag_history(database: Database, dataset_id: str, limit: int = 100) -> list[TagEvent]:
    """The latest events, newest first, undo and redo among them."""
    with database.reading() as connection:
        connection.execute("BEGIN")
        history, _ = _history(connection, dataset_id)
        events = connection.execute(
            "SELECT event_id, tag, action, n_rows, reviewer, created_at FROM tag_events "
            "WHERE dataset_id = ? ORDER BY event_id DESC LIMIT ?",
            (dataset_id, limit),
        ).fetchall()
        connection.execute("COMMIT")
    return [
        TagEvent(**dict(row), active=row["event_id"] in history.active or row["action"] in ("undo", "redo"))
        for row in events
    ]


def _record(
    database: Database, dataset_id: str, tag: str, action: str, rows: Int64s, reviewer: str
) -> TagEvent:
    name = check_tag(tag)
    payload = _payload(name, rows)  # before the transaction: the write lock is held for the insert alone
    with database.writing() as connection:
        event_id = _insert(connection, dataset_id, name, action, reviewer, (*payload, None))
        return _event(connection, event_id)


def _payload(name: str, rows: Int64s) -> tuple[bytes, int]:
    """Rows as an event holds them, and how many they are."""
    ids = row_set(rows)
    if not len(ids):
        raise InvalidOptions(f"No rows to tag {name!r}: the filter matches nothing. Widen it first.")
    if ids[0] < 0:
        raise InvalidOptions(f"Example id {ids[0]} cannot exist: ids start at 0.")
    return pack_rows(ids), len(ids)


def _turn(database: Database, dataset_id: str, action: str, reviewer: str) -> TagEvent | None:
    with database.writing() as connection:
        history, _ = _history(connection, dataset_id)
        stack = (history.undoable if action == "undo" else history.redoable).get(reviewer, ())
        if not stack:
            return None
        turned = [_event(connection, one) for one in (stack[-1], *_done_with(connection, stack[-1]))]
        for event in turned:
            _insert(connection, dataset_id, event.tag, action, reviewer, (b"", event.n_rows, event.event_id))
        return turned[0]


def _done_with(connection: sqlite3.Connection, event_id: int) -> list[int]:
    """The other half of a rename."""
    query = (
        "SELECT other.event_id FROM tag_events AS one JOIN tag_events AS other "
        "ON other.together = one.event_id OR other.event_id = one.together WHERE one.event_id = ?"
    )
    return [int(row[0]) for row in connection.execute(query, (event_id,))]


def _insert(
    connection: sqlite3.Connection,
    dataset_id: str,
    tag: str,
    action: str,
    reviewer: str,
    payload: tuple[bytes, int, int | None],
    *,
    together: int | None = None,
) -> int:
    cursor = connection.execute(
        "INSERT INTO tag_events (dataset_id, tag, action, reviewer, rows, n_rows, target, together, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (dataset_id, tag, action, reviewer, *payload, together, utc_now()),
    )
    assert cursor.lastrowid is not None
    about = {"did": action, "tag": tag, "n_rows": payload[1]}
    seal(connection, TAGS, cursor.lastrowid, about, name=reviewer)
    return cursor.lastrowid


def _event(connection: sqlite3.Connection, event_id: int) -> TagEvent:
    row = connection.execute(
        "SELECT event_id, tag, action, n_rows, reviewer, created_at FROM tag_events WHERE event_id = ?",
        (event_id,),
    ).fetchone()
    if row is None:
        raise CurationError(f"Tag event {event_id} is not in the database any more; reload the page.")
    return TagEvent(**dict(row), active=True)


def _history(connection: sqlite3.Connection, dataset_id: str) -> tuple[History, int]:
    rows = connection.execute(
        "SELECT event_id, action, reviewer, target FROM tag_events WHERE dataset_id = ? ORDER BY event_id",
        (dataset_id,),
    ).fetchall()
    steps = [UndoEvent(row["event_id"], row["action"], row["reviewer"], row["target"]) for row in rows]
    return replay_undo(steps), steps[-1].event_id if steps else 0
