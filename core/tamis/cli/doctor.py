"""``tamis doctor``: versions, models found, devices, disk."""

from __future__ import annotations

from tamis.cli.command import command
from tamis.cli.session import Session


@command("tamis doctor", "tamis doctor --json")
def doctor(session: Session) -> None:
    """Show versions, models found, devices and disk."""
    from tamis.actions.doctor import examine

    report = examine(session.workspace.path)
    for section, lines in report.items():
        session.show(f"{section}\n" + "\n".join(f"  {key:28} {value}" for key, value in lines.items()))
    session.result(report)
