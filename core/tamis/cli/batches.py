"""``tamis batches …``: rows that a model wrote for a dataset, and what became of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tamis.cli.command import dataset_option, group
from tamis.cli.session import Session

if TYPE_CHECKING:
    from tamis.actions.augmenting import BatchFunnel

EXAMPLE = "--dataset my-data-1a2b3c"


@group(f"tamis batches list {EXAMPLE}", "tamis batches show --dataset my-batch-1a2b3c")
def batches() -> None:
    """List batches of written rows, and show what became of one."""


@batches.command("list", examples=[f"tamis batches list {EXAMPLE}"])
@dataset_option
def list_all(session: Session, dataset: str) -> None:
    """List the batches that add to a dataset, oldest first."""
    from tamis.actions.augmenting import list_batches

    dataset_id = session.dataset(dataset)
    made = list_batches(session.workspace, dataset_id)
    for one in made:
        session.show(f"{one.dataset_id}  {waiting_text(one)}")
    if not made:
        session.show(f"No batch adds to {dataset_id} yet: tamis run augment --dataset {dataset_id}")
    session.result({"batches": [asdict(one) for one in made]})


@batches.command("show", examples=["tamis batches show --dataset my-batch-1a2b3c --reason repeats"])
@dataset_option
@click.option("--reason", default="", metavar="FILTER", help="List the rows that this filter is against.")
def show(session: Session, dataset: str, reason: str) -> None:
    """Show how many drafts each filter took, what was decided, and what it cost; or the rows with a reason."""
    from tamis.actions.augmenting import batch_funnel, batch_groups, group_records, rows_with_reason
    from tamis.actions.drop_reasons import count_drop_reasons

    dataset_id = session.dataset(dataset)
    if reason:
        rows = rows_with_reason(session.workspace, dataset_id, reason).tolist()
        session.show(", ".join(map(str, rows)) or f"{reason} is against no row.")
        session.result({"dataset_id": dataset_id, "reason": reason, "rows": rows})
        return
    funnel = batch_funnel(session.workspace, dataset_id)
    for line in funnel_lines(funnel):
        session.show(line)
    groups = group_records(batch_groups(session.workspace, dataset_id))
    dropped = count_drop_reasons(session.workspace, dataset_id)
    if dropped:
        session.show("  dropped by people: " + ", ".join(f"{reason} {n:,}" for reason, n in dropped.items()))
    session.result(asdict(funnel) | {"groups": groups, "dropped_for": dropped})


def waiting_text(funnel: BatchFunnel) -> str:
    """What waits, in a sentence."""
    return (
        f"{funnel.n_waiting:,} of {funnel.n_passed:,} additions to {funnel.adds_to} wait, {funnel.n_accepted:,} accepted, "
        f"{funnel.n_dropped:,} dropped"
    )


def funnel_lines(funnel: BatchFunnel) -> list[str]:
    """The funnel from jobs to decisions."""
    n_problems = sum(funnel.problems.values())
    named = ", ".join(f"{kind} {n:,}" for kind, n in funnel.problems.items())
    lines = [f"{funnel.dataset_id}: ended by {funnel.stopped_by}"]
    lines.append(f"  {funnel.n_jobs:,} jobs, {n_problems:,} problems{f' ({named})' if named else ''}")
    lines.append(f"  {funnel.n_drafts:>8,} drafts")
    lines += [
        f"  {left:>8,} after {name} ({funnel.reasons[name]:,} taken)"
        for name, left in funnel.left_after.items()
    ]
    cost = "" if funnel.cost is None else f", cost {funnel.cost:,.2f}"
    lines.append(f"  {waiting_text(funnel)}")
    return [*lines, f"  {funnel.questions:,} questions, {funnel.tokens:,} tokens{cost}"]
