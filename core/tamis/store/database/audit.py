"""Who did what when: entries that are only added, each with the hash of the one before, so that a change to any shows.

An entry is written in the transaction of what it is about where that is in the database. Whoever can write the file can
write the whole chain anew; a hash that was kept elsewhere tells that too.
"""

from __future__ import annotations

import getpass
import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from tamis.reprs import HtmlFacts
from tamis.store.actor import AT_THE_MACHINE, Actor
from tamis.store.artifacts.store import utc_now
from tamis.types import JSON

FIRST = "0" * 64  # what stands before the first entry
_COLUMNS = "sequence, at, account, role, via, action, dataset_id, details, previous, hash"


class ActingConnection(sqlite3.Connection):
    """A connection that knows in whose hands it is."""

    actor: Actor = AT_THE_MACHINE


@dataclass(frozen=True, slots=True)
class AuditEntry(HtmlFacts):
    """One thing that somebody did. ``at`` is UTC in ISO 8601; ``sequence`` says the order, whatever clocks say.

    ``account`` is the name that it is kept under: the account's, or the one given at the machine, empty for none.
    ``via`` is how that person came: machine, token, login, proxy. ``hash`` is the SHA-256 of everything else in it.
    """

    sequence: int
    at: str
    account: str
    role: str
    via: str
    action: str
    dataset_id: str
    details: Mapping[str, JSON]
    previous: str
    hash: str


def append_entry(
    connection: sqlite3.Connection,
    action: str,
    dataset_id: str = "",
    details: Mapping[str, JSON] | None = None,
    *,
    actor: Actor | None = None,
    name: str = "",
) -> AuditEntry:
    """Add an entry in the transaction of ``connection``, for whose hands it is in unless ``actor`` says otherwise.

    ``name`` is the one that what is done is kept under, where no account is logged in.
    """
    # Without an account and without a name that was given, the system's own name for whoever is at the machine.
    who = actor or (connection.actor if isinstance(connection, ActingConnection) else AT_THE_MACHINE)
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    last = connection.execute("SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    # The number goes on where it was, also when somebody has cut entries off: the gap shows.
    entry = AuditEntry(
        int(given[0]) + 1 if given else 1, utc_now(), who.account or name or _system_name(who), who.role, who.via, action, dataset_id,
        dict(details or {}), last[0] if last else FIRST, "",
    )  # fmt: skip
    values = asdict(entry) | {"details": _packed(entry.details), "hash": hash_of(entry)}
    connection.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
    )
    return AuditEntry(**asdict(entry) | {"hash": values["hash"]})


def read_entries(
    connection: sqlite3.Connection,
    *,
    dataset_ids: tuple[str, ...] = (),
    account: str = "",
    action: str = "",
    limit: int = -1,
) -> list[AuditEntry]:
    """The newest entries, newest first: of these datasets, of one account, of one kind of action; -1 for all."""
    where: list[str] = ["1"]
    values: list[object] = []
    if dataset_ids:
        where.append(f"dataset_id IN ({', '.join('?' * len(dataset_ids))})")
        values += dataset_ids
    for column, value in (("account", account), ("action", action)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    connection.text_factory = lenient_text
    query = f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(where)} ORDER BY sequence DESC LIMIT ?"
    return [_entry(tuple(row)) for row in connection.execute(query, (*values, limit))]


def lenient_text(value: bytes) -> str:
    """A text of the database, also one that is none: that it is none is for the check to say."""
    return value.decode("utf-8", "backslashreplace")


def hash_of(entry: AuditEntry) -> str:
    """SHA-256 of everything in an entry besides its own hash, in hexadecimal."""
    values = [value for name, value in asdict(entry).items() if name != "hash"]
    return hashlib.sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()


def find_breaks(connection: sqlite3.Connection) -> tuple[int, str, list[str]]:
    """How many entries there are, the last hash, and where the chain is broken: entries changed, gone, or moved."""
    connection.text_factory = lenient_text
    breaks: list[str] = []
    n, number, previous = 0, 0, FIRST
    for row in connection.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY sequence"):
        n += 1
        entry = _entry(tuple(row))
        if entry.sequence != number + 1:
            breaks.append(f"entries {number + 1} to {entry.sequence - 1} are gone")
        if entry.previous != previous:
            breaks.append(f"entry {entry.sequence} does not follow the one before it")
        if hash_of(entry) != entry.hash:
            breaks.append(f"entry {entry.sequence} was changed")
        number, previous = entry.sequence, entry.hash
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    counted = given[0] if given else 0
    if not isinstance(counted, int) or counted < number:
        breaks.append("the number of the next entry was changed")
    elif counted > number:
        breaks.append(f"entries {number + 1} to {counted} are gone")
    return n, previous, breaks


def _system_name(actor: Actor) -> str:
    if actor.via != "machine":
        return ""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # of a user that the system does not list
        return ""


def _entry(values: tuple[Any, ...]) -> AuditEntry:
    named = dict(zip(_COLUMNS.split(", "), values, strict=True))
    # What somebody else wrote is shown as well as it can be, and has another hash.
    named |= {name: repr(one) for name, one in named.items() if not isinstance(one, str | int)}
    try:
        details = orjson.loads(named["details"])
    except (ValueError, TypeError):
        details = None
    readable = details if isinstance(details, dict) else {"unreadable": str(named["details"])}
    return AuditEntry(**named | {"details": readable})


def _packed(details: Mapping[str, JSON]) -> str:
    return orjson.dumps(details, option=orjson.OPT_SORT_KEYS).decode()
