"""Where an import comes from: uploaded files, paths on the server, or a dataset of a hub."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import streamlit as st

from pages.shared.plain_text import plain
from tamis.errors import CurationError
from tamis.steps.import_file.paths import (
    check_import_path,
    hub_address,
    importable_files,
)
from tamis.store.workspace import Workspace

UPLOAD, SERVER, HUB = "Upload", "This server", "Hugging Face"
_ENDINGS = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet", "gz", "zst"]
_STORED = "uploads_stored"
_BLOCK_BYTES = 1 << 22


def choose_sources(workspace: Workspace) -> list[str]:
    """Let the person name what to import; what cannot be used is said and left out."""
    how = st.segmented_control(
        "From", [UPLOAD, SERVER, HUB], default=UPLOAD, required=True, key="from", bind="query-params"
    )
    if how == SERVER:
        return _from_server(workspace)
    return _from_hub() if how == HUB else _uploaded(workspace)


def store_upload(workspace: Path, name: str, stream: BinaryIO) -> Path:
    """Copy a stream to ``uploads/<hash>/<name>``; the same content again is the same file."""
    folder = workspace / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{uuid4().hex}"
    digest = hashlib.blake2b(digest_size=8)
    try:
        with aside.open("wb") as file:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
                file.write(block)
        target = folder / digest.hexdigest() / safe_name(name)
        target.parent.mkdir(exist_ok=True)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return target


def safe_name(name: str) -> str:
    """A file name without folders, control characters and leading dots, short enough for any file system."""
    last = re.split(r"[/\\]", name)[-1]
    cleaned = re.sub(r"[\x00-\x1f\x7f]", "", last).lstrip(". ")
    # The endings say what the file is, so a long name is cut in front of them.
    while len(cleaned.encode()) > 200:
        cleaned = cleaned[1:]
    return cleaned or "upload"


def _uploaded(workspace: Workspace) -> list[str]:
    given = st.file_uploader(
        "Files",
        type=_ENDINGS,
        accept_multiple_files=True,
        key="import_upload",
        label_visibility="collapsed",
        help="Several files become one dataset.",
    )
    st.caption(
        "Several files become one dataset. What is in a file is detected from its content, not from its name."
    )
    # Only paths are kept for the session: the content goes to disk once and then out of memory.
    stored: dict[str, str] = st.session_state.setdefault(_STORED, {})
    for file in given:
        if not Path(stored.get(file.file_id, "")).is_file():
            with st.spinner(f"Storing {plain(file.name)}"):
                stored[file.file_id] = str(store_upload(workspace.path, file.name, file))
    return list(dict.fromkeys(stored[file.file_id] for file in given))


def _from_server(workspace: Workspace) -> list[str]:
    folders = workspace.settings.allowed_import_folders()
    found = importable_files(folders, skip=[workspace.path])
    labels = {str(path): _within(str(path), folders) for path in found}
    shown_once = Counter(labels.values())
    given = st.multiselect(
        "Files or folders on this server",
        list(labels),
        format_func=lambda path: labels[path] if shown_once[labels.get(path, "")] == 1 else path,
        key="path",
        accept_new_options=True,
        placeholder="Pick a file, or type a path",
        bind="query-params",
    )
    listed = plain(", ".join(str(folder) for folder in folders))
    st.caption(f"Inside {listed}. The setting TAMIS\\_IMPORT\\_FOLDERS allows other folders.")
    checked = []
    for path in given:
        try:
            checked.append(str(check_import_path(path, folders)))
        except CurationError as error:
            st.error(plain(str(error)), icon=":material/block:")
    return list(dict.fromkeys(checked))


def _from_hub() -> list[str]:
    name, config, split = st.columns([3, 1, 1])
    given = name.text_input("Dataset id", key="hub", placeholder="owner/name", bind="query-params")
    configuration = config.text_input(
        "Configuration", key="hub_config", placeholder="default", bind="query-params"
    )
    part = split.text_input("Split", key="hub_split", placeholder="train", bind="query-params")
    st.caption("Read from the hub, or from this machine's cache of it when there is no network.")
    if not given.strip():
        return []
    address = hub_address(given)
    address += f":{configuration.strip()}" if configuration.strip() else ""
    return [address + (f"@{part.strip()}" if part.strip() else "")]


def _within(path: str, folders: tuple[Path, ...]) -> str:
    for folder in sorted(folders, key=lambda one: -len(one.parts)):
        if Path(path).is_relative_to(folder):
            return str(Path(folder.name) / Path(path).relative_to(folder))
    return path
