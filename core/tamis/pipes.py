"""The pipes to a process that answers: reading no longer than until a deadline, and letting go of them."""

from __future__ import annotations

import os
import select
import subprocess
import time
from contextlib import suppress

BLOCK_BYTES = 1 << 20


def receive(process: subprocess.Popen[bytes], n_bytes: int, deadline: float) -> bytes:
    """So many bytes of what a process says; ``deadline`` is a moment of time.monotonic().

    Raises TimeoutError where it has passed, and EOFError where the process ended before.
    """
    assert process.stdout is not None
    number, parts = process.stdout.fileno(), bytearray()
    while len(parts) < n_bytes:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([number], [], [], left)[0]:
            raise TimeoutError
        block = os.read(number, min(n_bytes - len(parts), BLOCK_BYTES))
        if not block:
            raise EOFError
        parts += block
    return bytes(parts)


def close_pipes(process: subprocess.Popen[bytes]) -> None:
    """Close this process's ends of the pipes to another."""
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            if stream is not None:
                stream.close()
