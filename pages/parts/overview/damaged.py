"""Datasets whose rows cannot be read any more."""

from __future__ import annotations

import streamlit as st

from pages.shared.plain_text import plain
from tamis.actions.datasets import damaged_datasets
from tamis.store.workspace import Workspace


def show_damaged(workspace: Workspace) -> bool:
    """One sentence for each, with what to do about it; whether there is one."""
    damaged = damaged_datasets(workspace)
    for sentence in damaged.values():
        st.error(plain(sentence), icon=":material/heart_broken:")
    return bool(damaged)
