"""What a link filled in that leads out of a dataset, an address or a file, is shown as that, and asks once before it is used.

A form keeps its fields in the address, so that it can be sent to somebody. That somebody did not choose what stands in it.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared.plain_text import plain, shorten

_SETTLED, _LEFT = "settled_links", "left_links"
_SHOWN_CHARS = 300


def link_asks(key: str, label: str) -> bool:
    """Draw, in place of a field, what a link put into it and the question whether to take it; False where there is none.

    As long as it is True the field must not be drawn, and counts as empty. A field that was drawn before holds what this
    person typed, whatever the address says by now.
    """
    settled: set[str] = st.session_state.setdefault(_SETTLED, set())
    given = st.query_params.get_all(key)
    if key in settled or key in st.session_state or not any(one.strip() for one in given):
        settled.add(key)
        return False
    with st.container(border=True, key=f"link_fills_{key}"):
        st.warning(
            f"The link that you followed fills in **{plain(label)}**: {plain(shorten(', '.join(given), _SHOWN_CHARS))}",
            icon=":material/link:",
        )
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Take it", key=f"link_take_{key}", icon=":material/check:", on_click=settled.add, args=(key,)
            )
            st.button(
                "Leave it empty",
                key=f"link_leave_{key}",
                icon=":material/close:",
                on_click=_leave,
                args=(key,),
            )
    return True


def kept_in_address(key: str) -> dict[str, Any]:
    """How a field is kept in the address: not at all once it was left empty, for Streamlit reads the first address again."""
    return {} if key in st.session_state.get(_LEFT, ()) else {"bind": "query-params"}


def _leave(key: str) -> None:
    st.query_params.pop(key, None)
    st.session_state[_SETTLED].add(key)
    st.session_state.setdefault(_LEFT, set()).add(key)
