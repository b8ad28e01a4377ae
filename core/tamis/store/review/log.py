"""The log of decisions in the database: what is written, and what a replay needs read back."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from tamis.errors import ArtifactDamaged, InvalidOptions
from tamis.store.artifacts.store import utc_now
from tamis.store.review.replay import LogEvent, LogRow, Replayed, replay_events
from tamis.store.review.types import Decision
from tamis.types import Message

EVENT_COLUMNS = "event_id, action, target, target_row, kept_mine"
ROWS = """
    SELECT r.event_id, r.example_id, r.verdict, r.new_hash, r.own_hash, r.conflict,
        e.via, e.proposals_id, e.rule, e.reviewer, e.created_at
    FROM decision_rows AS r JOIN decision_events AS e ON e.event_id = r.event_id
"""
# What holds the row, whatever targets that, and so on: all that a replay of this one row depends on.
_ABOUT_ROW = """
    WITH RECURSIVE about (event_id) AS (
        SELECT event_id FROM decision_rows WHERE dataset_id = ? AND example_id = ?
        UNION SELECT e.event_id FROM decision_events AS e JOIN about AS a ON e.target = a.event_id
    )
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event that is about to be written."""

    dataset_id: str
    action: str
    reviewer: str
    n_rows: int
    via: str = ""
    rule: str = ""
    proposals_id: str = ""
    target: int | None = None
    target_row: int | None = None
    kept_mine: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A conversation as it is stored, and its hash: that of the examples, so that equal texts are recognised."""

    text_hash: str
    packed: str

    @classmethod
    def of(cls, messages: Sequence[Message], example_id: int) -> Text:
        """Pack a conversation; raises InvalidOptions when it is none or cannot be written as JSON."""
        turns = list(messages)
        if not turns or not all(
            isinstance(turn, dict) and isinstance(turn.get("role"), str) for turn in turns
        ):
            raise InvalidOptions(
                f"The conversation decided for row {example_id} is not a list of turns with a role and a content."
            )
        try:
            packed = orjson.dumps(turns)
            canonical = orjson.dumps(turns, option=orjson.OPT_SORT_KEYS)
        except TypeError as error:
            raise InvalidOptions(
                f"The conversation decided for row {example_id} cannot be stored as JSON ({error}). Replace the "
                "character or value that it names."
            ) from error
        if b"\\u0000" in packed:
            raise InvalidOptions(
                f"The conversation decided for row {example_id} holds NUL (\\u0000); remove it."
            )
        return cls(_hash(canonical), packed.decode())

    @classmethod
    def sound(cls, text_hash: str, packed: str) -> list[Message] | None:
        """The conversation that was stored under a hash; None where it is another by now."""
        try:
            messages: list[Message] = orjson.loads(packed)
            canonical = orjson.dumps(messages, option=orjson.OPT_SORT_KEYS)
        except (ValueError, TypeError):
            return None
        return messages if _hash(canonical) == text_hash else None


def _hash(canonical: bytes) -> str:
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()


def insert_event(connection: sqlite3.Connection, event: NewEvent) -> tuple[int, str]:
    """Append an event; returns its id and its time."""
    now = utc_now()
    cursor = connection.execute(
        "INSERT INTO decision_events (dataset_id, action, reviewer, n_rows, via, rule, proposals_id, target, "
        "target_row, kept_mine, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.dataset_id, event.action, event.reviewer, event.n_rows, event.via, event.rule,
            event.proposals_id, event.target, event.target_row, int(event.kept_mine), now,
        ),
    )  # fmt: skip
    assert cursor.lastrowid is not None
    return cursor.lastrowid, now


def insert_texts(connection: sqlite3.Connection, texts: Iterable[Text]) -> None:
    """Store texts; one that is there already is kept."""
    connection.executemany(
        "INSERT INTO decision_texts (text_hash, messages) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(text.text_hash, text.packed) for text in texts],
    )


def insert_rows(
    connection: sqlite3.Connection, dataset_id: str, rows: Iterable[tuple[LogRow, str | None, str]]
) -> None:
    """Append the rows of an event, each with the hash of the text before it and the verdict before it."""
    connection.executemany(
        "INSERT INTO decision_rows (dataset_id, event_id, example_id, verdict, new_hash, own_hash, conflict, "
        "old_hash, old_verdict) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(dataset_id, *row[:6], old_hash, old_verdict) for row, old_hash, old_verdict in rows],
    )


