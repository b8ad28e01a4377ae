"""The data files of a folder and of the folders in it, in the order of their shards, and what is not read of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATA_FILE = re.compile(r"\.(jsonl|ndjson|json|csv|tsv|parquet|arrow|txt)(\.(gz|zst|zstd|bz2|xz))?$")
SAVED_DATASET_MARKS = ("state.json", "dataset_dict.json")
NEVER_READ = frozenset({"node_modules", "__pycache__", "site-packages"})
_DIGITS = re.compile(r"(\d+)")
_NOT_DATA = "its name is not that of a data file"


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
    """The data files in a plain folder and below it, and every other file that is not hidden."""
    folder = Path(path).expanduser()
    if not folder.is_dir() or is_saved_dataset(folder):
        return FolderListing(is_folder=False)
    files: list[str] = []
    left_out: list[LeftOut] = []
    for found in _walk(folder):
        if found.is_dir() or DATA_FILE.search(found.name.lower()):
            files.append(str(found))
        else:
            left_out.append(LeftOut(str(found), _NOT_DATA))
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


def _walk(folder: Path) -> Iterator[Path]:
    """Every file, and every saved dataset as one, without hidden ones; links are not followed into other folders."""
    found: list[Path] = []
    for current, folders, names in os.walk(folder):
        here = Path(current)
        saved = [name for name in folders if is_saved_dataset(here / name)]
        found += [here / name for name in saved]
        folders[:] = [n for n in folders if n not in saved and n not in NEVER_READ and not n.startswith(".")]
        found += [here / name for name in names if not name.startswith(".")]
    return iter(sorted(found, key=lambda one: natural_key(one.relative_to(folder))))
