"""``tamis share-map``: a view of the map as a file to send."""

from __future__ import annotations

from pathlib import Path

import click

from tamis.cli.command import command, dataset_option
from tamis.cli.session import Session


@command(
    "tamis share-map --dataset my-data-1a2b3c --out map.html",
    "tamis share-map --dataset my-data-1a2b3c --out map.svg --colour score:alignment",
    name="share-map",
)
@dataset_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write: .html or .svg.")
@click.option(
    "--colour",
    default="",
    help="Column that colours the rows, as in tamis rows columns; clusters when empty.",
)
@click.option("--scope", default="", help="Rows to show, the others faint: the scope= of the map's address.")
@click.option("--refinement", default="", help="A refinement whose rounds the HTML file plays: its id.")
@click.option("--texts", is_flag=True, help="Put the first words of every row into the HTML file.")
@click.option("--dark", is_flag=True, help="Light on dark.")
@click.option("--no-names", is_flag=True, help="Leave out the names of clusters.")
def share_map(
    session: Session,
    dataset: str,
    out: Path,
    colour: str,
    scope: str,
    refinement: str,
    texts: bool,
    dark: bool,
    no_names: bool,
) -> None:
    """Write the map as one HTML file that works from disk, or as SVG for a paper, with the facts of its caption."""
    from tamis.actions.read_rows import Scope
    from tamis.actions.share_map import MapView
    from tamis.actions.share_map import share_map as write_map

    view = MapView(
        colour=colour, scope=Scope.from_url(scope), refinement=refinement, dark=dark, labels=not no_names
    )
    done = write_map(session.workspace, session.dataset(dataset), out, view=view, texts=texts)
    session.show(f"{done.path}: {done.n_points:,} of {done.n_rows:,} rows. {'; '.join(done.caption)}")
    session.result(
        {
            "path": str(done.path),
            "n_points": done.n_points,
            "n_rows": done.n_rows,
            "caption": list(done.caption),
        }
    )
