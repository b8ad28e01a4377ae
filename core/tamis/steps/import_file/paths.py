"""Which paths of the server a person may name, only those inside the folders that the settings allow; and what lies there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from tamis.errors import ForbiddenPath, UnreadableFile
from tamis.formats.layout import HUB_PREFIX
from tamis.steps.import_file.folders import DATA_FILE, NEVER_READ, is_saved_dataset, list_folder

MAX_LISTED = 500
DATA_SETTING = "TAMIS_IMPORT_FOLDERS"
_MAX_DEPTH = 3
_NEVER_LISTED = NEVER_READ | {"build", "dist"}
_PROSE = ".txt"  # mostly no data: such a file can be typed, but is not offered


def resolve_inside(
    path: str, folders: Sequence[Path], setting: str = DATA_SETTING, *, whole: bool = False
) -> Path:
    """The resolved path of a file or folder; symbolic links are followed first, so that none leads out of ``folders``.

    A relative path is looked for in each of them. Raises ForbiddenPath outside of them, also for what does not exist,
    for a folder that is read ``whole``, as a saved dataset is, and holds a link that leads out, and UnreadableFile for what is missing inside or is neither a file nor a folder: a device or a pipe never ends.
    """
    text = path.strip()
    try:
        given = Path(text).expanduser()
        candidates = [given] if given.is_absolute() else [folder / given for folder in folders]
        resolved = [candidate.resolve() for candidate in candidates]
        inside = [candidate for candidate in resolved if is_inside(candidate, folders)]
        kinds = {candidate: candidate.stat().st_mode for candidate in inside if candidate.exists()}
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, a NUL, nobody's home
        raise ForbiddenPath(f"{_shown(text)} is no path that can be followed: {error}.") from error
    if not inside:
        raise ForbiddenPath(
            f"{_shown(text)} is outside the folders from which this server imports: {listed(folders)}. Move the "
            f"file there, or start the server with {setting} naming its folder."
        )
    if not kinds:
        raise UnreadableFile(
            f"There is no file or folder {_shown(text)} in {listed(folders)}. Check the spelling."
        )
    found, mode = next(iter(kinds.items()))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UnreadableFile(f"{_shown(text)} is neither a file nor a folder. Copy its content into a file.")
    if found.is_dir() and (whole or is_saved_dataset(found)):
        _check_members(found, folders, setting)
    return found


def is_inside(path: Path, folders: Sequence[Path]) -> bool:
    """Whether a resolved path lies in one of the folders."""
    return any(path.is_relative_to(folder.resolve()) for folder in folders)


def listed(folders: Sequence[Path]) -> str:
    """Folders as messages name them."""
    return ", ".join(str(folder) for folder in folders) or "none"


def importable_files(folders: Sequence[Path], *, skip: Sequence[Path] = ()) -> list[Path]:
    """Data files and saved datasets in the allowed folders, sorted, at most MAX_LISTED of them.

    Hidden folders, ``skip`` (the workspace) and what lies deeper than three levels are left out: this is a list to
    pick from, and any other path inside can still be typed.
    """
    avoided = {folder.resolve() for folder in skip}
    files: dict[Path, None] = {}
    for folder in folders:
        for path in _data_paths(folder, avoided):
            if len(files) >= MAX_LISTED:
                break
            files[path] = None
    return sorted(files)


def data_files(path: str) -> list[str]:
    """The data files of a plain folder, sorted; only the path itself for a file, a hub id or a saved dataset."""
    return list(list_folder(path).files) or [path]


def hub_address(text: str) -> str:
    """``hub:owner/name`` from what a person typed or pasted: a bare id, an address with prefix, or a web address."""
    plain = text.strip().removeprefix(HUB_PREFIX)
    _, marker, rest = plain.partition("/datasets/")
    return HUB_PREFIX + (rest if marker else plain).strip("/")


def _data_paths(folder: Path, avoided: set[Path]) -> Iterator[Path]:
    for current, folders, files in os.walk(folder):
        here = Path(current)
        depth = len(here.relative_to(folder).parts)
        if is_saved_dataset(here):
            yield here
            folders.clear()
            continue
        folders[:] = sorted(n for n in folders if depth < _MAX_DEPTH and _is_looked_into(here / n, avoided))
        for name in sorted(files):
            if _is_offered(name.lower()) and is_inside((here / name).resolve(), [folder]):
                yield here / name


def _is_offered(name: str) -> bool:
    return DATA_FILE.search(name) is not None and _PROSE not in name


def _is_looked_into(folder: Path, avoided: set[Path]) -> bool:
    return not folder.name.startswith(".") and folder.name not in _NEVER_LISTED and folder not in avoided


def _check_members(folder: Path, folders: Sequence[Path], setting: str) -> None:
    for member in folder.rglob("*"):
        if member.is_symlink() and not is_inside(member.resolve(), folders):
            raise ForbiddenPath(
                f"{member} is a link that leads out of {listed(folders)}. Copy what it leads to, or start the server with "
                f"{setting} naming that folder."
            )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}…")
