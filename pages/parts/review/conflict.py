"""A stale decision beside the one in force: both in full, and one button each to settle it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from pages.parts.review.actions import ReviewContext, settle_conflict
from pages.shared import queries
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from pages.shared.rows.review_text import show_text
from pages.shared.rows.turns import show_json
from pages.shared.wording import ago
from tamis.actions import decisions
from tamis.actions.decisions import Decision, conflict_on
from tamis.types import Message

VERDICTS = {"keep": "Keep as it is", "drop": "Drop", "replace": "Replace by"}
TURN_HEIGHT = "9rem"


def show_conflicts(review: ReviewContext, row: int) -> None:
    """Every stale decision that waits on the row."""
    in_force, waiting = conflict_on(review.workspace, review.dataset_id, row)
    original = queries.messages_of(review.context, row)
    asked = asks(review.workspace, decisions.settle_conflict)
    for stale in waiting:
        with st.container(border=True, key=f"conflict_{stale.event_id}"):
            st.markdown(
                ":orange[:material/call_split: **Two answers to this row.**] It was decided while "
                f"{plain(stale.reviewer)} looked at it. Choose which one holds; the other stays in the history."
            )
            left, right = st.columns(2, gap="small")
            with left, st.container(gap="xsmall"):
                _show_side(in_force, "In force", original)
                st.button(
                    "Leave this one", icon=":material/check:", key=f"leave_{stale.event_id}",
                    on_click=partial(settle_conflict, review, stale, keep=False), **asked,
                )  # fmt: skip
            with right, st.container(gap="xsmall"):
                _show_side(stale, "Came later", original)
                st.button(
                    "Put this one in force", icon=":material/swap_horiz:", key=f"put_{stale.event_id}",
                    on_click=partial(settle_conflict, review, stale, keep=True), **asked,
                )  # fmt: skip


def _show_side(decision: Decision | None, title: str, original: Sequence[Message]) -> None:
    if decision is None:
        st.caption(f"{title}: nothing is decided now.")
        return
    st.caption(f"{title} · {plain(decision.reviewer)} · {ago(decision.created_at)}")
    st.markdown(f"**{VERDICTS[decision.verdict]}**")
    if decision.messages is None:
        return
    changed = changed_turns(original, decision.messages)
    if changed:
        show_messages(changed, height=TURN_HEIGHT)
    n_fewer = len(original) - len(decision.messages)
    if n_fewer > 0:
        st.caption(f"{count_of(n_fewer, 'turn')} fewer than in the dataset.")
    elif not changed:
        st.caption("The conversation as it is in the dataset.")


def changed_turns(original: Sequence[Message], messages: Sequence[Message]) -> list[Message]:
    """The turns that are not the dataset's own at the same place."""
    own = [*original, *[None] * len(messages)]
    return [turn for before, turn in zip(own, messages, strict=False) if turn != before]


def show_messages(messages: Sequence[Message], *, height: str = "") -> None:
    """A conversation, each turn under its role; ``height``, in units of CSS, is the most that one takes."""
    for turn in messages:
        st.caption(plain(str(turn.get("role", "?"))))
        content = turn.get("content")
        if isinstance(content, str):
            show_text(content, height=height)
        else:
            show_json(content)
