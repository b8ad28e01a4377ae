"""What a file could make of the process that reads it, for that process to do; nothing else is imported there."""

from __future__ import annotations

import os
import tempfile

from tamis.errors import InvalidOptions

GB = 1 << 30


def spin() -> None:
    """Compute for ever."""
    while True:
        pass


def fill() -> int:
    """Take more memory than there is to be had."""
    return len(bytearray(3 * GB))


def write() -> None:
    """Write more than may be written."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(200 << 20))


def abort() -> None:
    """End as a native library does."""
    os.abort()


def refuse() -> None:
    """Say what is wrong."""
    raise InvalidOptions("not this")


def fail() -> None:
    """Meet a bug."""
    raise KeyError("a bug")
