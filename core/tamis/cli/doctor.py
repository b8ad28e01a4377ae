"""``tamis doctor``: versions, models found, devices, disk; with --verify, whether every file is what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.audit import audit_lines
from tamis.cli.command import command
from tamis.cli.exit_codes import DONE, FAILED
from tamis.cli.session import Session
from tamis.cli.waiting import follow
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.submit import Submission
    from tamis.actions.verify import Damage, Verification
    from tamis.store.artifacts.store import Artifact


@command("tamis doctor", "tamis doctor --json", "tamis doctor --verify", "tamis doctor --verify --recompute")
@click.option("--verify", "whole", is_flag=True, help="Read every file and compare it with what was written.")
@click.option(
    "--recompute",
    is_flag=True,
    help="With --verify: make the damaged artifacts again, where what they were made from is there.",
)
@click.option("--no-wait", is_flag=True, help="With --recompute: queue the jobs and return at once.")
def doctor(session: Session, *, whole: bool, recompute: bool, no_wait: bool) -> int | None:
    """Show versions, models found, devices and disk; or verify the workspace (exit code 1 when anything is damaged)."""
    if whole or recompute:
        found = _verify(session)
        if recompute:
            found = _recompute(session, found, wait=not no_wait)
        session.result(_answer(found))
        return DONE if found.is_sound else FAILED
    from tamis.actions.doctor import examine

    report = examine(session.workspace.path)
    for section, lines in report.items():
        session.show(f"{section}\n" + "\n".join(f"  {key:28} {value}" for key, value in lines.items()))
    session.result(report)
    return None


def _verify(session: Session) -> Verification:
    """Read everything, and say what is damaged."""
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
    for path in found.set_aside:
        session.show(f"  {path}: a damaged one of before; another is in its place, and it may be deleted.")
    return found


def _recompute(session: Session, found: Verification, *, wait: bool) -> Verification:
    """Make again what can be made, as long as that leaves less to make; returns what was found last."""
    from tamis.actions.jobs import refresh_jobs
    from tamis.actions.submit import Submission

    while True:
        tried = [_make_again(session, damage) for damage in found.damaged if damage.step]
        made = [one for one in tried if one is not None]
        refresh_jobs(session.workspace)
        if not wait or not made:
            return found
        for one in made:
            if isinstance(one, Submission):
                job = follow(session, one)
                session.show(
                    f"{job.job_id} {job.step} {job.state}" + (f": {job.reason}" if job.reason else "")
                )
        left = _verify(session)
        if len(left.damaged) >= len(found.damaged):
            return left
        found = left


def _answer(found: Verification) -> dict[str, JSON]:
    return {
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


def _make_again(session: Session, damage: Damage) -> Submission | Artifact | None:
    """Say what became of one damaged artifact; one that cannot be made does not keep the others from it."""
    from tamis.actions.submit import Submission
    from tamis.actions.verify import make_again
    from tamis.errors import CurationError

    what = f"{damage.kind} {damage.artifact_id}"
    try:
        made = make_again(session.workspace, damage)
    except CurationError as error:
        session.show(f"    {error}")
        return None
    if isinstance(made, Submission):
        session.show(
            f"    {what} is queued again: job {made.job.job_id}; the damaged one stays until it is done"
        )
    else:
        session.show(f"    {what} is made again")
    return made


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
        "tamis doctor --verify --recompute makes it again, if what it was made from is there as it was"
        if damage.step
        else "take it from a backup: tamis restore"
    )
    return f"{about}\n    {remedy}"
