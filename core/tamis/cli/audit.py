"""``tamis audit``: who did what when, and whether the log is what was written."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tamis.cli.command import DATASET, group
from tamis.cli.exit_codes import DONE, FAILED
from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.actions.audit import AuditCheck, AuditEntry

account_option = click.option(
    "--account", default="", metavar="NAME", help="Only what this account, or name, did."
)
action_option = click.option(
    "--action",
    default="",
    metavar="WORD",
    help="Only one kind: decision, tag, vote, apply, import, export, delete, run, login, roles.",
)
limit_option = click.option("--limit", default=50, show_default=True, help="The newest so many.")


@group(
    "tamis audit",
    "tamis audit list --account ann@example.org",
    "tamis audit verify --hash 5f0c…",
    alone="list",
)
def audit() -> None:
    """Who did what when: decisions, tags, votes, runs, exports, deletions, logins; only added to, and each entry seals those before it."""


@audit.command(
    "list", examples=["tamis audit list --action export", "tamis audit list --dataset my-data-1a2b3c"]
)
@click.option(
    "--dataset", "named", default="", **{key: DATASET[key] for key in ("metavar", "help", "shell_complete")}
)
@account_option
@action_option
@limit_option
def list_entries(session: Session, named: str, account: str, action: str, limit: int) -> None:
    """List the entries, the newest first; of one dataset, those about the whole workspace among them."""
    show_entries(session, session.dataset(named) if named else "", account, action, limit)


@audit.command("verify", examples=["tamis audit verify", "tamis audit verify --hash 5f0c…"])
@click.option(
    "--hash", "expected", default="", help="A last hash that was kept elsewhere: it must be in the log."
)
def verify_log(session: Session, expected: str) -> int:
    """Follow the chain from the first entry and compare every decision, tag and vote with its entry (exit code 1 where one differs)."""
    from tamis.actions.audit import check_audit

    found = check_audit(session.workspace, expected=expected)
    session.show("\n".join(audit_lines(found)))
    session.result(
        {"n_entries": found.n_entries, "last_hash": found.last_hash, "problems": list(found.problems)}
    )
    return DONE if found.is_sound else FAILED


def show_entries(session: Session, dataset_id: str, account: str, action: str, limit: int) -> None:
    """What ``tamis audit list`` and ``tamis decisions log`` print."""
    from tamis.actions.audit import list_audit

    entries = list_audit(session.workspace, dataset_id, account=account, action=action, limit=limit)
    for entry in entries:
        session.show(_line(entry))
    session.result({"entries": [asdict(entry) for entry in entries]})


def audit_lines(found: AuditCheck) -> list[str]:
    """What was found, and the hash that is worth keeping elsewhere."""
    state = "every one is what was written" if found.is_sound else f"{len(found.problems):,} things are wrong"
    lines = [f"Audit log: {found.n_entries:,} {'entry' if found.n_entries == 1 else 'entries'}, {state}."]
    lines += [f"  {problem}" for problem in found.problems]
    if found.n_entries:
        lines.append(
            f"  last hash {found.last_hash}; kept elsewhere, tamis audit verify --hash tells a log that was written anew"
        )
    return lines


def _line(entry: AuditEntry) -> str:
    from tamis.actions.audit import say_entry

    who = f"{entry.account or 'by the token'} ({entry.role})"
    return f"{entry.sequence:>7}  {entry.at[:19]}  {who:32}  {entry.dataset_id:24}  {say_entry(entry)}"
