"""Dropping a written row with a reason, in one press; reasons are counted on the page Augment."""

from __future__ import annotations

import streamlit as st

from pages.parts.review.actions import ReviewContext, Seen, approve, reject
from pages.parts.review.pace import is_seen
from pages.shared.address import say_later
from pages.shared.identity import asks
from tamis.actions.drop_reasons import DROP_REASONS, note_drop_reason
from tamis.errors import CurationError


def show_drop_reasons(review: ReviewContext, seen: Seen) -> None:
    """A press for every reason."""
    with st.popover("Drop because …", icon=":material/delete:", key="review_drop_because"):
        for reason in DROP_REASONS:
            st.button(
                reason.capitalize(), key=f"review_drop_{reason.replace(' ', '_')}_{seen.row}", width="stretch",
                on_click=_drop, args=(review, seen, reason), **asks(review.workspace, note_drop_reason),
            )  # fmt: skip


def _drop(review: ReviewContext, seen: Seen, reason: str) -> None:
    if not is_seen(seen.row):
        return
    try:
        note_drop_reason(review.workspace, review.dataset_id, seen.row, reason, review.reviewer)
    except CurationError as error:
        say_later(str(error))
        return
    (approve if seen.proposal.action == "drop" else reject)(review, seen)
