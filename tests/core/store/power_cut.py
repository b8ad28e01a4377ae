"""A disk that loses power: what of a folder is left after each operation, if only what was synced is kept.

After Pillai et al., "All File Systems Are Not Created Equal" (OSDI 2014). Renames, syncs, new folders and deletions of
the block are observed; before and after each, three disks are imagined: one that kept only names and contents that were
synced, one that kept all names but only synced contents (the files of zero bytes that people know), and one that kept
everything.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WATCHED = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir")


class Disk:
    """What is known to be on the disk of one folder: contents by inode, names by the inode of their folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.contents: dict[int, bytes] = {}
        self.names: dict[int, dict[str, int]] = {}
        self.is_folder: dict[int, bool] = {}
        for folder, _, files in os.walk(root):
            self.learn(Path(folder))
            for name in files:
                self.learn(Path(folder) / name)

    def learn(self, path: Path) -> None:
        """A file or a folder was synced."""
        number = path.stat().st_ino
        if path.is_dir():
            entries = {entry.name: entry.inode() for entry in os.scandir(path)}
            self.names[number] = entries
            self.is_folder |= {entry.inode(): entry.is_dir() for entry in os.scandir(path)}
        else:
            self.contents[number] = path.read_bytes()

    def write_synced(self, target: Path, number: int | None = None) -> None:
        """Only what was synced, names and contents."""
        target.mkdir()
        for name, inode in self.names.get(number or self.root.stat().st_ino, {}).items():
            if self.is_folder[inode]:
                self.write_synced(target / name, inode)
            else:
                (target / name).write_bytes(self.contents.get(inode, b""))

    def write_named(self, target: Path) -> None:
        """All names as they are now, contents as they were synced."""
        shutil.copytree(self.root, target)
        for path in self.root.rglob("*"):
            if path.is_file():
                synced = self.contents.get(path.stat().st_ino, b"")
                (target / path.relative_to(self.root)).write_bytes(synced)


class Observed:
    """The operations of a block, with every disk imagined around each of them."""

    def __init__(self, root: Path, scratch: Path, look: Callable[[Path], None]) -> None:
        self.disk, self.operations = Disk(root), []
        self._scratch, self._look, self._inside = scratch, look, False

    def imagine(self) -> None:
        """Look at what a cut at this moment may leave."""
        root = self.disk.root
        kept = (self.disk.write_synced, self.disk.write_named, lambda to: shutil.copytree(root, to))
        for number, write in enumerate(kept):
            left = self._scratch / f"{len(self.operations)}-{number}"
            write(left)
            self._look(left)
            shutil.rmtree(left)

    def watched(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        """The operation, observed; what the observation itself does is not."""

        def operate(*arguments: Any, **named: Any) -> Any:
            if self._inside:
                return original(*arguments, **named)
            self._inside = True
            try:
                self.imagine()
                result = original(*arguments, **named)
                self.operations.append(name)
                if name == "fsync":
                    self._learn(Path(f"/proc/self/fd/{arguments[0]}").readlink())
                self.imagine()
                return result
            finally:
                self._inside = False

        return operate

    def _learn(self, path: Path) -> None:
        if path.is_relative_to(self.disk.root):
            self.disk.learn(path)


@contextmanager
def power_cuts(root: Path, scratch: Path, look: Callable[[Path], None]) -> Iterator[list[str]]:
    """Call ``look`` with every disk that a cut during the block may leave; yields the operations, as they come."""
    observed = Observed(root, scratch, look)
    originals = {name: getattr(os, name) for name in WATCHED}
    for name, original in originals.items():
        setattr(os, name, observed.watched(name, original))
    try:
        yield observed.operations
    finally:
        for name, original in originals.items():
            setattr(os, name, original)
