"""Which split a file belongs to, as the README of its dataset or its own name says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from tamis.types import JSON

_LEVELS = 3  # folders above a file in which the README of its dataset may lie
_MAX_README_BYTES = 1 << 20
_SHARD = re.compile(r"^(.+?)[-_.]\d{1,6}[-_]of[-_]\d{1,6}")
# The words by which the hub knows splits.
_WORDS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip


def splits_of(paths: Sequence[str]) -> dict[str, str]:
    """The split of each file that has one, by path; empty unless there are at least two different ones.

    Where a README's front matter lists several configurations, theirs stand before the split: ``config/split``.
    """
    local = [Path(path) for path in paths]
    # Only the folders that tell the files apart may name a split.
    depth = len(os.path.commonprefix([one.parent.parts for one in local]))
    named = {str(path): _declared(one) or _named(one, depth) for path, one in zip(paths, local, strict=True)}
    found = {path: split for path, split in named.items() if split}
    return found if len(set(found.values())) > 1 else {}


def _named(path: Path, depth: int) -> str:
    shard = _SHARD.match(path.name)
    if shard:
        return _WORDS.get(shard[1].lower(), shard[1])
    for part in (path.name, *reversed(path.parent.parts[depth:])):
        for word in re.split(r"[^a-z]+", part.lower()):
            if word in _WORDS:
                return _WORDS[word]
    return ""


def _declared(path: Path) -> str:
    for folder in list(path.parents)[:_LEVELS]:
        configs = _configs(folder)
        relative = path.relative_to(folder).as_posix()
        for config, split, pattern in configs:
            if fnmatchcase(relative, pattern.removeprefix("./")):
                several = len({one for one, _, _ in configs}) > 1
                return f"{config}/{split}" if several else split
        if configs:
            return ""
    return ""


@lru_cache(maxsize=256)
def _configs(folder: Path) -> tuple[tuple[str, str, str], ...]:
    """Configuration, split and pattern of files, as the README of a dataset lists them."""
    readme = folder / "README.md"
    try:
        text = readme.read_bytes()[:_MAX_README_BYTES].decode("utf-8", "replace")
    except OSError:
        return ()
    import yaml  # type: ignore[import-untyped]  # its stubs are a package of their own

    match = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    try:
        front = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError:
        return ()
    configs = front.get("configs") if isinstance(front, dict) else None
    return tuple(
        (str(config.get("config_name", "default")), split, pattern)
        for config in (configs if isinstance(configs, list) else [])
        if isinstance(config, dict)
        for split, pattern in _patterns(config.get("data_files"), str(config.get("data_dir", "")))
    )


def _patterns(listed: JSON, folder: str) -> list[tuple[str, str]]:
    if isinstance(listed, Mapping):
        listed = [{"split": split, "path": path} for split, path in listed.items()]
    found: list[tuple[str, str]] = []
    for item in listed if isinstance(listed, list) else [listed]:
        split, paths = (
            (str(item.get("split", "train")), item.get("path")) if isinstance(item, dict) else ("train", item)
        )
        for path in paths if isinstance(paths, list) else [paths]:
            if isinstance(path, str):
                found.append((split, f"{folder}/{path}".lstrip("/") if folder else path))
    return found
