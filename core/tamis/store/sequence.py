"""Numbers that only rise, given to whatever is made or asked for: "newest" goes by them, and never by a clock."""

from __future__ import annotations

import fcntl
import re
from pathlib import Path

from tamis.store.modes import make_private_folder

NAME = ".sequence"
_GIVEN = re.compile(rb'"sequence":\s*(\d+)')


def next_number(workspace: Path) -> int:
    """A number above every one that this workspace has given out, on any machine that shares its folder; from 1."""
    make_private_folder(workspace)
    with (workspace / NAME).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed
        file.seek(0)
        last = file.read()
        number = (int(last) if last.strip().isdigit() else _highest(workspace)) + 1
        file.seek(0)
        file.truncate()
        file.write(b"%d" % number)
    return number


def _highest(workspace: Path) -> int:
    """The highest number in use, for a workspace whose file was lost, as a power cut or an old backup can do."""
    manifests = (workspace / "datasets").glob("*/*/*/manifest.json")
    asked = (workspace / "datasets").glob("*/*/.*.asked")
    in_manifests = (int(found[1]) for path in manifests if (found := _GIVEN.search(path.read_bytes())))
    when_asked = (int(words[1]) for path in asked if len(words := path.read_text("utf-8").split()) > 1)
    return max([0, *in_manifests, *when_asked])
