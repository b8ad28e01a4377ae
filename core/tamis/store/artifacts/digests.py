"""Whether files still hold what was written: their SHA-256, kept in the manifest and compared when they are read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from tamis.errors import ArtifactDamaged

# Hashing reads a file once more. Up to here that is not noticed; beyond, sizes are compared, and `tamis doctor --verify`
# reads everything.
CHECKED_ON_READING = 64 * 1024**2
_REMEMBERED = 4096
_SEAL = re.compile(rb'\A\{\n "seal": "([0-9a-f]{64})",\n')


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digests_of(folder: Path, skipped: frozenset[str]) -> dict[str, str]:
    """Digest of every file below a folder by its path inside it, without the names at the top that are skipped."""
    return {
        path.relative_to(folder).as_posix(): digest_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in skipped
    }


def sealed(text: bytes) -> bytes:
    """A manifest, JSON of one line a field, with the SHA-256 of all that it says as its first field."""
    return b'{\n "seal": "' + hashlib.sha256(text).hexdigest().encode() + b'",\n' + text.removeprefix(b"{\n")


def unsealed(content: bytes) -> bytes:
    """The manifest that was sealed; one of before seals as it is. Raises ArtifactDamaged where it says something else now."""
    seal = _SEAL.match(content)
    if seal is None:
        return content
    text = b"{\n" + content[seal.end() :]
    if hashlib.sha256(text).hexdigest().encode() != seal[1]:
        raise ArtifactDamaged("it holds other bytes than were written")
    return text


def is_sound(path: Path, digest: str) -> bool:
    """Whether a file has this digest; a file that did not change since it was last asked about is not read again."""
    status = path.stat()
    changed = (status.st_mtime_ns, status.st_ctime_ns)
    return _known_digest(path, status.st_size, changed, status.st_ino) == digest


def damaged_files(
    folder: Path, sizes: Mapping[str, int], digests: Mapping[str, str], *, remembered: bool = False
) -> list[str]:
    """Which of the recorded files are missing or hold something else, each with why; every file is read whole.

    ``remembered``: a file that this process has read, and that did not change since, is not read again.
    """
    found = []
    for name in sorted({*sizes, *digests}):
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif name in sizes and path.stat().st_size != sizes[name]:
            found.append(f"{name} has {path.stat().st_size:,} bytes, not {sizes[name]:,}")
        elif name in digests and not (
            is_sound(path, digests[name]) if remembered else digest_of(path) == digests[name]
        ):
            found.append(f"{name} holds other bytes than were written")
    return found


@lru_cache(maxsize=_REMEMBERED)
def _known_digest(path: Path, size: int, changed: tuple[int, int], inode: int) -> str:
    # Size, times and inode are the cache's key: another file of this name is another question. The time of change is the
    # system's own, so that one who sets the other back hides nothing.
    return digest_of(path)
