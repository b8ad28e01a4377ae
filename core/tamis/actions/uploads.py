"""Files that people hand over: kept in the workspace by their content, as long as a dataset comes from them."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from tamis.actions.roles import needs
from tamis.errors import ArtifactDamaged
from tamis.jobs import job_table
from tamis.jobs.model import JobState
from tamis.store.artifacts.store import MANIFEST, load_artifact
from tamis.store.workspace import Workspace

_BLOCK_BYTES = 1 << 22
UNUSED_S = 24 * 3600.0  # somebody may still be looking at what a file would become
_MOST_BYTES = 200  # of a name: what any file system takes


@needs("curator")
def store_upload(workspace: Workspace, name: str, stream: BinaryIO) -> Path:
    """Copy a stream to ``uploads/<hash>/<name>``; the same content again is the same file."""
    folder = workspace.path / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{uuid4().hex}"
    digest = hashlib.blake2b(digest_size=8)
    try:
        with aside.open("wb") as file:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
                file.write(block)
        target = folder / digest.hexdigest() / safe_name(name)
        target.parent.mkdir(exist_ok=True)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return target


@needs("operator", writes=False)
def sweep_uploads(workspace: Workspace, *, now: float | None = None) -> int:
    """Remove uploads older than a day that no dataset, none in the trash and no import has come from; returns how many.

    What was imported stays as long as its dataset, because a replay reads it again.
    """
    folder = workspace.path / "uploads"
    if not folder.is_dir() or workspace.database.is_read_only:
        return 0
    oldest = (time.time() if now is None else now) - UNUSED_S
    unused = [one for one in folder.iterdir() if one.stat().st_mtime < oldest]
    if unused:
        try:
            used = _sources(workspace)
        except ArtifactDamaged:  # which may have come from any of them, and is made again from it
            return 0
        unused = [one for one in unused if one.name not in used]
    for one in unused:
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    return len(unused)


def _sources(workspace: Workspace) -> set[str]:
    """The folders of ``uploads`` that something was, or is being, imported from."""
    manifests = [
        *workspace.artifacts.datasets_path.glob(f"*/examples/*/{MANIFEST}"),
        *workspace.artifacts.datasets_path.glob(f"*/scores/*/{MANIFEST}"),
        *(workspace.path / "trash").glob(f"*/examples/*/{MANIFEST}"),
    ]
    summaries = [load_artifact(path.parent).summary for path in manifests]
    files = [file for summary in summaries for file in summary.get("files", ())]
    files += [summary for summary in summaries if "path" in summary]  # scores that were joined from a file
    states = [state for state in JobState if state is not JobState.SUCCEEDED]  # a failed one may be resumed
    for job in job_table.list_jobs(workspace.database, states=states, step="import", limit=1_000_000):
        files += job.options["files"]
    return {Path(file["path"]).parent.name for file in files}


def safe_name(name: str) -> str:
    """A file name without folders, control characters and leading dots, short enough for any file system."""
    last = re.split(r"[/\\]", name)[-1]
    cleaned = re.sub(r"[\x00-\x1f\x7f]", "", last).lstrip(". ")
    # The endings say what the file is, so a long name is cut in front of them.
    while len(cleaned.encode()) > _MOST_BYTES:
        cleaned = cleaned[1:]
    return cleaned or "upload"
