"""Whose name goes into the log of tags and names."""

from __future__ import annotations

import streamlit as st

from tamis.store.workspace import Workspace


def reviewer_name(workspace: Workspace) -> str:
    """The person logged in, else as by command and by Python."""
    return workspace.settings.reviewer_name(str(st.user.get("name") or st.user.get("email") or ""))
