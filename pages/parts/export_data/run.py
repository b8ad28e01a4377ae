"""Writing the file: at once when it is small, with its progress shown when it is large."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.shared.plain_text import plain
from tamis.actions.export import ExportRequest, ExportResult, export
from tamis.errors import CurationError
from tamis.store.workspace import Workspace

LARGE_ROWS = 50_000
_POLL_S = 0.3


@dataclass(slots=True)
class _Writing:
    """What the thread that writes says about itself."""

    done: int = 0
    result: ExportResult | None = None
    failure: Exception | None = None

    def count(self, number: int) -> None:
        self.done = number


def write_export(workspace: Workspace, request: ExportRequest, path: Path, n_rows: int) -> ExportResult:
    """Write the file and its manifest; raises CurationError when the format cannot hold a row."""
    if n_rows <= LARGE_ROWS:
        with st.spinner(f"Writing {plain(path.name)}"):
            return export(workspace, request, path)
    # In a thread of its own, which finishes even when this run of the page is cut short by a click.
    writing = _Writing()
    thread = threading.Thread(
        target=_write, args=(workspace, request, path, writing), name="export", daemon=True
    )
    thread.start()
    with st.status(f"Writing {n_rows:,} rows to {plain(path.name)}", expanded=True):
        bar = st.progress(0.0)
        while thread.is_alive():
            bar.progress(min(writing.done / n_rows, 1.0), text=f"{writing.done:,} of {n_rows:,} rows")
            time.sleep(_POLL_S)
    if writing.failure is not None:
        raise writing.failure
    assert writing.result is not None
    return writing.result


def _write(workspace: Workspace, request: ExportRequest, path: Path, writing: _Writing) -> None:
    try:
        writing.result = export(workspace, request, path, progress=writing.count)
    except (CurationError, OSError) as error:
        writing.failure = error
