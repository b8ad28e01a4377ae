"""Writing so that a power cut leaves the old state or the new one: content is synced before the name that shows it.

A rename is only as durable as the folder that records it, and shows whatever had reached the disk of the file by then:
so a file is synced, then renamed, then its folder is synced. Everything that must survive goes through these functions;
``tests/core/store/test_crashes.py`` replays every prefix of what they do.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import threading
from pathlib import Path

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of renameat2(2)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that a reader, or whoever comes after a crash, sees all of the old or of the new."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.aside")
    try:
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """A folder and those above it, known to the disk."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        sync_folder(one.parent)


def move_into_place(source: Path, target: Path) -> None:
    """Sync a finished file or folder with all that is in it, then give it its name."""
    sync_tree(source)
    rename_durably(source, target)


def swap_into_place(source: Path, target: Path, aside: Path) -> None:
    """Sync a finished folder, then have it and the folder ``target`` change places; what was there is ``aside`` afterwards.

    At every moment one of the two is ``target``, where the system can exchange names (Linux; not every network disk);
    elsewhere a crash between two renames leaves the old one ``aside`` alone.
    """
    sync_tree(source)
    shutil.rmtree(aside, ignore_errors=True)
    if _exchange(source, target):
        sync_folder(target.parent)
        rename_durably(source, aside)
        return
    rename_durably(target, aside)
    rename_durably(source, target)


def _exchange(one: Path, other: Path) -> bool:
    """Give two names to each other's files at once; False, and nothing done, where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # no Linux, or a C library of before
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


def rename_durably(source: Path, target: Path) -> None:
    """Give what is on the disk another name."""
    source.rename(target)
    # The new name first: between the two, what moved from one folder to another may be found twice, and never not at all.
    for folder in dict.fromkeys((target.parent, source.parent)):
        sync_folder(folder)


def sync_tree(path: Path) -> None:
    """Bring a file, or every file and folder below a folder, to the disk."""
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            sync_tree(inside)
        sync_folder(path)
    elif path.is_file():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; nothing where the system cannot (Windows, some network disks)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
