"""One advisory lock over a file, held by the operating system and so released when its process dies."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


class FileLock:
    """An exclusive lock that never waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Take the lock; False while another process has it."""
        stream = self._path.open("ab")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            return False
        except OSError:  # a file system without locks: that is no answer to "does somebody hold it?"
            stream.close()
            raise
        self._stream = stream
        return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._stream is not None:
            # Closing alone would leave the lock to a forked child that inherited the open file.
            fcntl.flock(self._stream, fcntl.LOCK_UN)
            self._stream.close()
            self._stream = None
