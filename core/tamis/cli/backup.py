"""``tamis backup`` and ``tamis restore``: the whole workspace, copied while it is in use."""

from __future__ import annotations

from pathlib import Path

import click

from tamis.cli.command import command
from tamis.cli.session import Session


@command("tamis backup backups/monday.tar.zst", "tamis backup /mnt/disk/tamis-monday")
@click.argument(
    "target", type=click.Path(path_type=Path), help="A new folder, or a new file ending in .tar.zst."
)
def backup(session: Session, target: Path) -> None:
    """Copy the workspace into a new folder or .tar.zst file, verified; the app may go on running."""
    from tamis.actions.backup import back_up

    made = back_up(session.workspace, target, say=session.say)
    session.show(f"{made.path}: {made.n_files:,} files, {made.n_bytes / 1e6:,.1f} MB, verified.")
    session.result({"path": str(made.path), "n_files": made.n_files, "n_bytes": made.n_bytes})


@command("tamis restore backups/monday.tar.zst --workspace restored")
@click.argument("source", type=click.Path(path_type=Path), help="What tamis backup made.")
def restore(session: Session, source: Path) -> None:
    """Put a backup back as a new workspace (--workspace names it), every file verified."""
    from tamis.actions.backup import restore as put_back

    made = put_back(source, session.settings.workspace, say=session.say)
    session.show(
        f"{made.path}: {made.n_files:,} files, verified. Open it with: tamis --workspace {made.path} serve"
    )
    session.result({"path": str(made.path), "n_files": made.n_files, "n_bytes": made.n_bytes})
