"""The log of what went wrong inside Tamis: each failure with an id that people can quote, and its traceback."""

from __future__ import annotations

import os
import secrets
import tempfile
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FILE = "errors.log"


@dataclass(frozen=True, slots=True)
class LoggedError:
    """What to quote, and where the traceback is."""

    error_id: str
    path: Path


def log_error(workspace: Path, error: BaseException) -> LoggedError:
    """Append the traceback to ``errors.log`` of the workspace, or of the temporary folder where it cannot be written."""
    writable = workspace.is_dir() and os.access(workspace, os.W_OK)
    path = (workspace if writable else Path(tempfile.gettempdir())) / FILE
    error_id = secrets.token_hex(4)
    text = "".join(traceback.format_exception(error))
    with path.open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {error_id}\n{text}\n")
    return LoggedError(error_id, path)
