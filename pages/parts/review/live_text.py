"""A field for long text that says what is typed while it is typed; Streamlit's own waits until one leaves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

PAUSE_MS = 250
_HTML = '<label></label><textarea spellcheck="true"></textarea>'
_CSS = """
label { display: block; font-size: .875rem; margin-bottom: .25rem; color: var(--st-text-color); }
textarea {
  box-sizing: border-box; width: 100%; resize: vertical; padding: .5rem .75rem; line-height: 1.5;
  font: inherit; font-family: var(--st-font); color: var(--st-text-color);
  background: var(--st-secondary-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); outline: none;
}
textarea:focus { border-color: var(--st-primary-color); }
"""
_JS = """
export default function (component) {
  const { parentElement, data, setStateValue } = component
  const box = parentElement.querySelector("textarea")
  const label = parentElement.querySelector("label")
  label.textContent = data.label
  box.setAttribute("aria-label", data.label)
  // Set once: what is typed is always newer than what Python knows.
  if (box.dataset.started !== "yes") {
    box.dataset.started = "yes"
    box.value = data.text
    box.style.height = Math.min(data.most_px, Math.max(64, box.scrollHeight + 4)) + "px"
    if (data.focus) { box.focus(); box.setSelectionRange(0, 0); box.scrollTop = 0 }
  }
  const send = () => {
    clearTimeout(box.pending)
    if (box.sent !== box.value) { box.sent = box.value; setStateValue("text", box.value) }
  }
  box.oninput = () => { clearTimeout(box.pending); box.pending = setTimeout(send, data.pause_ms) }
  box.onblur = send
  box.onkeydown = (event) => {
    if (event.key === "Escape" || ((event.ctrlKey || event.metaKey) && event.key === "Enter")) send()
  }
}
"""


def live_text(label: str, text: str, *, key: str, most_px: int = 300, focus: bool = False) -> str:
    """Draw the field and return what it holds; ``text`` is what it starts with, as long as its key stays."""
    data = {"label": label, "text": text, "pause_ms": PAUSE_MS, "most_px": most_px, "focus": focus}
    _field()(key=key, data=data, default={"text": text}, on_text_change=lambda: None)
    return typed_text(key, text)


def typed_text(key: str, text: str) -> str:
    """What the field of that key holds now, also in a callback; ``text`` where nothing was typed."""
    state = st.session_state.get(key)
    typed = state.get("text") if state else None
    return typed if isinstance(typed, str) else text


@st.cache_resource(show_spinner=False)
def _field() -> Callable[..., Any]:
    return st.components.v2.component("tamis_live_text", html=_HTML, css=_CSS, js=_JS)
