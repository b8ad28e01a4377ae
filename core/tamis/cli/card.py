"""``tamis card``: the data card of an export."""

from __future__ import annotations

from pathlib import Path

import click

from tamis.cli.command import command
from tamis.cli.session import Session


@command(
    "tamis card subset.jsonl.manifest.json", "tamis card subset.jsonl.manifest.json --out cards/README.md"
)
@click.argument("manifest", type=click.Path(path_type=Path), help="Manifest written beside an export.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; README.md beside the manifest when left out.",
)
def card(session: Session, manifest: Path, out: Path | None) -> None:
    """Write the data card of an export, as Hugging Face has it: sources, steps, decisions by whom, replay, citations."""
    from tamis.actions.data_card import write_card

    written = write_card(manifest, out or manifest.with_name("README.md"))
    session.show(f"{written}: complete license and language by hand.")
    session.result({"path": str(written)})
