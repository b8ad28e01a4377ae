"""``tamis bench-grounded``: how well a checker tells supported claims from unsupported ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tamis.cli.command import command
from tamis.cli.session import Session, as_percent


@command(
    "tamis bench-grounded claims.jsonl --checker adapter:adp-1a2b3c",
    "tamis bench-grounded claims.jsonl --llm smollm2 --sentences min",
    name="bench-grounded",
)
@click.argument(
    "path", type=click.Path(path_type=Path), help="Lines of document, claim, label (1 or 0), and dataset."
)
@click.option(
    "--checker",
    default="",
    metavar="MODEL",
    help="Sequence-classification model: a folder, a hub id or adapter:ID; else --llm.",
)
@click.option(
    "--llm",
    default="smollm2",
    show_default=True,
    metavar="NAME",
    help="Language model that answers yes or no.",
)
@click.option("--llm-options", default="{}", metavar="JSON", help="Its options.")
@click.option(
    "--sentences",
    type=click.Choice(("whole", "min", "mean")),
    default="whole",
    show_default=True,
    help="Judge a claim as a whole, or by its worst sentence, or by their mean.",
)
@click.option("--chunk-words", default=300, show_default=True, help="Words of the document judged at once.")
@click.option("--seed", default=0, show_default=True, help="Seed of the interval.")
def bench_grounded(
    session: Session,
    path: Path,
    *,
    checker: str,
    llm: str,
    llm_options: str,
    sentences: str,
    chunk_words: int,
    seed: int,
) -> None:
    """Measure a checker on a file of documents, claims and labels, as balanced accuracy per dataset."""
    from tamis.actions import bench_grounded as actions
    from tamis.cli.flags import json_object

    found = actions.bench_grounded(
        session.workspace, path, checker=checker, llm=llm, llm_options=json_object("--llm-options", llm_options),
        sentences=sentences, chunk_words=chunk_words, seed=seed,
    )  # fmt: skip
    for name, one in found.datasets.items():
        session.show(
            f"{name:<24} {one.value:.3f} ({one.low:.3f} to {one.high:.3f})  of {one.n:,} claims; told {as_percent(one.tpr)} of "
            f"supported, {as_percent(one.tnr)} of unsupported"
        )
    if len(found.datasets) > 1:
        session.show(f"{'mean of datasets':<24} {found.mean:.3f}")
    if found.n_not_judged:
        session.show(f"{found.n_not_judged:,} claims could not be judged and count as unsupported.")
    session.result(asdict(found))
