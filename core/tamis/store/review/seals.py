"""Every event of the log of decisions is in the audit log too, with a digest of all that it says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from tamis.errors import ArtifactDamaged
from tamis.store.database import seals
from tamis.store.database.seals import SealedLog
from tamis.store.review.log import NewEvent, Text

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
    texts = connection.execute("SELECT text_hash, messages FROM decision_texts")
    return [
        f"the decided text {text_hash} was changed"
        for text_hash, packed in texts
        if Text.sound(text_hash, packed) is None
    ]


def require_sound(connection: sqlite3.Connection, dataset_id: str, in_force: Iterable[int]) -> None:
    """Raises ArtifactDamaged where what is in force, or took something back, is not what the audit log says of it, or is gone.

    What was decided anew since is not looked at, so that deciding a damaged row again is a way out.
    """
    others = connection.execute(
        "SELECT event_id FROM decision_events AS e WHERE dataset_id = ? AND (action != 'decide' OR n_rows != "
        "(SELECT count(*) FROM decision_rows AS r WHERE r.dataset_id = e.dataset_id AND r.event_id = e.event_id))",
        (dataset_id,),
    )
    wanted = {*in_force, *(int(number) for (number,) in others)}
    problems = seals.find_unsealed(connection, DECISIONS, dataset_id, among=wanted)
    if problems:
        raise ArtifactDamaged(
            f"{problems[0][0].upper()}{problems[0][1:]} since it was noted: the database was changed or damaged. 'tamis doctor "
            "--verify' lists what else is; decide its rows again, or bring a backup back with 'tamis restore'."
        )
