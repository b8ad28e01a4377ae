"""``tamis review assign | shares | agreement | note | notes``: several people and one queue."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tamis.cli.command import dataset_option, reviewer_option
from tamis.cli.review import EXAMPLE, kind_option, open_review, proposals_option, review
from tamis.cli.session import Session, as_percent

if TYPE_CHECKING:
    from tamis.actions.teams import Coefficient, Share

__all__ = ["review"]


@review.command("assign", examples=[f"tamis review assign {EXAMPLE} --to ann,ben,cas --overlap 0.2"])
@dataset_option
@proposals_option
@kind_option
@click.option("--to", required=True, metavar="NAMES", help="Who, names or accounts with commas between.")
@click.option(
    "--overlap", default=0.0, show_default=True, help="Fraction of the rows that two decide, from 0 to 1."
)
@click.option("--seed", default=0, show_default=True, help="Which rows are whose is drawn.")
@reviewer_option
def assign(
    session: Session,
    dataset: str,
    proposals: str,
    kinds: tuple[str, ...],
    to: str,
    overlap: float,
    seed: int,
    reviewer: str,
) -> None:
    """Divide the rows of the queue among people; what was assigned of these proposals before gives way."""
    from tamis.actions.teams import assign_rows

    opened, _ = open_review(session, session.dataset(dataset), proposals, kinds, "")
    shares = assign_rows(
        session.workspace, opened, to.split(","), overlap_fraction=overlap, seed=seed,
        assigned_by=session.settings.reviewer_name(reviewer),
    )  # fmt: skip
    _show_shares(session, opened.proposals.id, shares)


@review.command("shares", examples=[f"tamis review shares {EXAMPLE}"])
@dataset_option
@proposals_option
def shares(session: Session, dataset: str, proposals: str) -> None:
    """List who has how many rows, and how many of them are decided."""
    from tamis.actions.proposals import find_proposals
    from tamis.actions.teams import list_shares

    dataset_id = session.dataset(dataset)
    opened = find_proposals(session.workspace, dataset_id, proposals)
    _show_shares(session, opened.id, list_shares(session.workspace, dataset_id, opened.id))


@review.command("agreement", examples=[f"tamis review agreement {EXAMPLE}"])
@dataset_option
@proposals_option
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
def agreement(session: Session, dataset: str, proposals: str, seed: int) -> None:
    """Say how far people agree on the rows that two of them decided: Krippendorff's alpha, Cohen's kappa by pair."""
    from tamis.actions.proposals import find_proposals
    from tamis.actions.teams import measure_agreement

    dataset_id = session.dataset(dataset)
    opened = find_proposals(session.workspace, dataset_id, proposals)
    found = measure_agreement(session.workspace, dataset_id, opened.id, seed=seed)
    session.show(f"{found.alpha.n_rows:,} rows decided by two, alike on {as_percent(found.observed, 1)}")
    session.show(_line("Krippendorff's alpha", found.alpha))
    for (one, other), kappa in found.kappas.items():
        session.show(_line(f"Cohen's kappa, {one} and {other}", kappa))
    session.result(
        {
            "observed": _number(found.observed),
            "alpha": _numbers(found.alpha),
            "kappas": [{"reviewers": list(pair), **_numbers(one)} for pair, one in found.kappas.items()],
        }
    )


@review.command("note", examples=[f'tamis review note 17 "The year is wrong." {EXAMPLE}'])
@click.argument("row", type=int, help="Its number.")
@click.argument("text", help="What to say about it.")
@dataset_option
@reviewer_option
def note_row(session: Session, row: int, text: str, dataset: str, reviewer: str) -> None:
    """Write a note on a row."""
    from tamis.actions.teams import add_note

    made = add_note(session.workspace, session.dataset(dataset), row, text, session.reviewer(reviewer))
    session.show(f"row {row}: noted by {made.reviewer}")
    session.result(asdict(made))


@review.command("notes", examples=[f"tamis review notes {EXAMPLE} --row 17"])
@dataset_option
@click.option("--row", type=int, help="Only of this row.")
def notes(session: Session, dataset: str, row: int | None) -> None:
    """List the notes on rows, the oldest of each row first."""
    from tamis.actions.teams import list_notes

    found = list_notes(session.workspace, session.dataset(dataset), row)
    for one in found:
        session.show(f"row {one.example_id}  {one.created_at[:19]}  {one.reviewer}: {one.text}")
    session.result({"notes": [asdict(one) for one in found]})


def _show_shares(session: Session, proposals_id: str, found: list[Share]) -> None:
    for one in found:
        session.show(
            f"{one.reviewer:32} {one.n_rows:>8,} rows, {one.n_shared:,} of them shared, {one.n_decided:,} decided"
        )
    session.result({"proposals": proposals_id, "shares": [asdict(one) for one in found]})


def _line(name: str, one: Coefficient) -> str:
    interval = "" if math.isnan(one.low) else f", {one.low:.2f} to {one.high:.2f} at 95 %"
    return f"  {name}: {one.value:.3f}{interval} ({one.n_rows:,} rows)"


def _numbers(one: Coefficient) -> dict[str, float | int | None]:
    return {name: value if isinstance(value, int) else _number(value) for name, value in asdict(one).items()}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
