"""What reviewers decide about rows: an append-only log with undo and redo without end, and conflicts that are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import starmap
from types import MappingProxyType

from tamis.errors import InvalidOptions
from tamis.store.database.database import Database
from tamis.store.database.undo import UndoEvent, replay_undo
from tamis.store.review.history import decision_history, event_rows, find_event, review_progress, row_history
from tamis.store.review.log import (
    NewEvent,
    Text,
    insert_event,
    insert_rows,
    insert_texts,
    plain_rows,
    read_decisions,
    read_event_rows,
    read_reversals,
    replay_dataset,
    replay_row,
)
from tamis.store.review.replay import LogRow, Replayed, replay_events
from tamis.store.review.requests import SentDecision, find_answer, keep_answer
from tamis.store.review.seals import seal_event
from tamis.store.review.types import (
    VERDICTS,
    VIAS,
    BulkChoice,
    Decision,
    DecisionEvent,
    DecisionState,
    RecordedDecision,
    ReviewProgress,
    RowChange,
    Verdict,
    Via,
)
from tamis.types import Message

__all__ = [
    "VERDICTS",
    "VIAS",
    "BulkChoice",
    "Decision",
    "DecisionEvent",
    "DecisionState",
    "RecordedDecision",
    "ReviewProgress",
    "RowChange",
    "Verdict",
    "Via",
    "decide",
    "decide_many",
    "decided_rows",
    "decision_history",
    "decision_revision",
    "decision_state",
    "event_rows",
    "redo_decision",
    "review_progress",
    "reviewer_of",
    "row_history",
    "settle_decision",
    "undo_event",
    "undo_decision",
]


def decide(
    database: Database,
    dataset_id: str,
    example_id: int,
    *,
    verdict: Verdict,
    via: Via,
    reviewer: str,
    messages: Sequence[Message] | None = None,
    proposals_id: str = "",
    seen_event: int | None = 0,
    original: Sequence[Message] | None = None,
    sent: SentDecision | None = None,
) -> RecordedDecision:
    """Record what a reviewer decided about one row.

    ``messages`` is the whole new conversation of ``replace``, ``original`` the dataset's own, which the history keeps.
    ``seen_event`` is the id of the decision that was in force for the row when the reviewer saw it, 0 for none: when
    another one says something else by now, this one is kept as a conflict and is not in force until ``settle_decision``.
    None asks no question. ``sent`` is made once: what it made is returned where it arrives again. Raises OutOfOrder where it
    is not the next, and InvalidOptions for a conversation that cannot be stored; whether it obeys the chat
    schema is asked of ``tamis.formats.check.check_messages`` before.
    """
    choice = BulkChoice(example_id, verdict, messages, original, seen_event)
    event = _decide_event(dataset_id, [choice], (via, "", proposals_id), reviewer)
    packed = _pack(choice)
    with database.writing() as connection:
        made = find_answer(connection, sent, reviewer) if sent is not None else None
        if made is not None:
            return _recorded(connection, dataset_id, made)
        replayed = replay_row(connection, dataset_id, example_id)
        event_id, now = _insert_choices(connection, event, [(choice, packed)], replayed)
        conflict = _row_of(event_id, choice, packed, replayed).conflict
        if sent is not None:
            keep_answer(connection, sent, reviewer, event_id)
    kept = None if messages is None else tuple(messages)
    decision = Decision(event_id, example_id, verdict, kept, via, proposals_id, "", reviewer, now)
    return RecordedDecision(decision, bool(conflict))


def _recorded(connection: sqlite3.Connection, dataset_id: str, event_id: int) -> RecordedDecision:
    rows = read_event_rows(connection, dataset_id, event_id)
    return RecordedDecision(read_decisions(connection, dataset_id, rows)[0], bool(rows[0].conflict))


def decide_many(
    database: Database,
    dataset_id: str,
    choices: Sequence[BulkChoice],
    *,
    rule: str,
    reviewer: str,
    proposals_id: str = "",
) -> DecisionEvent:
    """Record what a rule decided about many rows as one event, which is undone as one.

    Raises InvalidOptions when there is no row, a row comes twice, or a conversation cannot be stored.
    """
    event = _decide_event(dataset_id, choices, ("rule", rule, proposals_id), reviewer)
    packed = [
        (choice, _pack(choice)) for choice in choices
    ]  # before the transaction, which holds the write lock
    with database.writing() as connection:
        event_id, _ = _insert_choices(connection, event, packed, replay_dataset(connection, dataset_id))
        return find_event(connection, dataset_id, event_id)


def undo_decision(database: Database, dataset_id: str, reviewer: str) -> DecisionEvent | None:
    """Undo this reviewer's latest change in force and return it; None when there is none."""
    return _turn(database, dataset_id, "undo", reviewer)


