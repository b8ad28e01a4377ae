"""The top of the sidebar, where the dataset and what is active of it stand above the menu."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_HEAD = "rail_head"


def keep_rail_head() -> None:
    """Keep a place for them at this point of the sidebar, before the menu is drawn below it."""
    st.session_state[_HEAD] = st.container(gap="small")


def rail_head() -> DeltaGenerator:
    """The place that was kept in this run."""
    head: DeltaGenerator = st.session_state[_HEAD]
    return head
