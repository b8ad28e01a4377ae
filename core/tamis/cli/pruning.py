"""``tamis prunings …``: what calibration sets left of a model, and their windows as files."""

from __future__ import annotations

from pathlib import Path

import click

from tamis.cli.command import dataset_option, group
from tamis.cli.session import Session

pruning_option = click.option(
    "--pruning", default="", metavar="ID", help="Its id, as in the list; the newest when left out."
)


@group(
    "tamis prunings show --dataset my-data-1a2b3c",
    "tamis prunings export --dataset my-data-1a2b3c --out windows",
    alone="show",
)
def prunings() -> None:
    """Show what calibration sets left of a model, and export them for other pruners."""


@prunings.command("show", examples=["tamis prunings show --dataset my-data-1a2b3c"])
@dataset_option
@pruning_option
def show(session: Session, dataset: str, pruning: str) -> None:
    """Show perplexity by calibration and evaluation set, pairs, and how far masks agree."""
    from tamis.actions.artifact_names import artifact_name
    from tamis.actions.pruning import find_pruning, pruning_lines, read_pruning

    made = find_pruning(session.workspace, session.dataset(dataset), pruning)
    found = read_pruning(made)
    session.show(f"{made.id}  {artifact_name(session.workspace, made)}")
    short = found.too_short(made.manifest.options)
    for line in (*pruning_lines(found), *short):
        session.show(line)
    session.result({"artifact_id": made.id, "too_short": short, **found.model_dump(mode="json")})


@prunings.command("export", examples=["tamis prunings export --dataset my-data-1a2b3c --out windows"])
@dataset_option
@pruning_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
def export(session: Session, dataset: str, pruning: str, out: Path) -> None:
    """Write the calibration windows of every draw as texts (.jsonl) and token ids (.npy)."""
    from tamis.actions.pruning import export_windows

    files = export_windows(session.workspace, session.dataset(dataset), pruning, out)
    for path in files:
        session.show(str(path))
    session.result({"files": [str(path) for path in files]})
