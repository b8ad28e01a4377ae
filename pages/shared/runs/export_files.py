"""The files that were exported from a workspace, found by the manifests beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from tamis.actions.manifests import ExportManifest, read_manifest
from tamis.errors import CurationError

MANIFEST_ENDING = ".manifest.json"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One earlier export. ``manifest`` lacks the list of rows, which can be long."""

    path: Path
    manifest_path: Path
    n_bytes: int
    manifest: ExportManifest


def exports_folder(workspace: Path) -> Path:
    """Where the export page writes."""
    return workspace / "exports"


def list_exports(workspace: Path, dataset_id: str = "") -> list[ExportedFile]:
    """Earlier exports, newest first; a manifest that cannot be read, or whose file is gone, is left out."""
    found = []
    for manifest_path in exports_folder(workspace).glob(f"*{MANIFEST_ENDING}"):
        path = manifest_path.with_name(manifest_path.name.removesuffix(MANIFEST_ENDING))
        stat = manifest_path.stat()
        manifest = _read(str(manifest_path), stat.st_mtime_ns, stat.st_size)
        if manifest is not None and path.is_file() and dataset_id in ("", manifest.dataset_id):
            found.append(ExportedFile(path, manifest_path, path.stat().st_size, manifest))
    return sorted(found, key=lambda one: one.manifest.created_at, reverse=True)


def count_exports(workspace: Path) -> Counter[str]:
    """How many exported files each dataset has."""
    return Counter(one.manifest.dataset_id for one in list_exports(workspace))


@st.cache_data(max_entries=512, show_spinner=False)
def _read(path: str, modified_ns: int, n_bytes: int) -> ExportManifest | None:
    try:
        manifest = read_manifest(Path(path))
    except CurationError:
        return None
    return manifest.model_copy(update={"example_ids": None}) if manifest.example_ids else manifest
