"""Blind votes between a fine-tuned model's answer and its base's: an append-only log."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from tamis.compute.compare.win_rate import Winner
from tamis.errors import InvalidOptions
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.store import utc_now
from tamis.store.database.database import Database
from tamis.store.database.seals import SealedLog, seal

Side: TypeAlias = Literal["tuned", "base"]
WITHDRAWN = "withdrawn"
VOTES = SealedLog(
    word="vote",
    key="vote",
    event="SELECT dataset_id, adapter_id, example_id, winner, left_was, reviewer, created_at FROM votes WHERE vote_id = ?",
    numbers="SELECT vote_id FROM votes WHERE vote_id > ? ORDER BY vote_id",
)


@dataclass(frozen=True, slots=True)
class Vote(HtmlFacts):
    """One reviewer's choice about one row; ``left_was`` is the answer that stood on the left."""

    vote_id: int
    adapter_id: str
    example_id: int
    winner: Winner
    left_was: Side
    reviewer: str
    created_at: str


def vote(
    database: Database,
    dataset_id: str,
    adapter_id: str,
    example_id: int,
    winner: Winner,
    reviewer: str,
    *,
    left_was: Side = "base",
) -> Vote:
    """Record a choice; a later one by the same reviewer about the same row takes its place. Raises InvalidOptions."""
    if winner not in get_args(Winner) or left_was not in get_args(Side):
        raise InvalidOptions(
            f"A vote is tuned, base or tie with tuned or base on the left; not {winner!r}, {left_was!r}."
        )
    with database.writing() as connection:
        return _append(connection, dataset_id, (adapter_id, example_id, winner, left_was, reviewer))


def undo_vote(database: Database, dataset_id: str, adapter_id: str, reviewer: str) -> Vote | None:
    """Withdraw this reviewer's latest vote in force about an adapter and return it; None when there is none."""
    with database.writing() as connection:
        mine = [v for v in _in_force(connection, dataset_id, adapter_id) if v.reviewer == reviewer]
        if not mine:
            return None
        last = max(mine, key=lambda found: found.vote_id)
        _append(connection, dataset_id, (adapter_id, last.example_id, WITHDRAWN, last.left_was, reviewer))
        return last


def votes(database: Database, dataset_id: str, adapter_id: str, *, reviewer: str | None = None) -> list[Vote]:
    """Votes in force about an adapter, one per row and reviewer, oldest first; of one reviewer when named."""
    with database.reading() as connection:
        in_force = _in_force(connection, dataset_id, adapter_id)
    return [v for v in in_force if reviewer is None or v.reviewer == reviewer]


def winners(
    database: Database, dataset_id: str, adapter_id: str, *, reviewer: str | None = None
) -> dict[int, Winner]:
    """The winner by example id; where reviewers differ, the one with more votes, and a tie when there are as many."""
    by_row: dict[int, list[Winner]] = {}
    for one in votes(database, dataset_id, adapter_id, reviewer=reviewer):
        by_row.setdefault(one.example_id, []).append(one.winner)
    return {example_id: _most(choices) for example_id, choices in sorted(by_row.items())}


def _most(choices: list[Winner]) -> Winner:
    tuned, base = choices.count("tuned"), choices.count("base")
    if tuned == base:
        return "tie"
    return "tuned" if tuned > base else "base"


def _append(connection: sqlite3.Connection, dataset_id: str, values: tuple[str, int, str, str, str]) -> Vote:
    adapter_id, example_id, winner, left_was, reviewer = values
    now = utc_now()
    cursor = connection.execute(
        "INSERT INTO votes (dataset_id, adapter_id, example_id, winner, left_was, reviewer, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (dataset_id, adapter_id, int(example_id), winner, left_was, reviewer, now),
    )
    identifier = int(cursor.lastrowid or 0)
    about = {"winner": winner, "row": int(example_id), "adapter": adapter_id}
    seal(connection, VOTES, identifier, about, name=reviewer)
    return Vote(identifier, adapter_id, int(example_id), winner, left_was, reviewer, now)  # type: ignore[arg-type]


def _in_force(connection: sqlite3.Connection, dataset_id: str, adapter_id: str) -> list[Vote]:
    rows = connection.execute(
        """
        SELECT vote_id, adapter_id, example_id, winner, left_was, reviewer, created_at FROM votes
        WHERE vote_id IN (
            SELECT MAX(vote_id) FROM votes WHERE dataset_id = ? AND adapter_id = ? GROUP BY example_id, reviewer
        ) AND winner != ? ORDER BY vote_id
        """,
        (dataset_id, adapter_id, WITHDRAWN),
    ).fetchall()
    return [Vote(**dict(row)) for row in rows]
