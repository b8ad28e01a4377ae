"""What happened in a review: per row, per reviewer, and how far and how fast it goes."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import ArrayLike

from tamis.errors import InvalidOptions
from tamis.store.database.database import Database
from tamis.store.review.log import plain_rows, read_reversals, read_text, replay_dataset, row_log
from tamis.store.review.replay import LogEvent, LogRow, replay_events
from tamis.store.review.types import DecisionEvent, ReviewProgress, RowChange

RATE_WINDOW_S = 900.0  # decisions older than this say nothing about the pace now
RATE_PAUSE_S = 120.0  # a longer gap is a break and not a slow decision
RATE_DECISIONS = 30
_EVENT = """
    SELECT e.event_id, e.action, e.via, e.rule, e.proposals_id, coalesce(e.target, 0), e.n_rows,
        (SELECT count(*) FROM decision_rows AS r
         WHERE r.dataset_id = e.dataset_id AND r.event_id = e.event_id AND r.conflict = 1),
        CASE WHEN e.n_rows = 1 THEN coalesce(e.target_row, (
            SELECT min(r.example_id) FROM decision_rows AS r
            WHERE r.dataset_id = e.dataset_id AND r.event_id IN (e.event_id, e.target,
                (SELECT t.target FROM decision_events AS t WHERE t.event_id = e.target)))) END,
        e.reviewer, e.created_at
    FROM decision_events AS e
