"""Which paths on the server a person may import from: only those inside the folders that the settings allow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tamis.errors import ForbiddenPath, UnreadableFile
from tamis.formats.layout import HUB_PREFIX
from tamis.steps.import_file.folders import DATA_FILE, NEVER_READ, is_saved_dataset, list_folder

MAX_LISTED = 500
_MAX_DEPTH = 3
_NEVER_LISTED = NEVER_READ | {"build", "dist"}
_PROSE = ".txt"  # mostly no data: such a file can be typed, but is not offered


def check_import_path(path: str, folders: Sequence[Path]) -> Path:
    """The resolved path; symbolic links are followed first, so that none leads out of the allowed folders.

    Raises ForbiddenPath outside of them, also for what does not exist, and UnreadableFile for what is missing inside.
    """
    given = Path(path.strip()).expanduser()
    candidates = [given] if given.is_absolute() else [folder / given for folder in folders]
    resolved = [candidate.resolve() for candidate in candidates]
    inside = [candidate for candidate in resolved if _is_inside(candidate, folders)]
    if not inside:
        raise ForbiddenPath(
            f"{path.strip()!r} is outside the folders from which this server imports: {_listed(folders)}. Move the "
            "file there, or start the server with TAMIS_IMPORT_FOLDERS naming its folder."
        )
    existing = [candidate for candidate in inside if candidate.exists()]
    if not existing:
        raise UnreadableFile(
            f"There is no file or folder {path.strip()!r} in {_listed(folders)}. Check the spelling."
        )
    return existing[0]


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
            if _is_offered(name.lower()) and _is_inside((here / name).resolve(), [folder]):
                yield here / name


def _is_offered(name: str) -> bool:
    return DATA_FILE.search(name) is not None and _PROSE not in name


def _is_looked_into(folder: Path, avoided: set[Path]) -> bool:
    return not folder.name.startswith(".") and folder.name not in _NEVER_LISTED and folder not in avoided


def _is_inside(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder.resolve()) for folder in folders)


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(str(folder) for folder in folders) or "none"
