"""The files of an import, looked at once, and the choices a person made about how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import streamlit as st

from tamis.actions.imports import ExaminedFile, ReadAs, examine_file, files_of_sources
from tamis.store.workspace import Workspace

_CHOICES = "import_choices"


def inspect_files(workspace: Workspace, paths: Sequence[str]) -> list[ExaminedFile]:
    """Look at every file, the data files of a folder each by itself, with the choices made so far."""
    return [_examine(workspace, file, choice_for(file)) for file in files_of_sources(paths)]


def choice_for(path: str) -> ReadAs:
    """What the person chose for a file."""
    chosen = st.session_state.get(_CHOICES, {}).get(path)
    return chosen if isinstance(chosen, ReadAs) else ReadAs()


def choose(paths: Sequence[str], choice: ReadAs) -> None:
    """Read these files in that way from now on."""
    st.session_state.setdefault(_CHOICES, {}).update(dict.fromkeys(paths, choice))


def _examine(workspace: Workspace, path: str, choice: ReadAs) -> ExaminedFile:
    stamp = (0, 0)
    if Path(path).exists():
        stat = Path(path).stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
    fields = orjson.dumps(dict(choice.fields))
    return _look(path, stamp, choice.format_name, fields, choice.encoding, _workspace=workspace)


@st.cache_data(max_entries=256, ttl=3600, show_spinner="Looking at the file")
def _look(
    path: str,
    stamp: tuple[int, int],
    format_name: str,
    fields: bytes,
    encoding: str,
    *,
    _workspace: Workspace,
) -> ExaminedFile:
    return examine_file(_workspace, path, ReadAs(format_name, orjson.loads(fields), encoding))
