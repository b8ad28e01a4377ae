"""Back a workspace up while it is in use, and put it back somewhere else; whole and verified, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson

from tamis import __version__
from tamis.actions.roles import needs
from tamis.errors import CurationError, InvalidOptions
from tamis.steps.execute import LEAST_FREE_BYTES
from tamis.store.artifacts.digests import damaged_files, digest_of
from tamis.store.artifacts.store import utc_now
from tamis.store.database.adopting import adopt_database
from tamis.store.database.backups import check_database, copy_database
from tamis.store.database.database import Database
from tamis.store.database.place import DATABASE_NAME
from tamis.store.durable import make_folder, move_into_place, write_atomically
from tamis.store.locks import FileLock
from tamis.store.modes import is_private, keep_private
from tamis.store.workspace import Workspace

ABOUT, ARCHIVE = "backup.json", ".tar.zst"
# What cannot be made again. Caches can; parts of unfinished runs are started again.
FOLDERS = ("datasets", "exports", "uploads", "trash")
Say = Callable[[str], None]
_BACKUP, _RESTORE, _HELD = ".backup-", ".restore-", ".held"
_LEFT_S = 60.0  # younger ones may not hold their lock yet


@dataclass(frozen=True, slots=True)
class Backup:
    """A verified backup: where it is, how many files it holds, and their size in bytes before packing."""

    path: Path
    n_files: int
    n_bytes: int


@needs("operator", noted="backup", writes=False)
def back_up(workspace: Workspace, target: Path, *, say: Say = lambda _: None) -> Backup:
    """Copy the database and everything that cannot be made again into a new folder, or a file that ends in ``.tar.zst``.

    Everybody may go on working: the database is copied first, by SQLite, and what it speaks of never changes; files on
    the same disk are linked. The copy is read back. Raises InvalidOptions for a target that exists or has a name of
    another kind, CurationError for a damaged database.
    """
    target = target.expanduser().absolute()
    if target.exists():
        raise InvalidOptions(
            f"{target} is there already: name a new folder, or a new file that ends in {ARCHIVE}."
        )
    if target.suffix and not target.name.endswith(ARCHIVE):
        raise InvalidOptions(f"{target.name} is neither a folder nor a file that ends in {ARCHIVE}.")
    make_folder(target.parent)
    with _folder_aside(_BACKUP, target.parent) as folder:
        aside = folder / "workspace"
        aside.mkdir()
        say("database")
        _copy_database(workspace.database, aside / DATABASE_NAME)
        for name in FOLDERS:
            say(name)
            _take(workspace.path / name, aside / name, workspace.settings.group)
        made = _describe(aside, target)
        keep_private(aside, workspace.settings.group)
        if target.name.endswith(ARCHIVE):
            say("packing")
            packed = folder / target.name
            _pack(aside, packed)
            _check_archive(packed)
            keep_private(packed, workspace.settings.group)
            move_into_place(packed, target)
        else:
            _check(aside)
            move_into_place(aside, target)
    return made


@needs("operator")
def restore(source: Path, workspace: Path, *, say: Say = lambda _: None) -> Backup:
    """Put a backup back as a workspace that does not exist yet; every file is compared with what was backed up.

    Raises InvalidOptions when ``workspace`` holds something or ``source`` is no backup, CurationError naming the first
    damaged files, and for anything that no backup holds (links, jobs, caches), because a backup may come from a stranger;
    nothing is changed then. Jobs that were under way are ended, for a person to resume.
    """
    source, workspace = source.expanduser().absolute(), workspace.expanduser().absolute()
    if workspace.exists() and any(workspace.iterdir()):
        raise InvalidOptions(f"{workspace} is not empty, and a backup replaces nothing: name a new folder.")
    if not source.exists():
        raise InvalidOptions(f"There is no backup {source}.")
    make_folder(workspace.parent)
    with _folder_aside(_RESTORE, workspace.parent) as folder:
        aside = folder / "workspace"
        say("unpacking")
        if source.is_dir():
            shutil.copytree(source, aside, symlinks=True)  # a link is seen as one, not what it leads to
        else:
            _unpack(source, aside)
        say("verifying")
        about = _check(aside)
        if n_ended := adopt_database(aside / DATABASE_NAME):
            say(f"{n_ended} jobs were under way: tamis jobs resume goes on with one")
        (aside / ABOUT).unlink()
        keep_private(aside)
        if workspace.exists():
            _take_over_mode(workspace, aside)
            workspace.rmdir()
        move_into_place(aside, workspace)
    return Backup(workspace, len(about["digests"]), int(about["n_bytes"]))


def _take_over_mode(old: Path, new: Path) -> None:
    """An empty folder that somebody made for the workspace says itself who may look into it."""
    status = old.stat()
    os.chown(new, -1, status.st_gid)
    new.chmod(stat.S_IMODE(status.st_mode))


@contextmanager
def _folder_aside(prefix: str, parent: Path) -> Iterator[Path]:
    """A folder that is gone afterwards; those that killed ones have left there are removed first."""
    for left in parent.glob(f"{prefix}*"):
        if left.is_dir() and time.time() - left.stat().st_mtime > _LEFT_S and _is_left(left / _HELD):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        lock = FileLock(Path(folder) / _HELD)
        with suppress(OSError):  # a disk without locks
            lock.acquire()
        try:
            yield Path(folder)
        finally:
            lock.release()


def _is_left(held: Path) -> bool:
    """Whether nobody works in a folder any more; a disk without locks does not say."""
    lock = FileLock(held)
    try:
        return lock.acquire()
    except OSError:
        return False
    finally:
        lock.release()


def _copy_database(database: Database, target: Path) -> None:
    try:
        copy_database(database.path, target)
    except sqlite3.DatabaseError as error:
        raise CurationError(
            f"{database.path} cannot be backed up ({error}). Older copies are in {database.backups}."
        ) from error


def _take(source: Path, target: Path, group: str) -> None:
    """Link or copy every finished file; what is being written or deleted now is not part of the workspace yet.

    A link shares its mode with the workspace, so what is open to others there, or is another's, is copied.
    """
    for path in _finished(source):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # deleted in this moment
            if not is_private(path, group):
                shutil.copy2(path, copy)
                continue
            try:
                os.link(path, copy)
            except FileNotFoundError:
                raise
            except OSError:  # another disk, or one without links
                shutil.copy2(path, copy)


def _finished(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            yield from () if path.name.startswith(".") else _finished(path)
        elif path.is_file() and (not path.name.startswith(".") or path.suffix == ".asked"):
            yield path


def _describe(folder: Path, target: Path) -> Backup:
    """Write what the backup holds into it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): digest_of(path) for path in files}
    n_bytes = sum(path.stat().st_size for path in files)
    about = {"tamis_version": __version__, "created_at": utc_now(), "n_bytes": n_bytes, "digests": digests}
    write_atomically(folder / ABOUT, orjson.dumps(about, option=orjson.OPT_INDENT_2))
    return Backup(target, len(digests), n_bytes)


