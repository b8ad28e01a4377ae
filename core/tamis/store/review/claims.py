"""Who looks at which row of a review: claims that end by themselves, so that two sessions never get the same row."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tamis.store.database.database import Database

CLAIM_TIMEOUT_S = 120.0
_AHEAD = "+"  # between the name of a session and a row that it holds beside the one it looks at


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that a session looks at until ``expires_at``, in seconds since 1970."""

    example_id: int
    session: str
    reviewer: str
    expires_at: float

    @property
    def tab(self) -> str:
        """The session, also of a row that it holds ahead."""
        return self.session.partition(_AHEAD)[0]


def claim(
    database: Database,
    dataset_id: str,
    candidates: Sequence[int],
    session: str,
    *,
    reviewer: str,
    timeout_s: float = CLAIM_TIMEOUT_S,
    now: float | None = None,
    since: int | None = None,
    ended: Collection[str] = (),
) -> int | None:
    """Claim the first candidate that no other living session has; None when all are taken, or there is none.

    A session holds one claim, besides those of ``claim_ahead``: the one it had moves, or is renewed when the row is the
    same. ``since`` is the revision
    of the decisions with which the candidates were computed: rows decided after it are passed over. ``ended`` are
    sessions known to be over: their claims are taken over where they are of the same reviewer. ``now`` is in seconds
    since 1970, the clock when None.
    """
    moment = time.time() if now is None else now
    with database.writing(lasting=False) as connection:
        connection.execute(
            "DELETE FROM claims WHERE dataset_id = ? AND (expires_at <= ? OR session = ?)",
            (dataset_id, moment, session),
        )
        passed = _passed(connection, dataset_id, (session, reviewer), since, ended)
        free = next((int(candidate) for candidate in candidates if candidate not in passed), None)
        if free is not None:
            connection.execute(
                "INSERT OR REPLACE INTO claims (dataset_id, example_id, session, reviewer, expires_at) VALUES (?, ?, ?, ?, ?)",
                (dataset_id, free, session, reviewer, moment + timeout_s),
            )
        return free


def claim_ahead(
    database: Database,
    dataset_id: str,
    candidates: Sequence[int],
    count: int,
    session: str,
    *,
    reviewer: str,
    since: int | None = None,
    ended: Collection[str] = (),
) -> list[int]:
    """Claim the first ``count`` candidates that no other living session has, beside the one that the session looks at.

    They take the place of those it held ahead before. The rest is as for ``claim``.
    """
    moment = time.time()
    with database.writing(lasting=False) as connection:
        connection.execute(
            "DELETE FROM claims WHERE dataset_id = ? AND (expires_at <= ? OR instr(session, ?) = 1)",
            (dataset_id, moment, session + _AHEAD),
        )
        passed = _passed(connection, dataset_id, (session, reviewer), since, ended)
        free = [int(candidate) for candidate in candidates if candidate not in passed][:count]
        at = {one.example_id for one in _claims(connection, dataset_id) if one.session == session}
        connection.executemany(
            "INSERT OR REPLACE INTO claims (dataset_id, example_id, session, reviewer, expires_at) VALUES (?, ?, ?, ?, ?)",
            [
                (dataset_id, row, f"{session}{_AHEAD}{row}", reviewer, moment + CLAIM_TIMEOUT_S)
                for row in free
                if row not in at
            ],
        )
        return free


def release(database: Database, dataset_id: str, session: str) -> None:
    """Give up the claim of a session; nothing happens when it has none."""
    with database.writing(lasting=False) as connection:
        connection.execute("DELETE FROM claims WHERE dataset_id = ? AND session = ?", (dataset_id, session))


def release_reviewer(database: Database, dataset_id: str, reviewer: str, except_session: str) -> int:
    """Give up the claims of a reviewer's other sessions; returns how many there were."""
    with database.writing(lasting=False) as connection:
        return connection.execute(
            "DELETE FROM claims WHERE dataset_id = ? AND reviewer = ? AND session != ? AND instr(session, ?) != 1",
            (dataset_id, reviewer, except_session, except_session + _AHEAD),
        ).rowcount


def claimed(database: Database, dataset_id: str, *, now: float | None = None) -> Mapping[int, Claim]:
    """The living claims of a dataset by example id."""
    moment = time.time() if now is None else now
    with database.reading() as connection:
        claims = _claims(connection, dataset_id)
    return {one.example_id: one for one in claims if one.expires_at > moment}


def _claims(connection: sqlite3.Connection, dataset_id: str) -> list[Claim]:
    query = "SELECT example_id, session, reviewer, expires_at FROM claims WHERE dataset_id = ?"
    return [Claim(*row) for row in connection.execute(query, (dataset_id,))]


def _passed(
    connection: sqlite3.Connection,
    dataset_id: str,
    mine: tuple[str, str],
    since: int | None,
    ended: Collection[str],
) -> set[int]:
    """The rows that this session and reviewer may not have."""
    session, reviewer = mine
    passed = {
        other.example_id
        for other in _claims(connection, dataset_id)
        if other.tab != session and (other.reviewer != reviewer or other.tab not in ended)
    }
    if since is not None:
        query = "SELECT example_id FROM decision_rows WHERE dataset_id = ? AND event_id > ?"
        passed.update(row[0] for row in connection.execute(query, (dataset_id, since)))
    return passed
