"""Tamis in the browser: page configuration and navigation; everything else is in pages/."""

from __future__ import annotations

import streamlit as st

from pages.shared.frame import ICON
from pages.shared.navigation import MENU_DRAWN, menu

st.set_page_config(page_title="Tamis", page_icon=str(ICON), layout="wide")
st.session_state[MENU_DRAWN] = True
# The rail of pages/shared/frame.py links to them, below the dataset that they are about.
st.navigation(menu(), position="hidden").run()
