"""Notes on the row on the review: what people say about it besides deciding it."""

from __future__ import annotations

import streamlit as st

from pages.parts.review.actions import ReviewContext
from pages.shared.address import say_later
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from pages.shared.rows.review_text import show_text
from pages.shared.wording import ago
from tamis.actions.teams import RowNotes, add_note, list_notes, notes_seen_by
from tamis.errors import CurationError

MOST_CHARS = 4000


def show_row_notes(review: ReviewContext, row: int) -> None:
    """The notes of a row, folded, with a field for another one."""
    found = _notes(review, row)
    notes = found.shown
    label = f"Notes ({len(notes)})" if notes else "Notes"
    with st.expander(
        label, icon=":material/sticky_note_2:", key="review_notes_of_row", on_change="rerun"
    ) as folded:
        if not folded.open:
            return
        for one in notes:
            st.caption(f"{plain(one.reviewer)} · {ago(one.created_at)}")
            show_text(one.text)
        if found.n_later:
            verb = "is" if found.n_later == 1 else "are"
            st.caption(f"{count_of(found.n_later, 'note')} by others {verb} shown after you decide.")
        key = f"review_note_{row}_{len(notes)}"
        st.text_area(
            "Your note", key=key, max_chars=MOST_CHARS, label_visibility="collapsed", placeholder="Your note"
        )
        st.button(
            "Add", icon=":material/add:", key=f"review_add_note_{row}", on_click=_add, args=(review, row, key),
            **asks(review.workspace, add_note),
        )  # fmt: skip


def _notes(review: ReviewContext, row: int) -> RowNotes:
    """Of a row that others decide too, what may be read before one has decided it."""
    if review.is_alone_with(row):
        return notes_seen_by(review.workspace, review.dataset_id, row, review.reviewer)
    return RowNotes(tuple(list_notes(review.workspace, review.dataset_id, row)), 0)


def _add(review: ReviewContext, row: int, key: str) -> None:
    try:
        add_note(review.workspace, review.dataset_id, row, str(st.session_state[key]), review.reviewer)
    except CurationError as error:
        say_later(str(error))
