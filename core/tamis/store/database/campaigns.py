"""Campaigns in the database: what was asked for, where each stands, and its moves; a move is written once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import orjson

from tamis.campaigns.moves import Move, Past
from tamis.errors import UnknownName
from tamis.store.actor import Actor
from tamis.store.artifacts.store import utc_now
from tamis.store.database.audit import append_entry
from tamis.store.database.database import Database
from tamis.types import JSON

CampaignState = Literal["running", "waiting", "stopped", "failed", "done"]
STARTED, RESUMED, STOPPED = "campaign start", "campaign resume", "campaign stop"  # in the audit log
UNDER_WAY: tuple[CampaignState, ...] = ("running", "waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    """A campaign as it is stored; ``frozen`` are ids of frozen rows of its first dataset, by what they are for."""

    campaign_id: str
    kind: str
    dataset_id: str
    options: Mapping[str, JSON]
    frozen: Mapping[str, str]
    state: CampaignState
    reason: str
    best_round: int | None
    started_by: str
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRow:
    """A move as it is stored: its job where it is a step, what it makes, and its facts once it has ended."""

    number: int
    move: Move
    job_id: str
    made_dataset: str
    made: str
    facts: Mapping[str, JSON] | None
    started_at: str
    ended_at: str | None

    @property
    def past(self) -> Past:
        """As the next move is chosen by it."""
        return Past(self.move, self.made_dataset, self.made, self.facts or {})


def insert_campaign(database: Database, row: CampaignRow) -> bool:
    """Keep a new campaign, with the note of who started it; False where one of that id is there."""
    values = asdict(row) | {"options": orjson.dumps(row.options), "frozen": orjson.dumps(row.frozen)}
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    with database.writing() as connection:
        query = f"INSERT OR IGNORE INTO campaigns ({names}) VALUES ({marks})"  # noqa: S608 - names of fields
        if not connection.execute(query, values).rowcount:
            return False
        about = {"campaign": row.campaign_id}
        append_entry(connection, STARTED, row.dataset_id, about, name=row.started_by)
    return True


def note_campaign(database: Database, row: CampaignRow, word: str, name: str = "") -> None:
    """Note in the audit log that whoever holds the database resumes (RESUMED) or stops (STOPPED) a campaign."""
    with database.writing() as connection:
        append_entry(connection, word, row.dataset_id, {"campaign": row.campaign_id}, name=name)


def read_mover(database: Database, campaign_id: str) -> Actor | None:
    """Who started a campaign or resumed it last, with the role of then; None where the audit log does not say."""
    query = (
        "SELECT account, role, via FROM audit WHERE action IN (?, ?) AND "
        "CASE WHEN json_valid(details) THEN json_extract(details, '$.campaign') END = ? ORDER BY sequence DESC LIMIT 1"
    )
    with database.reading() as connection:
        found = connection.execute(query, (STARTED, RESUMED, campaign_id)).fetchone()
    return None if found is None else Actor(found["account"], found["role"], found["via"])


def read_campaign(database: Database, campaign_id: str) -> CampaignRow:
    """The campaign of that id; raises UnknownName naming those there are."""
    with database.reading() as connection:
        found = connection.execute("SELECT * FROM campaigns WHERE campaign_id = ?", (campaign_id,)).fetchone()
        if found is None:
            known = connection.execute("SELECT campaign_id FROM campaigns ORDER BY created_at DESC LIMIT 10")
            raise UnknownName("campaign", campaign_id, [row["campaign_id"] for row in known])
    return _campaign(found)


def read_campaigns(
    database: Database, states: Iterable[CampaignState] = (), dataset_id: str = ""
) -> list[CampaignRow]:
    """Campaigns in these states, of all where none is named, newest first."""
    wanted = list(states)
    where = [f"state IN ({', '.join('?' for _ in wanted)})"] if wanted else []
    where += ["dataset_id = ?"] if dataset_id else []
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    values = [*wanted, *([dataset_id] if dataset_id else [])]
    query = f"SELECT * FROM campaigns {condition} ORDER BY created_at DESC, campaign_id"  # noqa: S608 - marks only
    with database.reading() as connection:
        return [_campaign(row) for row in connection.execute(query, values)]


def set_state(
    database: Database,
    campaign_id: str,
    state: CampaignState,
    reason: str = "",
    best_round: int | None = None,
) -> None:
    """Say where a campaign stands; nothing is written where it stands there already."""
    query = (
        "UPDATE campaigns SET state = ?, reason = ?, best_round = ?, updated_at = ? WHERE campaign_id = ? "
        "AND (state, reason) IS NOT (?, ?)"
    )
    with database.writing() as connection:
        connection.execute(query, (state, reason, best_round, utc_now(), campaign_id, state, reason))


def read_moves(database: Database, campaign_id: str) -> list[MoveRow]:
    """Every move of a campaign, oldest first."""
    query = "SELECT * FROM campaign_moves WHERE campaign_id = ? ORDER BY number"
    with database.reading() as connection:
        return [_move(row) for row in connection.execute(query, (campaign_id,))]


def insert_move(
    database: Database,
    campaign_id: str,
    number: int,
    move: Move,
    *,
    job_id: str,
    made_dataset: str,
    made: str,
) -> bool:
    """Write down a move that has begun; False where somebody else has written one of that number."""
    query = (
        "INSERT OR IGNORE INTO campaign_moves (campaign_id, number, move, job_id, made_dataset, made, started_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    values = (campaign_id, number, orjson.dumps(asdict(move)), job_id, made_dataset, made, utc_now())
    with database.writing() as connection:
        return connection.execute(query, values).rowcount > 0


def end_move(database: Database, campaign_id: str, number: int, facts: Mapping[str, JSON]) -> None:
    """Write down what came of a move, once."""
    query = "UPDATE campaign_moves SET facts = ?, ended_at = ? WHERE campaign_id = ? AND number = ? AND ended_at IS NULL"
    with database.writing() as connection:
        connection.execute(query, (orjson.dumps(facts), utc_now(), campaign_id, number))


def _campaign(row: sqlite3.Row) -> CampaignRow:
    values = dict(row)
    return CampaignRow(
        **values | {"options": orjson.loads(values["options"]), "frozen": orjson.loads(values["frozen"])}
    )


def _move(row: sqlite3.Row) -> MoveRow:
    values = dict(row)
    del values["campaign_id"]
    move = Move(**orjson.loads(values["move"]))
    facts = None if values["facts"] is None else orjson.loads(values["facts"])
    return MoveRow(**values | {"move": move, "facts": facts})
