"""What a key does in the review: decide, pass over, turn back, move on; and which row comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from pages.parts.review.pace import forget_seen, is_seen
from pages.parts.review.session import ended_tabs
from pages.parts.review.state import decided_now
from pages.shared import queries
from pages.shared.address import read_row, say_later
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from tamis.actions import decisions, review_queue, teams
from tamis.actions.decisions import DecidedBy, Decision, DecisionSnapshot, RecordedDecision
from tamis.actions.proposals import Proposal
from tamis.actions.review_queue import ReviewQueue
from tamis.errors import CurationError
from tamis.store.workspace import Workspace
from tamis.types import Int64s, Message

SKIPPED, DRAFT, _NOTES = "review_skipped", "review_draft", "review_notes"
HELD_BY_ME = "review_held_by_me"  # a row that was asked for and that another tab of the same reviewer holds
VERDICT_WORDS = {"keep": "kept", "drop": "dropped", "replace": "replaced"}


@dataclass(frozen=True, slots=True)
class ReviewContext:
    """Where somebody reviews: the data, the queue and a name for it, who, and the tab that rows are held for.

    ``mine`` are the rows that were assigned to this person, whose queue then has them alone; None for nobody's share.
    ``alone`` are those of which own decisions alone are shown (``teams.rows_seen_alone``).
    """

    context: DatasetContext
    queue: ReviewQueue
    queue_key: str
    reviewer: str
    tab: str
    mine: Int64s | None = None
    alone: Int64s | None = None

    def is_alone_with(self, row: int) -> bool:
        """Whether nothing is shown of what others decided about a row."""
        return self.alone is not None and row in self.alone

    @property
    def workspace(self) -> Workspace:
        """Where the decisions are kept."""
        return self.context.workspace

    @property
    def dataset_id(self) -> str:
        """What is reviewed."""
        return self.context.dataset_id


def decided_for(review: ReviewContext) -> DecisionSnapshot:
    """What is decided at this moment as this person may see it: of a share, own decisions alone."""
    decided = decided_now(review.context)
    if review.alone is None:
        return decided
    return teams.blind_to_others(review.workspace, review.dataset_id, decided, review.reviewer, review.alone)


def decided_as_known(review: ReviewContext) -> DecisionSnapshot:
    """The whole of what is decided for whoever may apply it, as this person may see it for all others."""
    return decided_now(review.context) if review.workspace.actor.may("curator") else decided_for(review)


@dataclass(frozen=True, slots=True)
class Seen:
    """The proposal that a person looks at, and the decision that was in force for it then (0 for none)."""

    proposal: Proposal
    event_id: int

    @property
    def row(self) -> int:
        """Which row it is about."""
        return self.proposal.example_id


def remember_note(text: str, icon: str) -> None:
    """Say something short in the run that follows: in a callback there is no place for it yet."""
    st.session_state.setdefault(_NOTES, []).append((text, icon))


def show_notes() -> None:
    """Say what was noted, once."""
    for text, icon in st.session_state.pop(_NOTES, ()):
        st.toast(text, icon=icon, duration="short")


def find_place(review: ReviewContext, decided: DecisionSnapshot) -> int | None:
    """The row to show, held for this tab from now on; None when nothing in the queue can be shown.

    A row that another tab holds is passed over, and that is said.
    """
    asked = read_row()
    if asked is not None and review.queue.place(asked) is not None:
        if hold(review, [asked]) is not None:
            return asked
        holder = review_queue.held_rows(review.workspace, review.dataset_id).get(asked)
        if holder is not None and holder.reviewer == review.reviewer:
            row = go_next_open(review, decided, after=asked)
            st.session_state[HELD_BY_ME] = asked
            return row
        who = plain(holder.reviewer) if holder else "somebody else"
        remember_note(f"Row {asked:,} is being reviewed by {who}. Here is the next one.", ":material/group:")
    elif asked is not None:
        remember_note(f"Row {asked:,} is not in this queue.", ":material/filter_list:")
        asked = None
    return go_next_open(review, decided, after=asked)


def hold(review: ReviewContext, rows: Sequence[int], since: int | None = None) -> int | None:
    """Hold the first of these rows that nobody else holds; who only looks holds none, and sees the first."""
    if not review.workspace.actor.may("reviewer"):
        return next(iter(rows), None)
    return review_queue.hold_row(
        review.workspace, review.dataset_id, rows, review.tab, reviewer=review.reviewer,
        since=since, ended=ended_tabs(),
    )  # fmt: skip


def release_my_tabs(review: ReviewContext, row: int | None = None) -> None:
    """Take the rows that other tabs of this reviewer hold, and open one of them; from a callback."""
    review_queue.release_other_sessions(review.workspace, review.dataset_id, review.reviewer, review.tab)
    if row is not None:
        _show(row)


def go_next_open(review: ReviewContext, decided: DecisionSnapshot, *, after: int | None) -> int | None:
    """Open the next row that waits for a decision, those passed over last; None when all are decided or held."""
    row = hold(review, _waiting(review, decided, after).tolist(), decided.revision)
    _show(row)
    return row


def next_waiting(review: ReviewContext, decided: DecisionSnapshot, row: int) -> int | None:
    """The row that ``go_next_open`` would try first, which somebody else may hold; None when no other waits."""
    waiting = _waiting(review, decided, row)
    return int(waiting[0]) if len(waiting) else None


def _waiting(review: ReviewContext, decided: DecisionSnapshot, after: int | None) -> Int64s:
    skipped = st.session_state.get(SKIPPED, ())
    return review_queue.next_rows(review.queue, decided, after=after, skipped=skipped)


def approve(review: ReviewContext, seen: Seen) -> None:
    """Do what is proposed; from a callback."""
    if is_seen(seen.row):
        _record(review, seen, partial(decisions.approve_proposal, proposal=seen.proposal))


def reject(review: ReviewContext, seen: Seen) -> None:
    """Do the opposite: keep what was to change, drop what was to be kept; from a callback."""
    if is_seen(seen.row):
        _record(review, seen, partial(decisions.reject_proposal, proposal=seen.proposal))


def save_edit(review: ReviewContext, seen: Seen, messages: list[Message]) -> None:
    """Replace the conversation by what a person wrote; from a callback."""
    if _record(review, seen, partial(decisions.save_edit, row=seen.row, messages=messages)):
        st.session_state.pop(DRAFT, None)


def skip(review: ReviewContext, seen: Seen) -> None:
    """Leave the row for later; from a callback."""
    if not is_seen(seen.row):
        return
    st.session_state.setdefault(SKIPPED, set()).add(seen.row)
    if go_next_open(review, decided_for(review), after=seen.row) is None:
        remember_note("Nothing else waits: the rows you skipped are what is left.", ":material/redo:")
        _show(seen.row)


def step(review: ReviewContext, row: int, by: int) -> None:
    """Move along the queue, decided rows included; from a callback."""
    next_row = hold(review, review.queue.onward(row, forward=by > 0).tolist())
    if next_row is None:
        hold(review, [row])
        remember_note("This is the last row." if by > 0 else "This is the first row.", ":material/info:")
    else:
        _show(next_row)


def follow_browser(review: ReviewContext, row: int | None, skipped: list[int]) -> None:
    """Open the row at which the keys in the browser have arrived, and what they passed over; from a callback.

    An open editor of that row stays: what the browser says of a decision before it may come after it was opened.
    """
    st.session_state[SKIPPED] = set(skipped)
    draft = st.session_state.get(DRAFT)
    if draft and draft["row"] == row:
        return
    if row is None:
        go_next_open(review, decided_for(review), after=None)
    else:
        _show(row)


def undo(review: ReviewContext) -> None:
    """Undo the reviewer's last change and show the row it was about; from a callback."""
    _turn(review, again=False)