def redo_decision(database: Database, dataset_id: str, reviewer: str) -> DecisionEvent | None:
    """Redo the change that this reviewer undid last, unless a new change of theirs came after; None if none."""
    return _turn(database, dataset_id, "redo", reviewer)


def undo_event(
    database: Database, dataset_id: str, event_id: int, reviewer: str, *, example_id: int | None = None
) -> DecisionEvent:
    """Revert any change, however old and whoever made it; the decision before it is in force again.

    ``example_id`` reverts only that row of a bulk decision. The revert is a change of ``reviewer``, who can undo it.
    Raises InvalidOptions for an event that is none, or that is not in force any more.
    """
    with database.writing() as connection:
        target = find_event(connection, dataset_id, event_id)
        if target.action in ("undo", "redo"):
            raise InvalidOptions(
                f"Event {event_id} is itself an {target.action}; revert event {target.target}."
            )
        if not target.active:
            raise InvalidOptions(f"Event {event_id} was undone already; nothing is left to revert.")
        _require_row(connection, dataset_id, event_id, example_id)
        n_rows = target.n_rows if example_id is None else 1
        made = _insert_turn(
            connection,
            NewEvent(
                dataset_id=dataset_id,
                action="revert",
                reviewer=reviewer,
                n_rows=n_rows,
                target=event_id,
                target_row=example_id,
            ),
        )
        return find_event(connection, dataset_id, made)


def reviewer_of(database: Database, dataset_id: str, event_id: int) -> str:
    """Whose change an event is; raises InvalidOptions for an event that is none."""
    with database.reading() as connection:
        return find_event(connection, dataset_id, event_id).reviewer


def settle_decision(
    database: Database,
    dataset_id: str,
    event_id: int,
    reviewer: str,
    keep_mine: bool,
    *,
    example_id: int | None = None,
) -> DecisionEvent:
    """Settle a stale decision: put it in force from now on (``keep_mine``), or leave what is in force.

    ``example_id`` settles only that row of a bulk decision. Settling is a change like any other: it can be undone,
    and the conflict is open again. Raises InvalidOptions when no conflict of that event is open.
    """
    with database.writing() as connection:
        open_rows = [
            row.example_id
            for row in replay_dataset(connection, dataset_id).conflicts
            if row.event_id == event_id and example_id in (None, row.example_id)
        ]
        if not open_rows:
            raise InvalidOptions(
                f"Decision {event_id} has no open conflict; it was settled or undone. Look at the row again."
            )
        made = _insert_turn(
            connection,
            NewEvent(
                dataset_id=dataset_id,
                action="settle",
                reviewer=reviewer,
                n_rows=len(open_rows),
                target=event_id,
                target_row=example_id,
                kept_mine=keep_mine,
            ),
        )
        return find_event(connection, dataset_id, made)


def decision_revision(database: Database, dataset_id: str) -> int:
    """The revision of ``decision_state`` without reading any rows; 0 before the first event."""
    with database.reading() as connection:
        return _revision(connection, dataset_id)


def decision_state(database: Database, dataset_id: str) -> DecisionState:
    """Replay the log of a dataset."""
    with database.reading() as connection:
        # One transaction, so that the events and the rows belong to the same moment.
        connection.execute("BEGIN")
        revision = _revision(connection, dataset_id)
        replayed = replay_dataset(connection, dataset_id)
        in_force = [replayed.in_force[example_id] for example_id in sorted(replayed.in_force)]
        decided = read_decisions(connection, dataset_id, in_force)
        conflicts = read_decisions(connection, dataset_id, replayed.conflicts)
        connection.execute("COMMIT")
    by_id = {decision.example_id: decision for decision in decided}
    return DecisionState(revision, MappingProxyType(by_id), tuple(conflicts))


def decided_rows(database: Database, dataset_id: str) -> Replayed:
    """Which decision is in force for which row, and which wait as conflicts, without reading any text."""
    with database.reading() as connection:
        return replay_dataset(connection, dataset_id)


def _revision(connection: sqlite3.Connection, dataset_id: str) -> int:
    query = "SELECT coalesce(max(event_id), 0) FROM decision_events WHERE dataset_id = ?"
    return int(connection.execute(query, (dataset_id,)).fetchone()[0])


def _decide_event(
    dataset_id: str, choices: Sequence[BulkChoice], about: tuple[str, str, str], reviewer: str
) -> NewEvent:
    via, rule, proposals_id = about
    if via not in VIAS:
        raise InvalidOptions(f"A decision comes via {', '.join(VIAS)}; {via!r} is none of them.")
    if not reviewer.strip():
        raise InvalidOptions("A decision needs the name of a reviewer. Give one, or set TAMIS_REVIEWER.")
    if not choices:
        raise InvalidOptions("The rule matches no row, so there is nothing to decide. Widen it first.")
    _check_choices(choices)
    return NewEvent(
        dataset_id=dataset_id,
        action="decide",
        reviewer=reviewer,
        n_rows=len(choices),
        via=via,
        rule=rule,
        proposals_id=proposals_id,
    )


