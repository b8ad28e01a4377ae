"""What a file's name says about the file that is to be written: its container and its compression."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from tamis.errors import CurationError

_Meaning = TypeVar("_Meaning")
TargetContainer = Literal["jsonl", "json", "csv", "tsv", "parquet"]
TargetCompression = Literal["none", "gzip", "zstd"]
TARGET_CONTAINERS: tuple[TargetContainer, ...] = get_args(TargetContainer)
_ENDINGS: Mapping[str, TargetContainer] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet",
}  # fmt: skip
_PACKED: Mapping[str, TargetCompression] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_KNOWN = ".jsonl, .json, .csv, .tsv or .parquet, each also with .gz or .zst behind it"


@dataclass(frozen=True, slots=True)
class Target:
    """How a file is written; ``layout`` 1 is Parquet as the first edition wrote it, up to 2 JSON text stayed text, and up to 3
    turns kept the labels of their source in a named format.
    """

    container: TargetContainer
    compression: TargetCompression = "none"
    layout: int = 4

    @property
    def is_first_layout(self) -> bool:
        """Whether a replay asks for the first edition's Parquet."""
        return self.container == "parquet" and self.layout == 1

    @property
    def holds_lists(self) -> bool:
        """Whether a conversation that was JSON text in its source is written as the list it is."""
        return self.container not in ("csv", "tsv") and self.layout > 2

    @property
    def has_usual_labels(self) -> bool:
        """Whether turns have the labels that trainers read where nobody mapped them."""
        return self.layout > 3


JSON_LINES = Target("jsonl")


def target_of(name: str, container: str = "") -> Target:
    """What a file of this name holds, whatever the case of its letters; raises CurationError for a name that does not say.

    ``container`` is what was asked for besides, and must not say otherwise; it decides for a name without a known ending.
    """
    lowered = Path(name).name.lower()
    stem, packed = _split(lowered, _PACKED)
    named = _split(stem, _ENDINGS)[1]
    if named is None and container in TARGET_CONTAINERS:
        named = next(one for one in TARGET_CONTAINERS if one == container)
    if named is None:
        raise CurationError(
            f"The name {Path(name).name!r} does not say what kind of file to write. End it in {_KNOWN}."
        )
    if container and named != container:
        raise CurationError(
            f"{Path(name).name!r} is the name of a {named} file, but {container} was asked for. Change one of them."
        )
    return Target(named, packed or "none")


def says_container(name: str) -> bool:
    """Tell whether the name of a file says what it holds."""
    return _split(_split(name.lower(), _PACKED)[0], _ENDINGS)[1] is not None


def check_place(path: Path) -> None:
    """Raise CurationError for a path to which no file can be written."""
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        if path.parent.is_dir():  # a name that is too long, a folder that may not be entered
            raise cannot_write(path, error) from error
    if path.is_dir():
        raise CurationError(f"{path} is a folder. Name a file in it, such as {path / 'rows.jsonl'}.")
    folder = path.parent
    if not folder.exists():
        raise CurationError(f"There is no folder {folder}. Create it, or write somewhere else.")
    if not folder.is_dir():
        raise CurationError(f"{folder} is a file, so nothing can be written into it. Name a folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CurationError(f"Nothing may be written into {folder}: permission denied. Write somewhere else.")


def cannot_write(path: Path, error: OSError) -> CurationError:
    """The error of a file that the system refused to write, with its reason."""
    return CurationError(f"{path} cannot be written: {error.strerror or error}. Write somewhere else.")


def _split(name: str, endings: Mapping[str, _Meaning]) -> tuple[str, _Meaning | None]:
    for ending, meaning in endings.items():
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending), meaning
    return name, None
