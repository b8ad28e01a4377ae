"""No decision about a row that nobody has seen: a second tap and a press sent too late do nothing.

The lane in the browser asks the same of every key; see lane.js.
"""

from __future__ import annotations

import time

import streamlit as st

# Shorter than it takes to see a row and decide, longer than the two taps of a double tap are apart.
LOOK_S = 0.4
_ON_SCREEN = "review_on_screen"


def mark_seen(row: int) -> None:
    """A row is on screen now; the clock of one that was there already goes on."""
    on_screen = st.session_state.get(_ON_SCREEN)
    if on_screen is None or on_screen[0] != row:
        st.session_state[_ON_SCREEN] = (row, time.monotonic())


def forget_seen() -> None:
    """What is on screen is about to change: until it is drawn, nothing can be decided."""
    st.session_state.pop(_ON_SCREEN, None)


def is_seen(row: int) -> bool:
    """Whether the row on screen is this one and has been for LOOK_S; a press too early starts the wait again.

    So a run of presses decides nothing, however long it lasts.
    """
    on_screen = st.session_state.get(_ON_SCREEN)
    if on_screen is None or on_screen[0] != row:
        return False
    now = time.monotonic()
    if now - on_screen[1] >= LOOK_S:
        return True
    st.session_state[_ON_SCREEN] = (row, now)
    return False
