"""Whether a file, by now that it has been read, is the one by which its dataset is named."""

from __future__ import annotations

import threading
from pathlib import Path

from tamis.errors import UnreadableFile
from tamis.steps.import_file.identify import file_hash
from tamis.steps.import_file.options import SourceFile


class ContentWatch:
    """Takes the hash of a file beside its reading, on a core that reading leaves free; of a folder, behind it.

    A file that is written to meanwhile has other times or another size than when the watch began, so a hash taken before
    that counts for nothing.
    """

    def __init__(self, file: SourceFile) -> None:
        self._file, self._path = file, Path(file.path)
        self._watched = bool(file.content_hash) and self._path.exists()
        self._hash = ""
        self._before = self._state()
        self._thread: threading.Thread | None = None
        if self._watched and self._path.is_file():
            # Nobody waits for it where reading fails.
            self._thread = threading.Thread(target=self._take, name="content hash", daemon=True)
            self._thread.start()

    def refuse_other_content(self) -> None:
        """Raise UnreadableFile where it is another file than was agreed to, or was changed while it was read."""
        if not self._watched:
            return
        if self._thread is not None:
            self._thread.join()
        else:
            self._take()
        if self._hash != self._file.content_hash or self._state() != self._before:
            raise UnreadableFile(
                f"{self._file.path} has changed since the import was agreed to, so its rows are not those that were asked for. "
                "Import it again."
            )

    def _take(self) -> None:
        try:
            self._hash = file_hash(self._path)
        except OSError:
            self._hash = ""  # gone or closed meanwhile: not the file that was agreed to

    def _state(self) -> tuple[int, ...]:
        """What every write to a file changes; nothing of a folder, whose files are all read again."""
        if not self._path.is_file():
            return ()
        stat = self._path.stat()
        return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino
