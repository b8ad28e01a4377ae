"""Decisions that are sent from elsewhere by number: each is made once and in order, however often it arrives."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from tamis.errors import OutOfOrder


@dataclass(frozen=True, slots=True)
class SentDecision:
    """Which sender's how manyth decision it is, from 1; what one sends again has the number that it had."""

    sender: str
    number: int


def find_answer(connection: sqlite3.Connection, sent: SentDecision, reviewer: str) -> int | None:
    """The event that this very decision made before; None when it is the next one.

    Raises OutOfOrder for any other number, and for a sender that belongs to somebody else.
    """
    last = connection.execute(
        "SELECT number, reviewer FROM sent_decisions WHERE sender = ? ORDER BY number DESC LIMIT 1",
        (sent.sender,),
    ).fetchone()
    if last is not None and last["reviewer"] != reviewer:
        raise OutOfOrder("This sender's decisions are somebody else's. Load the page again.", 1)
    query = "SELECT event_id FROM sent_decisions WHERE sender = ? AND number = ?"
    made = connection.execute(query, (sent.sender, sent.number)).fetchone()
    if made is not None:
        return int(made["event_id"])
    expected = int(last["number"]) + 1 if last is not None else 1
    if sent.number != expected:
        raise OutOfOrder(
            f"Decision {sent.number} came where decision {expected} is awaited. Send that one first.",
            expected,
        )
    return None


def keep_answer(connection: sqlite3.Connection, sent: SentDecision, reviewer: str, event_id: int) -> None:
    """Remember which event a decision made, in the same transaction."""
    connection.execute(
        "INSERT INTO sent_decisions (sender, number, event_id, reviewer) VALUES (?, ?, ?, ?)",
        (sent.sender, sent.number, event_id, reviewer),
    )
