"""No decision about a row that nobody has seen: a second tap, a held key and a press sent too late do nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

# Shorter than it takes to see a row and decide, longer than the two taps of a double tap are apart.
LOOK_S = 0.4
_ON_SCREEN = "review_on_screen"
# The window hears a key before Streamlit does. Fields keep their repeats: there a held key writes.
_ONE_PRESS = """
export default function () {
  const stop = (event) => {
    const at = event.composedPath()[0]
    const isTyping = at && (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName))
    if (event.repeat && !isTyping && /^[a-z]$/i.test(event.key)) event.stopImmediatePropagation()
  }
  window.addEventListener("keydown", stop, true)
  return () => window.removeEventListener("keydown", stop, true)
}
"""


def ignore_held_keys() -> None:
    """Let a key that is held down count once."""
    _guard()(key="review_one_press")


def mark_seen(row: int) -> None:
    """A row is on screen now; the clock of one that was there already goes on."""
    held = st.session_state.get(_ON_SCREEN)
    if held is None or held[0] != row:
        st.session_state[_ON_SCREEN] = (row, time.monotonic())


def forget_seen() -> None:
    """What is on screen is about to change: until it is drawn, nothing can be decided."""
    st.session_state.pop(_ON_SCREEN, None)


def is_seen(row: int) -> bool:
    """Whether the row on screen is this one and has been for LOOK_S; a press too early starts the wait again.

    So a run of presses decides nothing, however long it lasts.
    """
    held = st.session_state.get(_ON_SCREEN)
    if held is None or held[0] != row:
        return False
    now = time.monotonic()
    if now - held[1] >= LOOK_S:
        return True
    st.session_state[_ON_SCREEN] = (row, now)
    return False


@st.cache_resource(show_spinner=False)
def _guard() -> Callable[..., Any]:
    return st.components.v2.component("tamis_one_press", js=_ONE_PRESS, html="<span></span>")
