"""Every event of a log that is only added to is in the audit log too, with a digest of all that it says."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from tamis.store.database.audit import append_entry
from tamis.types import JSON


@dataclass(frozen=True, slots=True)
class SealedLog:
    """A log: ``word`` in the audit log, ``key`` of an event's number in its details.

    ``event`` reads one event by its number, the dataset first; ``rows`` what belongs to it, by dataset and number;
    ``numbers`` lists the events from a number on.
    """

    word: str
    key: str
    event: str
    numbers: str
    rows: str = ""


def seal(
    connection: sqlite3.Connection, log: SealedLog, number: int, about: Mapping[str, JSON], *, name: str
) -> None:
    """Note an event that this transaction has written in the audit log, with what is said ``about`` it."""
    dataset_id = str(connection.execute(log.event, (number,)).fetchone()[0])
    details = {log.key: number, **about, "digest": digest_of_event(connection, log, number)}
    append_entry(connection, log.word, dataset_id, details, name=name)


def digest_of_event(connection: sqlite3.Connection, log: SealedLog, number: int) -> str:
    """SHA-256 of an event and its rows as they are stored; empty for an event that is not there."""
    event = connection.execute(log.event, (number,)).fetchone()
    if event is None:
        return ""
    digest = hashlib.sha256(_packed(event))
    for row in connection.execute(log.rows, (event[0], number)) if log.rows else ():
        digest.update(_packed(row))
    return digest.hexdigest()


def find_unsealed(
    connection: sqlite3.Connection,
    log: SealedLog,
    dataset_id: str = "",
    among: Collection[int] | None = None,
) -> list[str]:
    """What the log says otherwise than the audit log: events changed, gone, or never noted.

    Events of before they were noted are left alone. Of one dataset, only events that are ``among`` some, or gone.
    """
    sealed: dict[int, str] = {}
    query = "SELECT details FROM audit WHERE action = ? AND (? = '' OR dataset_id = ?)"
    for (packed,) in connection.execute(query, (log.word, dataset_id, dataset_id)):
        # An entry that somebody wrote into says no event, or another one; the chain tells that it was changed.
        with suppress(ValueError, TypeError, LookupError):
            details = orjson.loads(packed)
            sealed[int(details[log.key])] = str(details["digest"])
    problems = []
    for number, digest in sealed.items():
        if among is not None and number not in among and connection.execute(log.event, (number,)).fetchone():
            continue
        now = digest_of_event(connection, log, number)
        if now != digest:
            problems.append(f"{log.word} {number} {'was changed' if now else 'is gone'}")
    if sealed and among is None:
        for (number,) in connection.execute(log.numbers, (min(sealed),)):
            if number not in sealed:
                problems.append(f"{log.word} {number} is in no entry")
    return problems


def _packed(values: Sequence[Any]) -> bytes:
    """Values as they are hashed; bytes, and text that is none, which only somebody else can have written, in Python's words."""
    try:
        return orjson.dumps(list(values), default=repr)
    except TypeError:
        return repr(list(values)).encode()
