"""``tamis doctor``: versions, models found, devices, disk; with --verify, whether every file is what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.audit import audit_lines
from tamis.cli.command import command
from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.actions.verify import Damage, Verification

DAMAGED = 1


@command("tamis doctor", "tamis doctor --json", "tamis doctor --verify", "tamis doctor --verify --recompute")
@click.option("--verify", "whole", is_flag=True, help="Read every file and compare it with what was written.")
@click.option(
    "--recompute",
    is_flag=True,
    help="With --verify: queue what makes the damaged artifacts again, where a step can.",
)
def doctor(session: Session, *, whole: bool, recompute: bool) -> int | None:
    """Show versions, models found, devices and disk; or verify the workspace (exit code 1 when anything is damaged)."""
    if whole or recompute:
        return _verify(session, recompute=recompute)
    from tamis.actions.doctor import examine

    report = examine(session.workspace.path)
    for section, lines in report.items():
        session.show(f"{section}\n" + "\n".join(f"  {key:28} {value}" for key, value in lines.items()))
    session.result(report)
    return None


def _verify(session: Session, *, recompute: bool) -> int:
    from tqdm import tqdm

    from tamis.actions.verify import verify

    with tqdm(desc="verify", unit=" artifacts", disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = verify(session.workspace, progress=progress)
    session.show(_summary(found))
    for damage in found.damaged:
        session.show(_line(damage))
        if recompute and damage.step:
            session.show(f"    {_made_again(session, damage)}")
    for path in found.set_aside:
        session.show(
            f"  {path}: a damaged one of before, beside the sound one in its place; it may be deleted."
        )
    session.result(
        {
            "n_artifacts": found.n_artifacts,
            "n_bytes": found.n_bytes,
            "n_without_digests": found.n_unknown,
            "database": found.database or "ok",
            "audit": {
                "n_entries": found.audit.n_entries,
                "last_hash": found.audit.last_hash,
                "problems": list(found.audit.problems),
            },
            "damaged": [
                {
                    "dataset": one.dataset_id,
                    "kind": one.kind,
                    "id": one.artifact_id,
                    "what": list(one.what),
                    "step": one.step,
                }
                for one in found.damaged
            ],
            "set_aside": [str(path) for path in found.set_aside],
        }
    )
    return 0 if found.is_sound else DAMAGED


def _made_again(session: Session, damage: Damage) -> str:
    """What became of one damaged artifact; one that cannot be made does not keep the others from it."""
    from tamis.actions.verify import make_again
    from tamis.errors import CurationError
    from tamis.store.artifacts.store import Artifact

    try:
        made = make_again(session.workspace, damage)
    except CurationError as error:
        return str(error)
    if isinstance(made, Artifact):
        return "made again"
    return f"queued again: job {made.job.job_id}; the damaged one stays until it is done"


def _summary(found: Verification) -> str:
    lines = [
        f"{found.n_artifacts:,} artifacts, {found.n_bytes / 1e6:,.1f} MB: "
        + (f"{len(found.damaged):,} damaged." if found.damaged else "every file is what was written."),
        f"Database: {found.database or 'sound'}.",
    ]
    lines += audit_lines(found.audit)
    if found.n_unknown:
        lines.append(
            f"{found.n_unknown:,} of them were made before digests were kept: only their sizes were compared."
        )
    return "\n".join(lines)


def _line(damage: Damage) -> str:
    about = f"  {damage.dataset_id}  {damage.kind} {damage.artifact_id}: {'; '.join(damage.what)}"
    remedy = (
        "tamis doctor --verify --recompute makes it again"
        if damage.step
        else "take it from a backup: tamis restore"
    )
    return f"{about}\n    {remedy}"
