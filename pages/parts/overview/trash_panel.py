"""The datasets in the trash, each with a button that puts it back."""

from __future__ import annotations

import streamlit as st

from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import ago
from tamis.actions.datasets import Discarded, empty_trash, list_trash, restore_dataset
from tamis.store.workspace import Workspace


def show_trash(workspace: Workspace) -> None:
    """Nothing while the trash is empty."""
    entries = list_trash(workspace)
    if not entries:
        return
    with st.expander(f"Trash: {count_of(len(entries), 'dataset')}", icon=":material/delete:"):
        for entry in entries:
            _show_entry(workspace, entry)
        if st.button(
            "Empty the trash for good",
            key="empty_trash",
            icon=":material/delete_forever:",
            **asks(workspace, empty_trash),
        ):
            _confirm_emptying(workspace, len(entries))


def _show_entry(workspace: Workspace, entry: Discarded) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"{plain(entry.dataset_name)} :gray[deleted {ago(entry.discarded_at.isoformat())}]",
            width="content",
        )
        if st.button(
            "Put back",
            key=f"restore_{entry.name}",
            icon=":material/undo:",
            **asks(workspace, restore_dataset),
        ):
            with errors_in_place():
                restore_dataset(workspace, entry.name)
                st.rerun()


@st.dialog("Empty the trash")
def _confirm_emptying(workspace: Workspace, number: int) -> None:
    st.write(f"{count_of(number, 'dataset')} and everything computed from them will be gone for good.")
    if st.button("Delete for good", type="primary", key="empty_trash_confirmed"):
        empty_trash(workspace)
        st.rerun()
