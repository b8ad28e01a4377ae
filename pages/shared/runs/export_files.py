"""The files that were exported from a workspace; a manifest is read again only when it changed."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from tamis.actions import export_files
from tamis.actions.export_files import ExportedFile
from tamis.actions.manifests import ExportManifest
from tamis.store.workspace import Workspace


def list_exports(workspace: Workspace, dataset_id: str = "") -> list[ExportedFile]:
    """Earlier exports, newest first; a manifest that cannot be read, or whose file is gone, is left out."""
    return export_files.list_exports(workspace, dataset_id, read=_read_again)


def _read_again(path: Path) -> ExportManifest | None:
    stat = path.stat()
    return _read(str(path), stat.st_mtime_ns, stat.st_size)


@st.cache_data(max_entries=512, show_spinner=False)
def _read(path: str, modified_ns: int, n_bytes: int) -> ExportManifest | None:
    return export_files.read_listed_manifest(Path(path))
