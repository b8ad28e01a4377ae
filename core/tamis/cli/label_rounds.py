"""``tamis review round``: where a round of ALC3 stands, and its training set."""

from __future__ import annotations

import math
from dataclasses import asdict

import click

from tamis.cli.command import dataset_option
from tamis.cli.review import EXAMPLE, proposals_option
from tamis.cli.session import Session, as_percent
from tamis.cli.team import review

__all__ = ["review"]


@review.command("round", examples=[f"tamis review round {EXAMPLE}", f"tamis review round {EXAMPLE} --freeze"])
@dataset_option
@proposals_option
@click.option(
    "--freeze", is_flag=True, help="Freeze the round's training set: what people said, and the round's own."
)
def show_round(session: Session, dataset: str, proposals: str, freeze: bool) -> None:
    """Show who was asked in a round of labels, and how many were wrong (propose --method alc3)."""
    from tamis.actions.label_rounds import freeze_label_round, label_round

    dataset_id = session.dataset(dataset)
    found = label_round(session.workspace, dataset_id, proposals)
    session.show(
        f"round {found.number} of {found.proposals_id}: {found.n_answered} of {found.n_asked} asked are answered"
    )
    session.show(f"  wrong among them {_share(found.share_wrong)}, still expected {_share(found.eta)}")
    session.show(
        f"  {found.n_corrected} corrected above δ {found.delta:.3f}, {found.n_left_out} left out this round"
    )
    if not math.isnan(found.per_hundred):
        session.show(f"  {found.per_hundred:.0f} labels given per hundred mended")
    answer = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(found).items()
    }
    if freeze:
        answer["decisions"] = freeze_label_round(session.workspace, dataset_id, proposals).id
        session.show(
            f"  train with: tamis run finetune --dataset {dataset_id} --decisions {answer['decisions']}"
        )
    session.result(answer)


def _share(value: float) -> str:
    return "not known yet" if math.isnan(value) else as_percent(value)
