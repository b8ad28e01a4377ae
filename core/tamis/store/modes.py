"""Who may read what Tamis writes: its owner alone, or, where ``TAMIS_GROUP`` names one, a group of the system; never everybody.

The one place that decides modes. A process of Tamis has everything it makes so (``write_privately``); in processes of others,
as a notebook is, the folders are closed, and whatever lies outside of a workspace and holds what it holds: databases, backups
and what is put back from them.
"""

from __future__ import annotations

# Every command begins here, help included: what the rest needs is imported where it is.
import os
from contextlib import suppress
from pathlib import Path

from tamis.errors import InvalidOptions

VARIABLE = "TAMIS_GROUP"
EVERYBODY = 0o007


def group_here() -> str:
    """The group that shares what this process makes; "" for none."""
    return os.environ.get(VARIABLE, "").strip()


def write_privately() -> None:
    """Have every file and folder that this process, and those that it starts, make from now on closed to others."""
    os.umask(0o007 if group_here() else 0o077)


def make_private_folder(folder: Path, group: str | None = None) -> None:
    """Make a folder for its owner alone, or for a group; one that is there stays as it is.

    For a group, new files inside belong to it too. ``group`` is that of the environment where none is given. Raises
    InvalidOptions for a group that the system does not know or that the owner is not in; nothing is made then.
    """
    from tamis.store.durable import make_folder, sync_folder

    if folder.exists():
        return
    group = group_here() if group is None else group
    _require_group(group, folder)
    with suppress(FileExistsError, NotADirectoryError):  # a file in the way: the next line names the folder
        make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        _close(folder, group)
    except OSError as error:
        folder.rmdir()  # empty, and not as private as it should be
        raise _no_group(group, folder, error) from error
    sync_folder(folder.parent)


def make_private_file(path: Path, group: str | None = None) -> None:
    """Make an empty file for its owner or a group, where none is; who opens it by a library gets one that is closed already."""
    import tempfile

    group = group_here() if group is None else group
    # Linked into place: opening and closing the file itself would give up every lock that this process holds on it.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    aside = Path(name)
    try:
        _close(aside, group)
        with suppress(FileExistsError):
            os.link(aside, path)
    except OSError:  # a disk without links: it is made by whoever opens it, as the process makes files
        return
    finally:
        aside.unlink(missing_ok=True)


def keep_private(root: Path, group: str | None = None) -> None:
    """Close a file, or a folder with all that is in it, whatever modes it came with."""
    group = group_here() if group is None else group
    _require_group(group, root)
    paths = [root, *root.rglob("*")] if root.is_dir() else [root]
    for path in paths:
        if not path.is_symlink() and not is_private(path, group):
            _close(path, group)


def is_private(path: Path, group: str | None = None) -> bool:
    """Whether a file or a folder is closed to others already, and one's own, so that nothing has to be changed of it."""
    import grp

    group = group_here() if group is None else group
    status = path.stat()
    wanted = _mode(path.is_dir(), group)
    of_group = not group or status.st_gid == grp.getgrnam(group).gr_gid
    return status.st_mode & 0o7777 == wanted and of_group and status.st_uid == os.getuid()


def _close(path: Path, group: str) -> None:
    if group:
        import shutil

        shutil.chown(path, group=group)
    path.chmod(_mode(path.is_dir(), group))


def _mode(is_folder: bool, group: str) -> int:
    """What a folder or a file may: its owner everything, and a group the same."""
    if group:
        return 0o2770 if is_folder else 0o660
    return 0o700 if is_folder else 0o600


def _require_group(group: str, folder: Path) -> None:
    import grp

    try:
        if group:
            grp.getgrnam(group)
    except KeyError as error:
        raise _no_group(group, folder, error) from error


def _no_group(group: str, folder: Path, error: Exception) -> InvalidOptions:
    return InvalidOptions(
        f"{VARIABLE} = {group!r}: {folder} cannot be given to that group ({error}). Name a group of this system that you are in."
    )