def _check(folder: Path) -> dict[str, Any]:
    """What the backup says it holds; raises when it holds something else."""
    if not (folder / ABOUT).is_file():
        raise InvalidOptions(
            f"This is no backup: it has no {ABOUT}. Make one with: tamis backup FILE{ARCHIVE}"
        )
    inside = {path.relative_to(folder): path for path in folder.rglob("*")}
    for name, path in inside.items():
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _strange(name.as_posix(), "is neither a file nor a folder")
        _refuse_strange_place(name.as_posix())
    about = _read_about((folder / ABOUT).read_bytes())
    files = {name.as_posix() for name, path in inside.items() if path.is_file()} - {ABOUT}
    unlisted = sorted(files - set(about["digests"]))
    # A name that leads out of the folder is none of a file in it.
    damaged = [f"{name} is missing" for name in sorted({DATABASE_NAME, *about["digests"]} - files)]
    damaged = [f"{name} is not listed" for name in unlisted] + damaged or damaged_files(
        folder, {}, about["digests"]
    )
    if damaged:
        raise CurationError(
            f"The backup is damaged: {'; '.join(damaged[:3])}{f' and {len(damaged) - 3} more' if len(damaged) > 3 else ''}. "
            "Use another copy of it."
        )
    with closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        check_database(connection)
    return about


def _read_about(text: bytes) -> dict[str, Any]:
    try:
        about = orjson.loads(text)
        digests = {str(name): str(digest) for name, digest in about["digests"].items()}
        return {"digests": digests, "n_bytes": int(about["n_bytes"])}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CurationError(
            f"The backup is damaged: {ABOUT} cannot be read. Use another copy of it."
        ) from error


def _refuse_strange_place(name: str) -> None:
    """Raise CurationError for a name that a backup has nothing under."""
    first, *rest = PurePosixPath(name).parts or ("",)
    is_known = first in FOLDERS or (not rest and first in (ABOUT, DATABASE_NAME))
    if not is_known or ".." in rest:
        raise _strange(name, "is nothing that a backup holds")


def _strange(name: str, why: str) -> CurationError:
    return CurationError(
        f"The backup cannot be unpacked: {name!r} in it {why}. Take one that tamis backup made."
    )


def _pack(folder: Path, target: Path) -> None:
    import zstandard

    with (
        target.open("wb") as file,
        zstandard.ZstdCompressor(level=3, write_checksum=True).stream_writer(file) as packed,
        # Whole files: one that has two names in the workspace would else be a link in the archive, and links are refused.
        tarfile.open(fileobj=packed, mode="w|", dereference=True) as archive,
    ):
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)


def _check_archive(path: Path) -> None:
    """Read an archive back and compare every file, without unpacking it."""
    expected: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, stream in _members(path):
        if name == ABOUT:
            expected = orjson.loads(stream.read())["digests"]
        else:
            found[name] = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # a binary stream
    if found != expected:
        raise CurationError(
            f"{path.name} was not written as it should be: is the disk full, or failing? Nothing was kept."
        )


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with _archive(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield member.name, stream


def _unpack(source: Path, folder: Path) -> None:
    import zstandard

    folder.mkdir()
    try:
        with _archive(source) as archive:
            for member in archive:
                # The filter is not enough: links can be made so long that Python 3.11's lets them lead out.
                if not (member.isfile() or member.isdir()):
                    raise _strange(member.name, "is neither a file nor a folder")
                _refuse_strange_place(member.name)
                _require_room(member.size, folder)
                archive.extract(member, folder, filter="data")
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise CurationError(
            f"{source} cannot be unpacked ({error}). Use another copy of the backup."
        ) from error


def _require_room(n_bytes: int, folder: Path) -> None:
    """Raise OSError (ENOSPC) before a file is unpacked that would fill the disk: a small archive can hold any size."""
    if n_bytes + LEAST_FREE_BYTES > shutil.disk_usage(folder).free:
        raise OSError(
            errno.ENOSPC, f"a file of {n_bytes:,} bytes is more than the disk has room for", str(folder)
        )


@contextmanager
def _archive(path: Path) -> Iterator[tarfile.TarFile]:
    import zstandard

    with (
        path.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as unpacked,
        tarfile.open(fileobj=unpacked, mode="r|") as archive,
    ):
        yield archive
