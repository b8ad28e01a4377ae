"""The bytes of an image that a record names: only of a file inside the dataset's own folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tamis.errors import CurationError

MAX_BYTES = 64 << 20


def read_inside(folder: Path, name: str) -> bytes:
    """The content of the file ``name`` in ``folder``, links followed first.

    Raises CurationError for a file that is outside the folder, is none, is larger than ``MAX_BYTES``, or cannot be read.
    """
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except FileNotFoundError as error:
        raise CurationError(f"{name!r} is not in the folder of the dataset.") from error
    except (OSError, ValueError, RuntimeError) as error:  # a name with a NUL, links in a circle
        raise CurationError(f"{name!r} cannot be read: {error}.") from error
    if not path.is_relative_to(root):
        raise CurationError(f"{name!r} is outside the folder of the dataset, so it is not shown.")
    try:
        # Not followed: what was a file a moment ago may be a link by now. Not waited for: it may be a pipe.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise CurationError(f"{name!r} cannot be read: {error.strerror}.") from error
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise CurationError(f"{name!r} is no file.")
        if about.st_size > MAX_BYTES:
            raise CurationError(
                f"{name!r} has {about.st_size:,} bytes; images of up to {MAX_BYTES:,} are shown."
            )
        with os.fdopen(number, "rb", closefd=False) as stream:
            return stream.read(MAX_BYTES)
    finally:
        os.close(number)
