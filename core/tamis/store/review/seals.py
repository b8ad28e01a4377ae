"""Every event of the log of decisions is in the audit log too, with a digest of all that it says."""

from __future__ import annotations

import hashlib
import sqlite3

import orjson

from tamis.store.database.audit import append_entry
from tamis.store.review.log import NewEvent

DECISION = "decision"
_EVENT = (
    "SELECT dataset_id, action, via, rule, proposals_id, target, target_row, kept_mine, n_rows, reviewer, created_at "
    "FROM decision_events WHERE event_id = ?"
)
_ROWS = (
    "SELECT example_id, verdict, new_hash, old_hash, own_hash, old_verdict, conflict FROM decision_rows "
    "WHERE dataset_id = ? AND event_id = ? ORDER BY example_id"
)


def seal_event(
    connection: sqlite3.Connection, event_id: int, event: NewEvent, row: int | None = None
) -> None:
    """Note an event that this transaction has written, with its rows, in the audit log."""
    about = {
        "via": event.via,
        "rule": event.rule,
        "target": event.target,
        "row": row if row is not None else event.target_row,
    }
    details = {name: value for name, value in about.items() if value not in (None, "")}
    append_entry(
        connection,
        DECISION,
        event.dataset_id,
        {
            "event": event_id,
            "did": event.action,
            "n_rows": event.n_rows,
            **details,
            "digest": event_digest(connection, event_id),
        },
        name=event.reviewer,
    )


def event_digest(connection: sqlite3.Connection, event_id: int) -> str:
    """SHA-256 of an event and its rows as they are stored; empty for an event that is not there."""
    event = connection.execute(_EVENT, (event_id,)).fetchone()
    if event is None:
        return ""
    digest = hashlib.sha256(orjson.dumps(list(event)))
    for row in connection.execute(_ROWS, (event[0], event_id)):
        digest.update(orjson.dumps(list(row)))
    return digest.hexdigest()


def find_unsealed(connection: sqlite3.Connection) -> list[str]:
    """What the log of decisions says otherwise than the audit log: events changed, gone, or never noted; texts changed.

    Events of before there was an audit log are left alone.
    """
    sealed: dict[int, str] = {}
    for (packed,) in connection.execute("SELECT details FROM audit WHERE action = ?", (DECISION,)):
        details = orjson.loads(packed)
        sealed[int(details["event"])] = str(details["digest"])
    problems = []
    for event_id, digest in sealed.items():
        now = event_digest(connection, event_id)
        if now != digest:
            problems.append(f"decision {event_id} {'was changed' if now else 'is gone'}")
    if sealed:
        query = "SELECT event_id FROM decision_events WHERE event_id > ? ORDER BY event_id"
        for (event_id,) in connection.execute(query, (min(sealed),)):
            if event_id not in sealed:
                problems.append(f"decision {event_id} is in no entry")
    return problems + _changed_texts(connection)


def _changed_texts(connection: sqlite3.Connection) -> list[str]:
    problems = []
    for text_hash, packed in connection.execute("SELECT text_hash, messages FROM decision_texts"):
        try:
            canonical = orjson.dumps(orjson.loads(packed), option=orjson.OPT_SORT_KEYS)
        except orjson.JSONDecodeError:
            canonical = b""
        if hashlib.blake2b(canonical, digest_size=16).hexdigest() != text_hash:
            problems.append(f"the decided text {text_hash} was changed")
    return problems
