"""The data files of a folder and of the folders in it, in the order of their shards, and what is not read of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tamis.formats.kinds import COMPRESSION_ENDINGS, DATA_ENDINGS, is_archive

DATA_FILE = re.compile(
    rf"({'|'.join(map(re.escape, DATA_ENDINGS))})({'|'.join(map(re.escape, COMPRESSION_ENDINGS))})?$"
)
SAVED_DATASET_MARKS = ("state.json", "dataset_dict.json")
NEVER_READ = frozenset({"node_modules", "__pycache__", "site-packages", "__MACOSX"})
_DIGITS = re.compile(r"(\d+)")
_NOT_DATA = "its name is not that of a data file"
_HIDDEN = "hidden: its name begins with a dot"
_ARCHIVE = "an archive: unpack it first"
_PROGRAM = "a folder that programs make for themselves"
_LINK = "a link to a folder elsewhere: give that folder itself"
_NO_FILE = "it is a pipe or a device, which never ends"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What a path stands for: nothing of this for a file, a hub id or a dataset saved by its library."""

    is_folder: bool
    files: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def list_folder(path: str) -> FolderListing:
    """The data files in a plain folder and below it, and every other file or folder with why it is not read.

    A folder that is left out as a whole stands for all that is in it, whose number is said.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir() or is_saved_dataset(folder):
        return FolderListing(is_folder=False)
    files: list[str] = []
    left_out: list[LeftOut] = []
    for found, why in _walk(folder):
        if why:
            left_out.append(LeftOut(str(found), why))
        elif found.exists() and not (found.is_dir() or found.is_file()):
            left_out.append(LeftOut(str(found), _NO_FILE))
        elif found.is_dir() or DATA_FILE.search(found.name.lower()):
            files.append(str(found))
        else:
            left_out.append(LeftOut(str(found), _ARCHIVE if is_archive(found.name) else _NOT_DATA))
    return FolderListing(True, tuple(files), tuple(left_out))


def is_saved_dataset(folder: Path) -> bool:
    """Tell whether the datasets library saved a dataset in a folder."""
    return any((folder / mark).is_file() for mark in SAVED_DATASET_MARKS)


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sorts shard 2 before shard 10, and the files of a folder before the folders in it."""
    key: list[tuple[int, int, str]] = []
    for part in path.parts[:-1]:
        key.append((1, 0, part))
    key.append((0, 0, ""))
    for text in _DIGITS.split(path.name):
        key.append((0, int(text), "") if text.isdigit() else (1, 0, text))
    return key


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file, and every saved dataset as one, with why it is not read, if so; links lead into no other folders."""
    found: list[tuple[Path, str]] = []
    for current, folders, names in os.walk(folder):
        here = Path(current)
        saved = [name for name in folders if is_saved_dataset(here / name)]
        avoided = {name: why for name in folders if name not in saved and (why := _why_avoided(here / name))}
        found += [(here / name, "") for name in saved]
        found += [(here / name, why) for name, why in avoided.items()]
        folders[:] = [name for name in folders if name not in saved and name not in avoided]
        found += [(here / name, _HIDDEN if name.startswith(".") else "") for name in names]
    return iter(sorted(found, key=lambda one: natural_key(one[0].relative_to(folder))))


def _why_avoided(folder: Path) -> str:
    if folder.is_symlink():
        return _LINK
    why = _PROGRAM if folder.name in NEVER_READ else _HIDDEN if folder.name.startswith(".") else ""
    n_files = sum(len(names) for _, _, names in os.walk(folder)) if why else 0
    return f"{why} ({n_files:,} {'file' if n_files == 1 else 'files'})" if why else ""
