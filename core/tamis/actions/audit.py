"""The audit log: who did what when, read and checked; what is done elsewhere than in the database is noted here."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tamis.actions.accounts import read_accounts
from tamis.reprs import HtmlFacts
from tamis.store.actor import Actor
from tamis.store.database.audit import AuditEntry, append_entry, find_breaks, read_entries
from tamis.store.database.seals import find_unsealed
from tamis.store.database.tags import TAGS
from tamis.store.database.votes import VOTES
from tamis.store.review.seals import DECISIONS, find_changed_texts
from tamis.store.workspace import Workspace
from tamis.types import JSON

__all__ = [
    "AuditCheck",
    "AuditEntry",
    "check_audit",
    "list_audit",
    "add_entry",
    "record_login",
    "record_roles",
    "say_entry",
]

ROLES_READ = "roles"
Coming: TypeAlias = Literal["login", "logout", "login refused"]


@dataclass(frozen=True, slots=True)
class AuditCheck(HtmlFacts):
    """What was found in the audit log; ``last_hash`` is worth keeping elsewhere: it tells a log that was written anew."""

    n_entries: int
    last_hash: str
    problems: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every entry is what was written, and where it was written."""
        return not self.problems


def list_audit(
    workspace: Workspace, dataset_id: str = "", *, account: str = "", action: str = "", limit: int = 100
) -> list[AuditEntry]:
    """The newest entries, newest first; with a dataset its own and those about the whole workspace (logins, roles)."""
    datasets = (dataset_id, "") if dataset_id else ()
    with workspace.database.reading() as connection:
        return read_entries(connection, dataset_ids=datasets, account=account, action=action, limit=limit)


def check_audit(workspace: Workspace, *, expected: str = "") -> AuditCheck:
    """Follow the chain from the first entry, and compare each decision, tag and vote with its entry.

    ``expected`` is a hash that was kept elsewhere: a log without it was cut, or written anew.
    """
    try:
        with workspace.database.reading() as connection:
            connection.execute("BEGIN")
            n, last, problems = find_breaks(connection)
            for log in (DECISIONS, TAGS, VOTES):
                problems += find_unsealed(connection, log)
            problems += find_changed_texts(connection)
            query = "SELECT 1 FROM audit WHERE hash = ?"
            if expected and connection.execute(query, (expected,)).fetchone() is None:
                problems.append(f"no entry has the hash {expected}: the log was cut, or written anew")
            connection.execute("COMMIT")
    except sqlite3.Error as error:  # a table is gone, or another
        return AuditCheck(0, "", (f"the log cannot be read ({error})",))
    return AuditCheck(n, last, tuple(problems))


def say_entry(entry: AuditEntry) -> str:
    """What was done in a few words: ``decide row 17 (approve)``, ``export path=rows.jsonl``."""
    details = dict(entry.details)
    details.pop("digest", None)
    if entry.action in (TAGS.word, VOTES.word):
        details.pop("event", None)
        details.pop("vote", None)
    if entry.action == DECISIONS.word and "did" in details:
        row, n_rows = details.get("row"), details.get("n_rows")
        about = f"row {row}" if row is not None else f"{n_rows} rows"
        how = ", ".join(str(details[name]) for name in ("via", "rule") if details.get(name))
        return f"{details['did']} {about}" + (f" ({how})" if how else "")
    return " ".join([entry.action, *(f"{name}={value}" for name, value in details.items())])


def add_entry(
    workspace: Workspace, action: str, dataset_id: str = "", details: Mapping[str, JSON] | None = None
) -> None:
    """Note what the workspace's actor does; nothing in a workspace that can only be looked at."""
    if not workspace.database.is_read_only:
        with workspace.database.writing() as connection:
            append_entry(connection, action, dataset_id, details)


def record_login(workspace: Workspace, actor: Actor, word: Coming = "login") -> None:
    """Note that somebody has come in, has gone, or was refused; ``workspace`` is the server's own.

    Who only looks writes nothing, so the entry names them in its own words.
    """
    if not workspace.database.is_read_only:
        with workspace.database.writing() as connection:
            append_entry(connection, word, actor=actor)


def record_roles(workspace: Workspace) -> None:
    """Note who has which role where that is not what the log says last; ``workspace`` is the server's own."""
    if workspace.settings.accounts is None or workspace.database.is_read_only:
        return
    known = read_accounts(workspace.settings.accounts)
    now: dict[str, JSON] = {
        "default": known.default or "",
        "claim": known.claim,
        "accounts": dict(known.roles),
    }
    with workspace.database.writing() as connection:
        last = read_entries(connection, action=ROLES_READ, limit=1)
        if not last or dict(last[0].details) != now:
            append_entry(connection, ROLES_READ, "", now)
