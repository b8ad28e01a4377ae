"""``tamis report``: the path of a dataset from import to export as a page to send."""

from __future__ import annotations

from pathlib import Path

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session


@command(
    "tamis report --dataset my-data-1a2b3c",
    "tamis report --dataset my-data-1a2b3c --manifest subset.jsonl.manifest.json --out report.html",
)
@dataset_option
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    help="Manifest written beside an export; that of the last export into the workspace when left out.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; FILE.report.html beside the export when left out.",
)
def report(session: Session, dataset: str, manifest: Path | None, out: Path | None) -> None:
    """Write one HTML page of the path to an export: pictures, steps, decisions by whom, citations, replay, and its data card."""
    from tamis.actions.report.dataset_report import newest_export, write_dataset_report

    workspace = session.workspace
    manifest = manifest or newest_export(workspace, session.dataset(dataset)).manifest_path
    done = write_dataset_report(workspace, manifest, out)
    session.show(f"{done.path}: {done.n_bytes:,} bytes.")
    if done.card_path is None:
        session.show(
            f"{done.path.with_name('README.md')} was there and stays; the card of this export is in the report."
        )
    else:
        session.show(f"{done.card_path}: complete license and language by hand.")
    session.result({"path": str(done.path), "card": str(done.card_path) if done.card_path else None})
