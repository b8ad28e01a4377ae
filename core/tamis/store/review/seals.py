"""Every event of the log of decisions is in the audit log too, with a digest of all that it says."""

from __future__ import annotations

import hashlib
import sqlite3

import orjson

from tamis.store.database import seals
from tamis.store.database.seals import SealedLog
from tamis.store.review.log import NewEvent

DECISIONS = SealedLog(
    word="decision",
    key="event",
    event="SELECT dataset_id, action, via, rule, proposals_id, target, target_row, kept_mine, n_rows, reviewer, created_at "
    "FROM decision_events WHERE event_id = ?",
    numbers="SELECT event_id FROM decision_events WHERE event_id > ? ORDER BY event_id",
    rows="SELECT example_id, verdict, new_hash, old_hash, own_hash, old_verdict, conflict FROM decision_rows "
    "WHERE dataset_id = ? AND event_id = ? ORDER BY example_id",
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
    details = {"did": event.action, "n_rows": event.n_rows, **details}
    seals.seal(connection, DECISIONS, event_id, details, name=event.reviewer)


def find_changed_texts(connection: sqlite3.Connection) -> list[str]:
    """The decided texts that are not what their hashes say."""
    problems = []
    for text_hash, packed in connection.execute("SELECT text_hash, messages FROM decision_texts"):
        try:
            canonical = orjson.dumps(orjson.loads(packed), option=orjson.OPT_SORT_KEYS)
        except (ValueError, TypeError):
            canonical = b""
        if hashlib.blake2b(canonical, digest_size=16).hexdigest() != text_hash:
            problems.append(f"the decided text {text_hash} was changed")
    return problems
