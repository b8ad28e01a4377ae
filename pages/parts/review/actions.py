"""What a key does in the review: decide, pass over, turn back, move on; and which row comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import streamlit as st

from pages.parts.review.pace import forget_seen, is_seen
from pages.parts.review.queue import Queue, candidates_of
from pages.parts.review.session import ended_tabs
from pages.parts.review.state import DecisionSnapshot, decided_now
from pages.shared import queries
from pages.shared.address import read_row, say_later
from pages.shared.dataset_context import DatasetContext
from pages.shared.plain_text import count_of, plain
from tamis.compute.apply import with_response
from tamis.errors import CurationError
from tamis.store.review.claims import (
    claim,
    claimed,
    release_reviewer,
)
from tamis.store.review.decisions import (
    Decision,
    Verdict,
    Via,
    decide,
    redo_decision,
    settle_decision,
    undo_decision,
    undo_event,
)
from tamis.store.review.drafts import delete_draft
from tamis.store.rows.query import fetch_rows
from tamis.types import Int64s, Message

SKIPPED, DRAFT, _NOTES = "review_skipped", "review_draft", "review_notes"
HELD_BY_ME = "review_held_by_me"  # a row that was asked for and that another tab of the same reviewer holds
VERDICT_WORDS = {"keep": "kept", "drop": "dropped", "replace": "replaced"}


@dataclass(frozen=True, slots=True)
class ReviewContext:
    """Where somebody reviews: the data, the queue, who, and the tab that rows are held for."""

    context: DatasetContext
    queue: Queue
    reviewer: str
    tab: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The row that a person looks at, and the decision that was in force for it then (0 for none)."""

    row: int
    event_id: int
    proposed: str  # the action: keep, drop, replace


def note(text: str, icon: str) -> None:
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
    if asked is not None and np.any(review.queue.rows == asked):
        if hold(review, [asked]) is not None:
            return asked
        holder = claimed(review.context.workspace.database, review.context.dataset_id).get(asked)
        if holder is not None and holder.reviewer == review.reviewer:
            found = go_next_open(review, decided, after=asked)
            st.session_state[HELD_BY_ME] = asked
            return found
        who = plain(holder.reviewer) if holder else "somebody else"
        note(f"Row {asked:,} is being reviewed by {who}. Here is the next one.", ":material/group:")
    elif asked is not None:
        note(f"Row {asked:,} is not in this queue.", ":material/filter_list:")
        asked = None
    return go_next_open(review, decided, after=asked)


def hold(review: ReviewContext, rows: Sequence[int], since: int | None = None) -> int | None:
    """Hold the first of these rows that nobody else holds."""
    database, dataset_id = review.context.workspace.database, review.context.dataset_id
    return claim(
        database, dataset_id, rows, review.tab, reviewer=review.reviewer, since=since, ended=ended_tabs()
    )


def release_my_tabs(review: ReviewContext, row: int | None = None) -> None:
    """Take the rows that other tabs of this reviewer hold, and open one of them; from a callback."""
    release_reviewer(
        review.context.workspace.database, review.context.dataset_id, review.reviewer, review.tab
    )
    if row is not None:
        _show(row)


def go_next_open(review: ReviewContext, decided: DecisionSnapshot, *, after: int | None) -> int | None:
    """Open the next row that waits for a decision, those passed over last; None when all are decided or held."""
    found = hold(review, _waiting(review, decided, after).tolist(), decided.revision)
    _show(found)
    return found


def next_waiting(review: ReviewContext, decided: DecisionSnapshot, row: int) -> int | None:
    """The row that ``go_next_open`` would try first, which somebody else may hold; None when no other waits."""
    waiting = _waiting(review, decided, row)
    return int(waiting[0]) if len(waiting) else None


def _waiting(review: ReviewContext, decided: DecisionSnapshot, after: int | None) -> Int64s:
    following = _following(review.queue.rows, after)
    waiting = following[decided.open_rows(following)]
    waiting = waiting[waiting != after] if after is not None else waiting
    skipped = np.asarray(sorted(st.session_state.get(SKIPPED, ())), dtype=np.int64)
    is_skipped = np.isin(waiting, skipped)
    in_turn: Int64s = np.concatenate([waiting[~is_skipped], waiting[is_skipped]])
    return in_turn


def approve(review: ReviewContext, seen: Seen) -> None:
    """Do what is proposed; from a callback."""
    if not is_seen(seen.row):
        return
    messages = None
    if seen.proposed == "replace":
        candidate = candidates_of(review.queue.proposals, np.asarray([seen.row]))[0]
        messages = list(with_response(messages_of(review.context, seen.row), candidate or ""))
    _record(review, seen, (seen.proposed, "approve"), messages)  # type: ignore[arg-type]  # the table holds no other


def reject(review: ReviewContext, seen: Seen) -> None:
    """Do the opposite: keep what was to change, drop what was to be kept; from a callback."""
    if not is_seen(seen.row):
        return
    _record(review, seen, ("drop" if seen.proposed == "keep" else "keep", "reject"), None)