def _check_choices(choices: Sequence[BulkChoice]) -> None:
    seen: set[int] = set()
    for choice in choices:
        if choice.example_id < 0:
            raise InvalidOptions(f"Example id {choice.example_id} cannot exist: ids start at 0.")
        if choice.example_id in seen:
            raise InvalidOptions(
                f"Row {choice.example_id} is decided twice in one event; name each row once."
            )
        seen.add(choice.example_id)
        if choice.verdict not in VERDICTS:
            raise InvalidOptions(
                f"Row {choice.example_id}: {choice.verdict!r} is no verdict; use {', '.join(VERDICTS)}."
            )
        if (choice.verdict == "replace") != (choice.messages is not None):
            needs = "needs the new conversation" if choice.verdict == "replace" else "takes no conversation"
            raise InvalidOptions(f"Row {choice.example_id}: the verdict {choice.verdict!r} {needs}.")


_Packed = tuple[Text | None, Text | None]  # the new text of a choice, and the dataset's own


def _pack(choice: BulkChoice) -> _Packed:
    new = None if choice.messages is None else Text.of(choice.messages, choice.example_id)
    own = None if choice.original is None else Text.of(choice.original, choice.example_id)
    return new, own


def _insert_choices(
    connection: sqlite3.Connection,
    event: NewEvent,
    choices: Sequence[tuple[BulkChoice, _Packed]],
    replayed: Replayed,
) -> tuple[int, str]:
    made = insert_event(connection, event)
    insert_texts(connection, (text for _, packed in choices for text in packed if text is not None))
    rows = []
    for choice, packed in choices:
        before = replayed.in_force.get(choice.example_id)
        row = _row_of(made[0], choice, packed, replayed)
        rows.append((row, _hash_before(before, row), before.verdict if before else ""))
    insert_rows(connection, event.dataset_id, rows)
    seal_event(connection, made[0], event, choices[0][0].example_id if len(choices) == 1 else None)
    return made


def _insert_turn(connection: sqlite3.Connection, event: NewEvent) -> int:
    """Append an event that has no rows of its own; returns its id."""
    event_id, _ = insert_event(connection, event)
    seal_event(connection, event_id, event)
    return event_id


def _row_of(event_id: int, choice: BulkChoice, packed: _Packed, replayed: Replayed) -> LogRow:
    new, own = packed
    new_hash = new.text_hash if new else None
    before = replayed.in_force.get(choice.example_id)
    own_hash = own.text_hash if own else before.own_hash if before else None
    in_force = before.event_id if before else 0
    stale = choice.seen_event is not None and choice.seen_event != in_force
    # Two reviewers who decide the same do not disagree.
    agrees = before is not None and (before.verdict, before.new_hash) == (choice.verdict, new_hash)
    return LogRow(event_id, choice.example_id, choice.verdict, new_hash, own_hash, int(stale and not agrees))


def _hash_before(before: LogRow | None, row: LogRow) -> str | None:
    if before is None or before.verdict == "keep":
        return row.own_hash
    return before.new_hash


def _require_row(
    connection: sqlite3.Connection, dataset_id: str, event_id: int, example_id: int | None
) -> None:
    if example_id is None:
        return
    query = "SELECT 1 FROM decision_rows WHERE dataset_id = ? AND event_id = ? AND example_id = ?"
    if connection.execute(query, (dataset_id, event_id, example_id)).fetchone() is None:
        raise InvalidOptions(f"Decision {event_id} is not about row {example_id}.")


def _turn(database: Database, dataset_id: str, action: str, reviewer: str) -> DecisionEvent | None:
    with database.writing() as connection:
        event_id = _next_turn(connection, dataset_id, action, reviewer)
        if event_id is None:
            return None
        changed = find_event(connection, dataset_id, event_id)
        _insert_turn(
            connection,
            NewEvent(
                dataset_id=dataset_id,
                action=action,
                reviewer=reviewer,
                n_rows=changed.n_rows,
                target=event_id,
            ),
        )
        return find_event(connection, dataset_id, event_id)


def _next_turn(connection: sqlite3.Connection, dataset_id: str, action: str, reviewer: str) -> int | None:
    """The change that an undo or redo of this reviewer is about now."""
    query = (
        "SELECT event_id, action, reviewer, target FROM decision_events "
        "WHERE dataset_id = ? AND reviewer = ? ORDER BY event_id"
    )
    history = replay_undo(starmap(UndoEvent, plain_rows(connection, query, (dataset_id, reviewer))))
    if action == "redo":
        return next(reversed(history.redoable.get(reviewer, ())), None)
    # What somebody reverted is not in force, so that undoing it would show nothing.
    dead = replay_events(read_reversals(connection, dataset_id), ()).dead
    return next((e for e in reversed(history.undoable.get(reviewer, ())) if e not in dead), None)
