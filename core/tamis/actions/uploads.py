"""Files that people hand over: kept in the workspace by their content."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

_BLOCK_BYTES = 1 << 22
_MOST_BYTES = 200  # of a name: what any file system takes


def store_upload(workspace: Path, name: str, stream: BinaryIO) -> Path:
    """Copy a stream to ``uploads/<hash>/<name>``; the same content again is the same file."""
    folder = workspace / "uploads"
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


def safe_name(name: str) -> str:
    """A file name without folders, control characters and leading dots, short enough for any file system."""
    last = re.split(r"[/\\]", name)[-1]
    cleaned = re.sub(r"[\x00-\x1f\x7f]", "", last).lstrip(". ")
    # The endings say what the file is, so a long name is cut in front of them.
    while len(cleaned.encode()) > _MOST_BYTES:
        cleaned = cleaned[1:]
    return cleaned or "upload"
