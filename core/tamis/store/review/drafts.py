"""Edits that are not saved yet: one per row and reviewer, so that a reload or a closed editor loses no word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from tamis.errors import InvalidOptions
from tamis.store.artifacts.store import utc_now
from tamis.store.database.database import Database
from tamis.types import Message


@dataclass(frozen=True, slots=True)
class Draft:
    """A conversation as somebody left it, well formed or not; ``updated_at`` is UTC in ISO 8601."""

    example_id: int
    messages: tuple[Message, ...]
    updated_at: str


def save_draft(
    database: Database, dataset_id: str, example_id: int, reviewer: str, messages: Sequence[Message]
) -> None:
    """Keep an edit in place of the one before; raises InvalidOptions for text that cannot be written as JSON."""
    try:
        packed = orjson.dumps(list(messages)).decode()
    except TypeError as error:
        raise InvalidOptions(
            f"The edit of row {example_id} cannot be kept as JSON ({error}). Replace the character that it names."
        ) from error
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO drafts (dataset_id, example_id, reviewer, messages, updated_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET messages = excluded.messages, updated_at = excluded.updated_at",
            (dataset_id, example_id, reviewer, packed, utc_now()),
        )


def find_draft(database: Database, dataset_id: str, example_id: int, reviewer: str) -> Draft | None:
    """The reviewer's open edit of a row; None when there is none."""
    with database.reading() as connection:
        row = connection.execute(
            "SELECT messages, updated_at FROM drafts WHERE dataset_id = ? AND example_id = ? AND reviewer = ?",
            (dataset_id, example_id, reviewer),
        ).fetchone()
    return Draft(example_id, tuple(orjson.loads(row[0])), row[1]) if row else None


def delete_draft(database: Database, dataset_id: str, example_id: int, reviewer: str) -> None:
    """Forget an edit; nothing happens when there is none."""
    with database.writing() as connection:
        connection.execute(
            "DELETE FROM drafts WHERE dataset_id = ? AND example_id = ? AND reviewer = ?",
            (dataset_id, example_id, reviewer),
        )
