"""``--dry-run`` of every command that deletes: what would go, what would stay, and what is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tamis.cli.session import Session
from tamis.types import JSON

if TYPE_CHECKING:
    from tamis.actions.deletion import DeletionPlan

dry_run_option = click.option("--dry-run", is_flag=True, help="Only say what would go and what would stay.")


def say_plan(session: Session, plan: DeletionPlan, *, done: bool) -> dict[str, JSON]:
    """Say what goes and what stays; returns the same for a program, before anything is gone."""
    goes = "goes into the trash" if plan.into_trash else "goes for good"
    session.show(
        f"{plan.subject} {goes}: {len(plan.artifacts):,} artifact{'s' * (len(plan.artifacts) != 1)}, {plan.n_bytes:,} bytes."
    )
    if plan.kept:
        session.show(f"Staying, because something else needs it: {', '.join(one.id for one in plan.kept)}.")
    if plan.obstacle:
        session.show(f"Not now: {plan.obstacle}")
    return {
        "deleted": done,
        "artifacts": [{"kind": one.kind, "id": one.id} for one in plan.artifacts],
        "kept": [one.id for one in plan.kept],
        "n_bytes": plan.n_bytes,
        "obstacle": plan.obstacle,
    }
