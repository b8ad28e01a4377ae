"""``tamis FILE``: a file opened in the browser, from nothing to a picture that gets better while one looks."""

from __future__ import annotations

import click

from tamis.cli.command import command
from tamis.cli.serve import free_port, run_app
from tamis.cli.session import Session

PAGE = "data_map"


@command(
    "tamis train.jsonl",
    "tamis open train.jsonl test.jsonl --name Both --port 8600",
    "tamis open FOLDER --no-browser",
    name="open",
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", help="What tamis import takes.")
@click.option("--name", default="", help="Name shown to people.")
@click.option("--port", default=0, help="Port to listen on; a free one from 8501 on when left out.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def open_paths(session: Session, paths: tuple[str, ...], name: str, port: int, *, no_browser: bool) -> int:
    """Import files, start the app and open the map in the browser; the word open may be left out.

    A first picture of hashed words is there within seconds; real vectors, clusters, layout, scores and a selection follow.
    """
    from tamis.actions.opening import open_file

    dataset_id = open_file(session.workspace, paths, name=name)
    session.say(f"Importing as {dataset_id}; the map improves while you look.")
    return run_app(
        session, "127.0.0.1", port or free_port(), page=f"{PAGE}?dataset={dataset_id}", browser=not no_browser
    )
