"""The jobs table: reading rows, and the one way to change one, a conditional UPDATE."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import orjson
from pydantic import BaseModel

from tamis.errors import UnknownName
from tamis.jobs.model import Job, JobState, job_from_row
from tamis.store.database.database import Database

COLUMNS = tuple(field.name for field in fields(Job))
SELECT = f"SELECT {', '.join(f'jobs.{column}' for column in COLUMNS)} FROM jobs"

Columns = Mapping[str, object]
_ID_TIME, _ID_FORM = "%Y%m%d-%H%M%S-%f", f"{8 * '[0-9]'}-{6 * '[0-9]'}-{6 * '[0-9]'}-*"


def get(database: Database, job_id: str) -> Job:
    """The job of that id; raises UnknownName naming the newest ones."""
    with database.reading() as connection:
        job = find(connection, job_id)
        if job is None:
            newest = connection.execute("SELECT job_id FROM jobs ORDER BY job_id DESC LIMIT 5").fetchall()
            raise UnknownName("job", job_id, [row["job_id"] for row in newest])
    return job


def list_jobs(
    database: Database,
    *,
    states: Iterable[JobState] = (),
    dataset_id: str = "",
    step: str = "",
    limit: int = 100,
    offset: int = 0,
) -> list[Job]:
    """Jobs that match every filter that is given, newest first."""
    where, values = _where(states, dataset_id, step)
    query = f"{SELECT} {where} ORDER BY job_id DESC LIMIT ? OFFSET ?"
    with database.reading() as connection:
        return [job_from_row(row) for row in connection.execute(query, (*values, limit, offset))]


def links(database: Database, *, dataset_id: str = "") -> list[tuple[str, tuple[str, ...]]]:
    """Every job's id and the ids of those that it waits, or waited, for, newest first."""
    where, values = _where((), dataset_id, "")
    with database.reading() as connection:
        rows = connection.execute(f"SELECT job_id, waits_for FROM jobs {where} ORDER BY job_id DESC", values)
        return [(row["job_id"], tuple(orjson.loads(row["waits_for"]))) for row in rows]


def list_named(database: Database, job_ids: Sequence[str]) -> list[Job]:
    """The jobs of those ids that are there, newest first."""
    marks = ", ".join("?" * len(job_ids))
    query = f"{SELECT} WHERE job_id IN ({marks}) ORDER BY job_id DESC"
    with database.reading() as connection:
        return [job_from_row(row) for row in connection.execute(query, tuple(job_ids))]


def counts(database: Database, *, dataset_id: str = "", step: str = "") -> dict[JobState, int]:
    """Number of jobs in each state, zeros included."""
    where, values = _where((), dataset_id, step)
    query = f"SELECT state, count(*) AS n FROM jobs {where} GROUP BY state"
    with database.reading() as connection:
        n_by_state = {row["state"]: int(row["n"]) for row in connection.execute(query, values)}
    return {state: n_by_state.get(state, 0) for state in JobState}


def jobs_for_artifact(database: Database, dataset_id: str, kind: str, artifact_id: str) -> list[Job]:
    """Every job that made, or tried to make, an artifact, newest first."""
    query = f"{SELECT} WHERE dataset_id = ? AND kind = ? AND artifact_id = ? ORDER BY job_id DESC"
    with database.reading() as connection:
        rows = connection.execute(query, (dataset_id, kind, artifact_id))
        return [job_from_row(row) for row in rows]


def find(connection: sqlite3.Connection, job_id: str) -> Job | None:
    """The job of that id, or None."""
    row = connection.execute(f"{SELECT} WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else job_from_row(row)


def select(connection: sqlite3.Connection, where: str, values: Sequence[object] = ()) -> list[Job]:
    """Jobs by a condition written in this package; values are bound."""
    return [job_from_row(row) for row in connection.execute(f"{SELECT} {where}", tuple(values))]


def insert(connection: sqlite3.Connection, job: Job) -> None:
    """Add a row; raises sqlite3.IntegrityError while another job is under way for the same result."""
    values = [_stored(getattr(job, column)) for column in COLUMNS]
    marks = ", ".join("?" * len(COLUMNS))
    connection.execute(f"INSERT INTO jobs ({', '.join(COLUMNS)}) VALUES ({marks})", values)


def change(connection: sqlite3.Connection, job: Job, columns: Columns) -> bool:
    """Apply ``columns`` in one conditional UPDATE; False when the job has moved on since ``job`` was read.

    The condition is the state, the attempt and the handle of ``job``: what a decision about it was based on.
    """
    assignments = ", ".join(f"{name} = ?" for name in columns)
    cursor = connection.execute(
        f"UPDATE jobs SET {assignments} WHERE job_id = ? AND state = ? AND attempt = ? AND handle = ?",
        (*map(_stored, columns.values()), job.job_id, job.state, job.attempt, job.handle),
    )
    return cursor.rowcount == 1


def timestamp(clock: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC with microseconds, as every time in the database."""
    return datetime.fromtimestamp(clock, UTC).isoformat(timespec="microseconds")


def seconds_since(moment: str | None, clock: float) -> float:
    """Seconds from a stored time to ``clock``, never negative: a clock set back must not freeze a deadline."""
    if moment is None:
        return 0.0
    return abs(clock - datetime.fromisoformat(moment).timestamp())


def _where(states: Iterable[JobState], dataset_id: str, step: str) -> tuple[str, list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    if wanted := list(states):
        conditions.append(f"state IN ({', '.join('?' * len(wanted))})")
        values += [str(state) for state in wanted]
    for column, value in (("dataset_id", dataset_id), ("step", step)):
        if value:
            conditions.append(f"{column} = ?")
            values.append(value)
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _stored(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if isinstance(value, dict | tuple | list):
        return orjson.dumps(value).decode()
    return value


def new_id(database: Database, now: datetime) -> str:
    """An id that sorts after all others: by the time, or just after the last one where a clock has gone back."""
    with database.reading() as connection:
        latest = "SELECT max(job_id) FROM jobs WHERE job_id GLOB ?"
        last = connection.execute(latest, (_ID_FORM,)).fetchone()[0] or ""
    moment = now.strftime(_ID_TIME)
    if moment <= last[: len(moment)]:
        then = datetime.strptime(last[: len(moment)], _ID_TIME) + timedelta(microseconds=1)  # noqa: DTZ007 - as text
        moment = then.strftime(_ID_TIME)
    # The random end keeps two submitters of one microsecond apart.
    return f"{moment}-{secrets.token_hex(2)}"
