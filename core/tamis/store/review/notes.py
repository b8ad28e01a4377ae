"""What people say about a row besides deciding it: notes that are only added to."""

from __future__ import annotations

from dataclasses import dataclass

from tamis.errors import InvalidOptions
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.store import utc_now
from tamis.store.database.database import Database

MOST_CHARS = 4000
DROPPED = "Dropped: "  # what a note begins with that says why its author dropped the row


@dataclass(frozen=True, slots=True)
class Note(HtmlFacts):
    """What somebody wrote about a row, and when (UTC, ISO 8601)."""

    note_id: int
    example_id: int
    reviewer: str
    text: str
    created_at: str


def add_note(database: Database, dataset_id: str, example_id: int, text: str, reviewer: str) -> Note:
    """Keep a note; raises InvalidOptions for an empty one, and for more than 4,000 characters."""
    cleaned = text.strip().replace("\0", "")
    if not 0 < len(cleaned) <= MOST_CHARS:
        raise InvalidOptions(f"A note has 1 to {MOST_CHARS:,} characters; this one has {len(cleaned):,}.")
    now = utc_now()
    with database.writing() as connection:
        cursor = connection.execute(
            "INSERT INTO notes (dataset_id, example_id, reviewer, text, created_at) VALUES (?, ?, ?, ?, ?)",
            (dataset_id, example_id, reviewer, cleaned, now),
        )
    return Note(int(cursor.lastrowid or 0), example_id, reviewer, cleaned, now)


def list_notes(database: Database, dataset_id: str, example_id: int | None = None) -> list[Note]:
    """The notes of a row, or of all rows, oldest first."""
    where, values = ("AND example_id = ?", (example_id,)) if example_id is not None else ("", ())
    query = (
        "SELECT note_id, example_id, reviewer, text, created_at FROM notes "
        f"WHERE dataset_id = ? {where} ORDER BY example_id, note_id"
    )
    with database.reading() as connection:
        return [Note(*row) for row in connection.execute(query, (dataset_id, *values))]
