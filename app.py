"""Tamis in the browser: page configuration and navigation; everything else is in pages/."""

from __future__ import annotations

import streamlit as st

from pages.shared.navigation import menu

st.set_page_config(page_title="Tamis", page_icon=":material/filter_alt:", layout="wide")
st.navigation(menu()).run()
