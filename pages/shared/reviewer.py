"""Whose name goes into the log of tags and names."""

from __future__ import annotations

import streamlit as st

from tamis.store.workspace import Workspace

NOBODY = "local"


def reviewer_name(workspace: Workspace) -> str:
    """The person logged in, else the setting, else ``local``."""
    name = st.user.get("name") or st.user.get("email")
    return str(name or workspace.settings.reviewer or NOBODY)