def replay_dataset(connection: sqlite3.Connection, dataset_id: str) -> Replayed:
    """Replay the whole log of a dataset."""
    rows = plain_rows(connection, f"{ROWS} WHERE r.dataset_id = ? ORDER BY r.event_id", (dataset_id,))
    return replay_events(read_reversals(connection, dataset_id), [LogRow._make(row) for row in rows])


def replay_row(connection: sqlite3.Connection, dataset_id: str, example_id: int) -> Replayed:
    """Replay what concerns one row: a few events, however long the log is."""
    return replay_events(*row_log(connection, dataset_id, example_id))


def row_log(
    connection: sqlite3.Connection, dataset_id: str, example_id: int
) -> tuple[list[LogEvent], list[LogRow]]:
    """The events that concern one row, and the decisions about it, in order."""
    about = (dataset_id, example_id)
    events = plain_rows(
        connection,
        f"{_ABOUT_ROW} SELECT {EVENT_COLUMNS} FROM decision_events WHERE event_id IN about ORDER BY event_id",
        about,
    )
    rows = plain_rows(
        connection,
        f"{ROWS} WHERE r.dataset_id = ? AND r.example_id = ? ORDER BY r.event_id",
        about,
    )
    return [LogEvent._make(event) for event in events], [LogRow._make(row) for row in rows]


def read_event_rows(connection: sqlite3.Connection, dataset_id: str, event_id: int) -> list[LogRow]:
    """The rows of one event that decides."""
    rows = plain_rows(connection, f"{ROWS} WHERE r.dataset_id = ? AND r.event_id = ?", (dataset_id, event_id))
    return [LogRow._make(row) for row in rows]


def read_reversals(connection: sqlite3.Connection, dataset_id: str) -> list[LogEvent]:
    """Every event that turns another one back or on, or settles it, in order."""
    query = (
        f"SELECT {EVENT_COLUMNS} FROM decision_events "
        "WHERE dataset_id = ? AND target IS NOT NULL ORDER BY event_id"
    )
    return [LogEvent._make(event) for event in plain_rows(connection, query, (dataset_id,))]


def read_text(connection: sqlite3.Connection, text_hash: str | None) -> tuple[Message, ...] | None:
    """A stored conversation; None for no hash. Raises ArtifactDamaged for one that is not what was stored."""
    if text_hash is None:
        return None
    row = connection.execute(
        "SELECT messages FROM decision_texts WHERE text_hash = ?", (text_hash,)
    ).fetchone()
    return _checked(text_hash, row[0] if row else "")


def _checked(text_hash: str, packed: str) -> tuple[Message, ...]:
    messages = Text.sound(text_hash, packed)
    if messages is None:
        raise ArtifactDamaged(
            f"The decided text {text_hash} is not what was stored: the database was changed or damaged. 'tamis doctor --verify' "
            "lists what else is; decide its rows again, or bring a backup back with 'tamis restore'."
        )
    return tuple(messages)


def read_decisions(connection: sqlite3.Connection, dataset_id: str, rows: Sequence[LogRow]) -> list[Decision]:
    """The rows of a replay as decisions, with their texts."""
    wanted = {row.new_hash for row in rows}
    if len(wanted) <= 50:
        texts = {text_hash: read_text(connection, text_hash) for text_hash in wanted}
    else:
        texts = _new_texts(connection, dataset_id, wanted)
    return [
        Decision(
            event_id, example_id, verdict, texts[new_hash], via, proposals_id, rule, reviewer, created_at  # type: ignore[arg-type]  # the tables check verdict and via
        )
        for (
            event_id, example_id, verdict, new_hash, _, _, via, proposals_id, rule, reviewer, created_at,
        ) in rows
    ]  # fmt: skip


def plain_rows(connection: sqlite3.Connection, query: str, values: tuple[object, ...]) -> sqlite3.Cursor:
    """Rows as plain tuples, which are made several times faster than rows that answer to names."""
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor.execute(query, values)


def _new_texts(
    connection: sqlite3.Connection, dataset_id: str, wanted: set[str | None]
) -> dict[str | None, tuple[Message, ...] | None]:
    texts: dict[str | None, tuple[Message, ...] | None] = {None: None}
    query = (
        "SELECT text_hash, messages FROM decision_texts WHERE text_hash IN "
        "(SELECT new_hash FROM decision_rows WHERE dataset_id = ? AND new_hash IS NOT NULL)"
    )
    for text_hash, packed in plain_rows(connection, query, (dataset_id,)):
        if text_hash in wanted:
            texts[text_hash] = _checked(text_hash, packed)
    return texts
