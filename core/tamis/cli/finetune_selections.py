"""``tamis finetune-selections``: several selections trained alike, to be held beside each other."""

from __future__ import annotations

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session
from tamis.cli.waiting import end_all
from tamis.types import JSON

OWN = ("selection", "held_out", "decisions", "seed")  # what every run of it shares, or has of its own


def _options_of_finetune() -> list[click.Parameter]:
    from tamis.cli.flags import step_parameters

    return [one for one in step_parameters("finetune") if one.name not in OWN]


@command(
    "tamis finetune-selections --dataset my-data-1a2b3c --selection 3f9a2c --selection 77b1d0 --seeds 3 --recipe sft_lora",
    name="finetune-selections",
    later=_options_of_finetune,
)
@dataset_option
@click.option(
    "--selection",
    "selections",
    multiple=True,
    required=True,
    metavar="ID",
    help="Artifact id of a selection; repeat it.",
)
@click.option(
    "--n-held-out",
    default=200,
    show_default=True,
    help="Rows, at most, that no selection picked and all are tested on.",
)
@click.option("--seeds", default=1, show_default=True, help="Trainings of each selection.")
@click.option("--first-seed", default=42, show_default=True, help="Seed of the first.")
@click.option("--backend", default="local", show_default=True, metavar="NAME", help="Where they run.")
@click.option("--estimate", is_flag=True, help="Only say what a run of each selection will take.")
@click.option("--no-wait", is_flag=True, help="Submit and return at once.")
def finetune_selections(
    session: Session, dataset: str, selections: tuple[str, ...], backend: str, estimate: bool, no_wait: bool, **grid: JSON
) -> int:  # fmt: skip
    """Train selections alike, on as many steps, and test all on the same rows; takes the options of tamis run finetune."""
    from tamis.actions.finetune_grid import TrainingGrid, submit_training_grid
    from tamis.actions.submit import RunTarget
    from tamis.cli.flags import typed_options

    asked = TrainingGrid(
        selections=selections, n_held_out=grid["n_held_out"], n_seeds=grid["seeds"], first_seed=grid["first_seed"],
        options=typed_options(click.get_current_context(), "finetune"),
    )  # fmt: skip
    dataset_id, target = session.dataset(dataset), RunTarget(backend)
    if estimate:
        from tamis.cli.forecast import show_grid_estimate

        return show_grid_estimate(session, dataset_id, asked, target)
    made = submit_training_grid(session.workspace, dataset_id, asked, target=target)
    return end_all(session, made, wait=not no_wait)
