"""Who reviews in this tab: the name in the history, and the mark by which rows are held for this tab."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared.server import reviewer_name
from tamis.settings import NOBODY
from tamis.store.workspace import Workspace

TAB = "tab"
_NAME = "review_name"
_COMPONENT = "tamis_reviewer_name"
MAX_NAME_CHARS = 60
# The name stays in this browser: with no login there is nobody else to keep it, and an address that is passed on
# must not pass on who one is.
_KEEP_NAME = """
export default function (component) {
  const { data, setStateValue } = component
  try {
    const kept = window.localStorage.getItem("tamis_reviewer") ?? ""
    if (data.name && data.name !== kept) window.localStorage.setItem("tamis_reviewer", data.name)
    if (!data.name && kept) setStateValue("name", kept)
  } catch (error) {
    // A browser that keeps nothing asks again next time.
  }
}
"""


def known_reviewer(workspace: Workspace) -> str:
    """The person logged in, the setting, or the name given in this browser; empty when nobody has said yet."""
    official = reviewer_name(workspace)
    if official != NOBODY:
        return official
    given = str(st.session_state.get(_NAME, ""))
    kept = _keeper()(
        key="reviewer_keeper", data={"name": given}, on_name_change=lambda: None, default={"name": ""}
    )
    name = given or _clean(getattr(kept, "name", "") or "")
    if name:
        st.session_state[_NAME] = name
    return name


def ask_reviewer() -> None:
    """Ask for the name, once."""
    with st.container(border=True, width=560):
        st.subheader("Who reviews?", anchor=False)
        st.caption("Every decision is kept with a name and a time. This browser remembers the name.")
        with st.form("reviewer_form", border=False):
            st.text_input("Your name", key="reviewer_typed", max_chars=MAX_NAME_CHARS, placeholder="Kim")
            st.form_submit_button("Start", type="primary", icon=":material/arrow_forward:", on_click=_take)


def this_tab() -> str:
    """The mark of this tab, kept in the address so that a reload finds its row again.

    A link that is opened while the tab it came from still lives gets a mark of its own.
    """
    living = _tabs()
    context = get_script_run_ctx()
    session = context.session_id if context else ""
    mark = st.query_params.get(TAB, "")
    holder = living.get(mark, "")
    if not _is_mark(mark) or (holder != session and _is_alive(holder)):
        mark = st.session_state.get("review_tab") or secrets.token_hex(4)
    st.session_state["review_tab"] = mark
    living[mark] = session
    if st.query_params.get(TAB) != mark:
        st.query_params[TAB] = mark
    return mark


def ended_tabs() -> list[str]:
    """Marks of tabs that were open in this process and are not any more."""
    if not runtime.exists():
        return []
    app = runtime.get_instance()
    return [mark for mark, session in _tabs().copy().items() if app.is_active_session(session) is False]


def _is_mark(mark: str) -> bool:
    return len(mark) == 8 and all(letter in "0123456789abcdef" for letter in mark)


def _is_alive(session: str) -> bool:
    return bool(session) and runtime.exists() and runtime.get_instance().is_active_session(session) is True


def _take() -> None:
    st.session_state[_NAME] = _clean(st.session_state["reviewer_typed"])


def _clean(name: str) -> str:
    return " ".join(name.split())[:MAX_NAME_CHARS]


@st.cache_resource(show_spinner=False)
def _tabs() -> dict[str, str]:
    """Marks of tabs and the sessions they belong to; shared, because only together they can be told apart."""
    return {}


@st.cache_resource(show_spinner=False)
def _keeper() -> Callable[..., Any]:
    return st.components.v2.component(_COMPONENT, js=_KEEP_NAME, html="<span></span>")
