"""What a workspace keeps of what was asked for: its files without the database and the copies that it makes of itself."""

from __future__ import annotations

from pathlib import Path


def kept_files(workspace: Path) -> set[Path]:
    """Every file and folder but the database and its daily copy, which whoever writes first on a day makes."""
    files = {path.relative_to(workspace) for path in workspace.rglob("*")}
    return {path for path in files if path.parts[0] != "backups" and not path.name.startswith("tamis.sqlite")}