def redo(review: ReviewContext) -> None:
    """Redo it; from a callback."""
    _turn(review, again=True)


def revert(review: ReviewContext, event_id: int, row: int | None = None) -> None:
    """Revert any decision, or one row of it; from a callback."""
    try:
        event = decisions.revert_decision(
            review.workspace, review.dataset_id, event_id, review.reviewer, row=row
        )
    except CurationError as error:
        say_later(str(error))
        return
    remember_note(f"Reverted for {count_of(event.n_rows, 'row')}.", ":material/history:")


def settle_conflict(review: ReviewContext, conflict: Decision, *, keep: bool) -> None:
    """Put a stale decision in force, or leave what is in force; from a callback."""
    try:
        decisions.settle_conflict(
            review.workspace, review.dataset_id, conflict.event_id, review.reviewer, keep_mine=keep,
            row=conflict.example_id,
        )  # fmt: skip
    except CurationError as error:
        say_later(str(error))


def _record(review: ReviewContext, seen: Seen, act: Callable[..., RecordedDecision]) -> bool:
    by = DecidedBy(reviewer=review.reviewer, proposals_id=review.queue.proposals.id, seen_event=seen.event_id)
    own = queries.messages_of(review.context, seen.row)
    try:
        done = act(review.workspace, review.dataset_id, by=by, original=own)
    except CurationError as error:
        say_later(str(error))
        return False
    st.session_state.get(SKIPPED, set()).discard(seen.row)
    forget_seen()
    if done.conflict:
        # The row stays on screen, with both versions.
        return True
    remember_note(f"Row {seen.row:,} {VERDICT_WORDS[done.decision.verdict]}.", ":material/check:")
    go_next_open(review, decided_for(review), after=seen.row)
    return True


def _turn(review: ReviewContext, *, again: bool) -> None:
    turn = decisions.redo_decision if again else decisions.undo_decision
    event = turn(review.workspace, review.dataset_id, review.reviewer)
    word = "redo" if again else "undo"
    if event is None:
        remember_note(f"You have nothing to {word}.", ":material/info:")
        return
    about = "" if event.example_id is None else f" Row {event.example_id:,} is on screen."
    done = "Done again" if again else "Undone"
    row = event.example_id
    if row is None or hold(review, [row]) is None:
        about = f" It was about {count_of(event.n_rows, 'row')}."
    else:
        _show(row)
    remember_note(f"{done}.{about}", ":material/history:")


def _show(row: int | None) -> None:
    for name in (DRAFT, HELD_BY_ME):
        st.session_state.pop(name, None)
    forget_seen()
    if row is None:
        st.query_params.pop("row", None)
    else:
        st.query_params["row"] = str(row)
