"""The log of what went wrong inside Tamis: each failure with an id that people can quote, and its traceback."""

from __future__ import annotations

import os
import secrets
import tempfile
import traceback
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FILE = "errors.log"


@dataclass(frozen=True, slots=True)
class LoggedError:
    """What to quote, and where the traceback is: None where no folder could be written."""

    error_id: str
    path: Path | None


def log_error(workspace: Path, error: BaseException) -> LoggedError:
    """Append the traceback to ``errors.log`` of the workspace, else of the temporary folder; raises nothing."""
    error_id = secrets.token_hex(4)
    text = "".join(traceback.format_exception(error))
    entry = f"{datetime.now(UTC).isoformat(timespec='seconds')} {error_id}\n{text}\n"
    for folder, opener in ((workspace, None), (_temporary(), _open_own)):
        # Tried rather than asked: a full or a read-only disk answers no question about permissions.
        if folder is not None and folder.is_dir():
            with (
                suppress(OSError),
                open(folder / FILE, "a", encoding="utf-8", errors="backslashreplace", opener=opener) as log,
            ):
                log.write(entry)
                log.flush()
                return LoggedError(error_id, folder / FILE)
    return LoggedError(error_id, None)


def _open_own(path: str, flags: int) -> int:
    """Open a log that its owner alone reads: in the temporary folder anybody may have put a link or a file of that name."""
    number = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
    if hasattr(os, "getuid") and os.fstat(number).st_uid != os.getuid():
        os.close(number)
        raise PermissionError(f"{path} belongs to somebody else")
    return number


def _temporary() -> Path | None:
    try:
        return Path(tempfile.gettempdir())
    except OSError:  # there is none that can be written
        return None
