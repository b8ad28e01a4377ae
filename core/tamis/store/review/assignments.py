"""Whose rows are whose to decide, and what each of them decided: a row of several is decided by each for itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tamis.store.artifacts.store import utc_now
from tamis.store.database.audit import append_entry
from tamis.store.database.database import Database
from tamis.store.review.log import ROWS, plain_rows, read_decisions, read_reversals
from tamis.store.review.replay import LogRow, replay_events
from tamis.store.review.types import Decision
from tamis.types import Int64s


def assign_rows(
    database: Database, dataset_id: str, proposals_id: str, shares: Mapping[str, Int64s], assigned_by: str
) -> None:
    """Give each reviewer these rows of some proposals, in place of whatever was assigned of them before."""
    now = utc_now()
    with database.writing() as connection:
        connection.execute(
            "DELETE FROM assignments WHERE dataset_id = ? AND proposals_id = ?", (dataset_id, proposals_id)
        )
        connection.executemany(
            "INSERT INTO assignments VALUES (?, ?, ?, ?, ?, ?)",
            (
                (dataset_id, proposals_id, row, reviewer, assigned_by, now)
                for reviewer, rows in shares.items()
                for row in rows.tolist()
            ),
        )
        counts = {reviewer: len(rows) for reviewer, rows in shares.items()}
        append_entry(
            connection, "assign", dataset_id, {"proposals": proposals_id, "rows": counts}, name=assigned_by
        )


def assigned_rows(database: Database, dataset_id: str, proposals_id: str) -> dict[str, Int64s]:
    """The rows of each reviewer, sorted; empty where nothing is assigned."""
    query = (
        "SELECT reviewer, example_id FROM assignments WHERE dataset_id = ? AND proposals_id = ? "
        "ORDER BY reviewer, example_id"
    )
    found: dict[str, list[int]] = {}
    with database.reading() as connection:
        for reviewer, row in connection.execute(query, (dataset_id, proposals_id)):
            found.setdefault(str(reviewer), []).append(int(row))
    return {reviewer: np.asarray(rows, dtype=np.int64) for reviewer, rows in found.items()}


def own_decisions(database: Database, dataset_id: str, reviewer: str = "") -> list[LogRow]:
    """The decisions that each reviewer, or one, made row by row and has not taken back, in force or not, oldest first.

    What a rule decided, or a list, is left out: nobody looked at the row for that.
    """
    query = f"{ROWS} WHERE r.dataset_id = ? AND e.via != 'rule' AND (? = '' OR e.reviewer = ?) ORDER BY r.event_id"
    with database.reading() as connection:
        connection.execute("BEGIN")
        dead = replay_events(read_reversals(connection, dataset_id), ()).dead
        rows = [LogRow._make(row) for row in plain_rows(connection, query, (dataset_id, reviewer, reviewer))]
        connection.execute("COMMIT")
    return [row for row in rows if row.event_id not in dead]


def own_texts(database: Database, dataset_id: str, reviewer: str) -> list[Decision]:
    """``own_decisions`` of one reviewer with their texts, the last one of a row last; raises ArtifactDamaged."""
    rows = own_decisions(database, dataset_id, reviewer)
    with database.reading() as connection:
        return read_decisions(connection, dataset_id, rows)


def shared_rows(database: Database, dataset_id: str, reviewer: str) -> Int64s:
    """The rows that this person and others were given, of whichever proposals, sorted."""
    rows = [row for _, row in shared_with(database, dataset_id, reviewer)]
    return np.asarray(rows, dtype=np.int64)


def shared_with(
    database: Database, dataset_id: str, reviewer: str = "", proposals_id: str = ""
) -> list[tuple[str, int]]:
    """Who was given which rows that others were given, too: everybody, or one; of some proposals, or of any; by row."""
    query = (
        "SELECT DISTINCT mine.reviewer, mine.example_id FROM assignments AS mine JOIN assignments AS other "
        "USING (dataset_id, proposals_id, example_id) "
        "WHERE mine.dataset_id = ? AND (? = '' OR mine.reviewer = ?) AND (? = '' OR mine.proposals_id = ?) "
        "AND other.reviewer != mine.reviewer ORDER BY 2, 1"
    )
    with database.reading() as connection:
        return [
            (str(name), int(row))
            for name, row in connection.execute(
                query, (dataset_id, reviewer, reviewer, proposals_id, proposals_id)
            )
        ]


def own_event(database: Database, dataset_id: str, row: int, reviewer: str) -> int | None:
    """The decision that this person made about a row which others decide too, 0 for none yet.

    None for a row that is not assigned to several, where what others decided counts. By which proposals it is decided now
    plays no part: to overrule by others what the second of two had said would be no second opinion.
    """
    if row not in shared_rows(database, dataset_id, reviewer):
        return None
    own = [one.event_id for one in own_decisions(database, dataset_id, reviewer) if one.example_id == row]
    return own[-1] if own else 0
