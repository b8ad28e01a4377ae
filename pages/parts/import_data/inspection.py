"""The files of an import, looked at once, and the choices a person made about how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import streamlit as st

from tamis.actions.import_counts import count_records
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


def count_import_rows(files: Sequence[ExaminedFile]) -> int | None:
    """How many rows the files hold, counted once while they stay as they are; None where that is not told at once."""
    stamps = tuple((file.path, _stamp(file.path)) for file in files)
    return _count(stamps, _files=files)


@st.cache_data(max_entries=64, ttl=3600, show_spinner="Counting the rows")
def _count(stamps: tuple[tuple[str, tuple[int, int]], ...], *, _files: Sequence[ExaminedFile]) -> int | None:
    return count_records(_files)


def _stamp(path: str) -> tuple[int, int]:
    if not Path(path).exists():
        return (0, 0)
    stat = Path(path).stat()
    return (stat.st_mtime_ns, stat.st_size)


def _examine(workspace: Workspace, path: str, choice: ReadAs) -> ExaminedFile:
    fields = orjson.dumps(dict(choice.fields))
    return _look(path, _stamp(path), choice.format_name, fields, choice.encoding, _workspace=workspace)


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
