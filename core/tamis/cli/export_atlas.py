"""``tamis export-atlas``: the map as a file for the command embedding-atlas."""

from __future__ import annotations

from pathlib import Path

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session


@command("tamis export-atlas --dataset my-data-1a2b3c --out atlas.parquet", name="export-atlas")
@dataset_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write: .parquet.")
@click.option("--neighbors", default=15, show_default=True, help="How many nearest rows each names; 0: none.")
def export_atlas(session: Session, dataset: str, out: Path, neighbors: int) -> None:
    """Write rows, columns and places on the map as a Parquet file that embedding-atlas opens without computing anything."""
    from tamis.actions.export_atlas import export_atlas as write_atlas

    done = write_atlas(session.workspace, session.dataset(dataset), out, neighbors=neighbors)
    session.show(f"{done.path}: {done.n_rows:,} rows. To open it: {done.command}")
    session.result(
        {
            "path": str(done.path),
            "n_rows": done.n_rows,
            "columns": list(done.columns),
            "command": done.command,
        }
    )