"""


def find_event(connection: sqlite3.Connection, dataset_id: str, event_id: int) -> DecisionEvent:
    """One entry of the log; raises InvalidOptions when the dataset has none of that id."""
    query = f"{_EVENT} WHERE e.dataset_id = ? AND e.event_id = ?"
    row = plain_rows(connection, query, (dataset_id, event_id)).fetchone()
    if row is None:
        raise InvalidOptions(f"Dataset {dataset_id!r} has no decision event {event_id}; reload the history.")
    dead = replay_events(read_reversals(connection, dataset_id), ()).dead
    return DecisionEvent(*(*row, event_id not in dead))


def decision_history(
    database: Database, dataset_id: str, *, reviewer: str | None = None, limit: int = 100
) -> list[DecisionEvent]:
    """The latest events of everyone or of one reviewer, newest first, undo and redo among them."""
    with database.reading() as connection:
        connection.execute("BEGIN")
        dead = replay_events(read_reversals(connection, dataset_id), ()).dead
        event_rows = plain_rows(
            connection,
            f"{_EVENT} WHERE e.dataset_id = ? AND (? IS NULL OR e.reviewer = ?) ORDER BY e.event_id DESC LIMIT ?",
            (dataset_id, reviewer, reviewer, limit),
        ).fetchall()
        connection.execute("COMMIT")
    return [DecisionEvent(*(*row, row[0] not in dead)) for row in event_rows]


def event_rows(database: Database, dataset_id: str, event_id: int, *, limit: int = 1000) -> list[RowChange]:
    """The rows that a decision was about, by example id, with the text before and after it; none for other events."""
    query = """
        SELECT r.example_id, r.verdict, r.new_hash, r.own_hash, r.conflict, r.old_hash, r.old_verdict,
            e.via, e.rule, e.proposals_id, e.reviewer, e.created_at
        FROM decision_rows AS r JOIN decision_events AS e USING (event_id)
        WHERE r.dataset_id = ? AND r.event_id = ? ORDER BY r.example_id LIMIT ?
    """
    with database.reading() as connection:
        connection.execute("BEGIN")
        alive = event_id not in replay_events(read_reversals(connection, dataset_id), ()).dead
        changes = [
            RowChange(
                event_id=event_id,
                example_id=row["example_id"],
                action="decide",
                via=row["via"],
                rule=row["rule"],
                proposals_id=row["proposals_id"],
                reviewer=row["reviewer"],
                created_at=row["created_at"],
                old_verdict=row["old_verdict"],
                new_verdict=row["verdict"],
                old_messages=read_text(connection, row["old_hash"]),
                new_messages=read_text(
                    connection, row["own_hash"] if row["verdict"] == "keep" else row["new_hash"]
                ),
                conflict=bool(row["conflict"]),
                active=alive,
            )
            for row in connection.execute(query, (dataset_id, event_id, limit))
        ]
        connection.execute("COMMIT")
    return changes


def row_history(database: Database, dataset_id: str, example_id: int) -> list[RowChange]:
    """Everything that happened to one row, oldest first: what stood before each event, and what after it."""
    with database.reading() as connection:
        connection.execute("BEGIN")
        events, rows = row_log(connection, dataset_id, example_id)
        dead = replay_events(events, rows).dead
        about = [event for event in events if event.target_row in (None, example_id)]
        changes = [
            _change(
                connection, (events[: events.index(event) + 1], rows), example_id, event.event_id not in dead
            )
            for event in about
        ]
        connection.execute("COMMIT")
    return changes


def review_progress(
    database: Database,
    dataset_id: str,
    rows: ArrayLike,
    *,
    reviewer: str | None = None,
    now: datetime | None = None,
) -> ReviewProgress:
    """How far the review of ``rows`` (example ids of the queue, each once) is.

    The rate is that of ``reviewer``, or of everyone together; decisions by rule count as decided, not in the rate.
    """
    with database.reading() as connection:
        connection.execute("BEGIN")
        replayed = replay_dataset(connection, dataset_id)
        vias = dict(
            plain_rows(
                connection,
                "SELECT event_id, via FROM decision_events WHERE dataset_id = ? AND via IN "
                "('approve', 'reject', 'edit') AND proposals_id != ''",
                (dataset_id,),
            )
        )
        rate = _rate(connection, dataset_id, reviewer, now or datetime.now(UTC))
        connection.execute("COMMIT")
    queue = np.asarray(rows, dtype=np.int64)
    decided_ids = np.fromiter(replayed.in_force, dtype=np.int64, count=len(replayed.in_force))
    decided = decided_ids[np.isin(decided_ids, queue)]
    judged = [via for i in decided.tolist() if (via := vias.get(replayed.in_force[i].event_id)) is not None]
    n_approved = judged.count("approve")
    return ReviewProgress(
        n_decided=len(decided),
        n_left=len(queue) - len(decided),
        rate_per_minute=rate,
        agreement_fraction=n_approved / len(judged) if judged else math.nan,
        n_approved=n_approved,
        n_judged=len(judged),
        n_conflicts=len(replayed.conflicts),
    )


def _rate(connection: sqlite3.Connection, dataset_id: str, reviewer: str | None, now: datetime) -> float:
    query = (
        "SELECT created_at FROM decision_events WHERE dataset_id = ? AND action = 'decide' AND via != 'rule' "
        "AND (? IS NULL OR reviewer = ?) ORDER BY event_id DESC LIMIT ?"
    )
    decided = plain_rows(connection, query, (dataset_id, reviewer, reviewer, RATE_DECISIONS))
    times = [datetime.fromisoformat(row[0]).timestamp() for row in decided]
    times = [time for time in times if now.timestamp() - time <= RATE_WINDOW_S]
    gaps = [later - earlier for later, earlier in zip(times, times[1:], strict=False)]
    worked = [gap for gap in gaps if gap <= RATE_PAUSE_S]
    return 60.0 * len(worked) / max(sum(worked), 1e-3) if worked else math.nan


def _change(
    connection: sqlite3.Connection,
    log: tuple[Sequence[LogEvent], Sequence[LogRow]],
    example_id: int,
    active: bool,
) -> RowChange:
    """The last of these events, and what stood for the row before and after it; the rows may go on after it."""
    events, rows = log
    event = events[-1]
    earlier = [row for row in rows if row.event_id < event.event_id]
    until = [row for row in rows if row.event_id <= event.event_id]
    before = replay_events(events[:-1], earlier).in_force.get(example_id)
    after = replay_events(events, until).in_force.get(example_id)
    own_row = next((row for row in rows if row.event_id == event.event_id), None)
    own_hash = next((row.own_hash for row in rows if row.own_hash), None)
    # A conflict changes nothing yet; its entry shows what it would.
    shown = own_row if own_row is not None and own_row.conflict else after
    via, rule, proposals_id, reviewer, created_at = plain_rows(
        connection,
        "SELECT via, rule, proposals_id, reviewer, created_at FROM decision_events WHERE event_id = ?",
        (event.event_id,),
    ).fetchone()
    return RowChange(
        event_id=event.event_id,
        example_id=example_id,
        action=event.action,
        via=via,
        rule=rule,
        proposals_id=proposals_id,
        reviewer=reviewer,
        created_at=created_at,
        old_verdict=before.verdict if before else "",
        new_verdict=shown.verdict if shown else "",
        old_messages=read_text(connection, _text_hash(before, own_hash)),
        new_messages=read_text(connection, _text_hash(shown, own_hash)),
        conflict=own_row is not None and bool(own_row.conflict),
        active=active,
    )


def _text_hash(row: LogRow | None, own_hash: str | None) -> str | None:
    if row is None or row.verdict == "keep":
        return own_hash
    return row.new_hash
