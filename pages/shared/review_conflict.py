"""A stale decision beside the one in force: both in full, and one button each to settle it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.store.decisions import Decision, decision_state
from core.types import Message
from pages.shared.plain_text import plain
from pages.shared.review_actions import Desk, settle_conflict
from pages.shared.review_state import Decided
from pages.shared.review_text import show_text
from pages.shared.wording import ago

VERDICTS = {"keep": "Keep as it is", "drop": "Drop", "replace": "Replace by"}


def show_conflicts(desk: Desk, row: int, decided: Decided) -> None:
    """Every stale decision that waits on the row."""
    state = decision_state(desk.lens.workspace.database, desk.lens.dataset_id)
    in_force = state.decided.get(row)
    for stale in [one for one in state.conflicts if one.example_id == row]:
        with st.container(border=True, key=f"conflict_{stale.event_id}"):
            st.markdown(
                ":orange[:material/call_split: **Two answers to this row.**] It was decided while "
                f"{plain(stale.reviewer)} looked at it. Choose which one holds; the other stays in the history."
            )
            left, right = st.columns(2, gap="small")
            with left:
                _show_side(in_force, "In force")
                st.button(
                    "Leave this one", icon=":material/check:", key=f"leave_{stale.event_id}",
                    on_click=partial(settle_conflict, desk, stale, keep=False),
                )  # fmt: skip
            with right:
                _show_side(stale, "Came later")
                st.button(
                    "Put this one in force", icon=":material/swap_horiz:", key=f"put_{stale.event_id}",
                    on_click=partial(settle_conflict, desk, stale, keep=True),
                )  # fmt: skip


def _show_side(decision: Decision | None, title: str) -> None:
    if decision is None:
        st.caption(f"{title}: nothing is decided now.")
        return
    st.caption(f"{title} · {plain(decision.reviewer)} · {ago(decision.created_at)}")
    st.markdown(f"**{VERDICTS[decision.verdict]}**")
    if decision.messages is not None:
        with st.container(height=120, border=False):
            show_messages(decision.messages)


def show_messages(messages: Sequence[Message]) -> None:
    """A conversation, each turn under its role."""
    for turn in messages:
        st.caption(plain(str(turn.get("role", "?"))))
        content = turn.get("content")
        if isinstance(content, str):
            show_text(content)
        else:
            st.json(content, expanded=1)
