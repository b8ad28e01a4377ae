"""Where an import comes from: uploaded files, paths on the server, or a dataset of a hub."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.shared.address import kept_in_address, link_asks
from pages.shared.identity import asks
from pages.shared.plain_text import plain
from tamis.actions.imports import allowed_path, hub_source, list_importable
from tamis.actions.uploads import store_upload
from tamis.errors import CurationError
from tamis.formats.kinds import COMPRESSION_ENDINGS, DATA_ENDINGS
from tamis.store.workspace import Workspace

UPLOAD, SERVER, HUB = "Upload", "This server", "Hugging Face"
_ENDINGS = [ending.removeprefix(".") for ending in (*DATA_ENDINGS, *COMPRESSION_ENDINGS)]
_STORED = "uploads_stored"
MOST_UPLOADS = 100


def choose_sources(workspace: Workspace) -> list[str]:
    """Let the person name what to import; what cannot be used is said and left out."""
    how = st.segmented_control(
        "From", [UPLOAD, SERVER, HUB], default=UPLOAD, required=True, key="from", bind="query-params"
    )
    if how == SERVER:
        return _from_server(workspace)
    return _from_hub() if how == HUB else _uploaded(workspace)


def _uploaded(workspace: Workspace) -> list[str]:
    given = st.file_uploader(
        "Files",
        type=_ENDINGS,
        accept_multiple_files=True,
        key="import_upload",
        label_visibility="collapsed",
        **asks(workspace, store_upload, words="Several files become one dataset."),
    )
    st.caption(
        "Several files become one dataset. What is in a file is detected from its content, not from its name."
    )
    if len(given) > MOST_UPLOADS:
        st.error(
            f"{len(given):,} files are more than {MOST_UPLOADS} at once. Pack them into fewer, or name their folder on the server.",
            icon=":material/block:",
        )
        given = []
    # Only paths are kept for the session: the content goes to disk once and then out of memory.
    stored: dict[str, str] = st.session_state.setdefault(_STORED, {})
    for file in given:
        if not Path(stored.get(file.file_id, "")).is_file():
            with st.spinner(f"Storing {plain(file.name)}"):
                stored[file.file_id] = str(store_upload(workspace, file.name, file))
    return list(dict.fromkeys(stored[file.file_id] for file in given))


def _from_server(workspace: Workspace) -> list[str]:
    if link_asks("path", "Files or folders on this server"):
        return []
    labels = list_importable(workspace)
    given = st.multiselect(
        "Files or folders on this server",
        list(labels),
        format_func=lambda path: labels.get(path, path),
        key="path",
        accept_new_options=True,
        placeholder="Pick a file, or type a path",
        **kept_in_address("path"),
    )
    checked = []
    for path in given:
        try:
            checked.append(allowed_path(workspace, path))
        except CurationError as error:
            st.error(plain(str(error)), icon=":material/block:")
    listed = plain(", ".join(str(folder) for folder in workspace.settings.allowed_import_folders()))
    st.caption(f"Inside {listed}. The setting TAMIS\\_IMPORT\\_FOLDERS allows other folders.")
    return list(dict.fromkeys(checked))


def _from_hub() -> list[str]:
    if link_asks("hub", "Dataset id"):
        return []
    name, config, split = st.columns([3, 1, 1])
    given = name.text_input("Dataset id", key="hub", placeholder="owner/name", **kept_in_address("hub"))
    configuration = config.text_input(
        "Configuration", key="hub_config", placeholder="default", bind="query-params"
    )
    part = split.text_input("Split", key="hub_split", placeholder="train", bind="query-params")
    st.caption("Read from the hub, or from this machine's cache of it when there is no network.")
    address = hub_source(given, configuration, part)
    return [address] if address else []