def save_edit(review: ReviewContext, seen: Seen, messages: list[Message]) -> None:
    """Replace the conversation by what a person wrote; from a callback."""
    if _record(review, seen, ("replace", "edit"), messages):
        st.session_state.pop(DRAFT, None)
        delete_draft(review.context.workspace.database, review.context.dataset_id, seen.row, review.reviewer)


def skip(review: ReviewContext, seen: Seen) -> None:
    """Leave the row for later; from a callback."""
    if not is_seen(seen.row):
        return
    st.session_state.setdefault(SKIPPED, set()).add(seen.row)
    if go_next_open(review, decided_now(review.context), after=seen.row) is None:
        note("Nothing else waits: the rows you skipped are what is left.", ":material/redo:")
        _show(seen.row)


def step(review: ReviewContext, row: int, by: int) -> None:
    """Move along the queue, decided rows included; from a callback."""
    at = np.flatnonzero(review.queue.rows == row)
    place = int(at[0]) if len(at) else 0
    ahead = review.queue.rows[place + 1 :] if by > 0 else review.queue.rows[:place][::-1]
    found = hold(review, ahead.tolist())
    if found is None:
        hold(review, [row])
        note("This is the last row." if by > 0 else "This is the first row.", ":material/info:")
    else:
        _show(found)


def undo(review: ReviewContext) -> None:
    """Undo the reviewer's last change and show the row it was about; from a callback."""
    _turn(review, again=False)


def redo(review: ReviewContext) -> None:
    """Redo it; from a callback."""
    _turn(review, again=True)


def revert(review: ReviewContext, event_id: int, row: int | None = None) -> None:
    """Revert any decision, or one row of it; from a callback."""
    try:
        event = undo_event(
            review.context.workspace.database,
            review.context.dataset_id,
            event_id,
            review.reviewer,
            example_id=row,
        )
    except CurationError as error:
        say_later(str(error))
        return
    note(f"Reverted for {count_of(event.n_rows, 'row')}.", ":material/history:")


def settle_conflict(review: ReviewContext, conflict: Decision, *, keep: bool) -> None:
    """Put a stale decision in force, or leave what is in force; from a callback."""
    try:
        settle_decision(
            review.context.workspace.database, review.context.dataset_id, conflict.event_id, review.reviewer, keep,
            example_id=conflict.example_id,
        )  # fmt: skip
    except CurationError as error:
        say_later(str(error))


def messages_of(context: DatasetContext, row: int) -> list[Message]:
    """The dataset's own conversation."""
    messages: list[Message] = orjson.loads(queries.conversation(context, row)["messages"])
    return messages


def messages_by_row(context: DatasetContext, rows: Int64s) -> list[list[Message]]:
    """The dataset's own conversations, in the order of the rows."""
    return [
        orjson.loads(str(text))
        for text in fetch_rows(context.view, rows, ["messages"])["messages"].to_pylist()
    ]


def _record(
    review: ReviewContext, seen: Seen, how: tuple[Verdict, Via], messages: list[Message] | None
) -> bool:
    verdict, via = how
    try:
        outcome = decide(
            review.context.workspace.database,
            review.context.dataset_id,
            seen.row,
            verdict=verdict,
            via=via,
            reviewer=review.reviewer,
            messages=messages,
            proposals_id=review.queue.proposals.id,
            seen_event=seen.event_id,
            original=messages_of(review.context, seen.row),
        )
    except CurationError as error:
        say_later(str(error))
        return False
    st.session_state.get(SKIPPED, set()).discard(seen.row)
    forget_seen()
    if outcome.conflict:
        # The row stays on screen, with both versions.
        return True
    note(f"Row {seen.row:,} {VERDICT_WORDS[verdict]}.", ":material/check:")
    go_next_open(review, decided_now(review.context), after=seen.row)
    return True


def _turn(review: ReviewContext, *, again: bool) -> None:
    database, dataset_id = review.context.workspace.database, review.context.dataset_id
    event = (redo_decision if again else undo_decision)(database, dataset_id, review.reviewer)
    word = "redo" if again else "undo"
    if event is None:
        note(f"You have nothing to {word}.", ":material/info:")
        return
    about = "" if event.example_id is None else f" Row {event.example_id:,} is on screen."
    done = "Done again" if again else "Undone"
    row = event.example_id
    if row is None or hold(review, [row]) is None:
        about = f" It was about {count_of(event.n_rows, 'row')}."
    else:
        _show(row)
    note(f"{done}.{about}", ":material/history:")


def _following(rows: Int64s, after: int | None) -> Int64s:
    """The queue from the row after this one, and round to it again."""
    at = [] if after is None else np.flatnonzero(rows == after).tolist()
    return np.roll(rows, -at[0] - 1) if at else rows


def _show(row: int | None) -> None:
    for name in (DRAFT, HELD_BY_ME):
        st.session_state.pop(name, None)
    forget_seen()
    if row is None:
        st.query_params.pop("row", None)
    else:
        st.query_params["row"] = str(row)
