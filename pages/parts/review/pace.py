"""No decision about a row that nobody has seen: a second tap, a held key and a press sent too late do nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

# Shorter than it takes to see a row and decide, longer than the two taps of a double tap are apart.
LOOK_S = 0.4
DECISION_KEYS = "dkts"  # drop, keep, take the candidate, skip
_ON_SCREEN = "review_on_screen"
# The window hears a key before Streamlit does, and when it was pressed, however slow the way to here is. Set up once;
# it acts only while the keys of the review are on screen, and never in a field.
_ONE_PRESS = """
export default function (component) {
  const { data } = component
  if (window.tamisOnePress) return
  window.tamisOnePress = true
  let last = -Infinity
  window.addEventListener("keydown", (event) => {
    const at = event.composedPath()[0]
    const isTyping = at && (at.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName))
    const isOurs = /^[a-z]$/i.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey
    if (isTyping || !isOurs || !document.querySelector('[class*="st-key-review_keys"]')) return
    const isDecision = data.keys.includes(event.key.toLowerCase())
    const isSoon = isDecision && event.timeStamp - last < data.look_ms
    if (isDecision) last = event.timeStamp
    if (event.repeat || isSoon) event.stopImmediatePropagation()
  }, true)
}
"""


def ignore_held_keys() -> None:
    """Let a key that is held down count once, and a decision only after a pause, in the browser itself."""
    _guard()(key="review_one_press", data={"look_ms": LOOK_S * 1000, "keys": DECISION_KEYS}, width="content")


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


@st.cache_resource(show_spinner=False)
def _guard() -> Callable[..., Any]:
    return st.components.v2.component("tamis_one_press", js=_ONE_PRESS, html="<span></span>")
