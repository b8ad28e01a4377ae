"""Several people and one queue: whose rows are whose, how far those who decided the same rows agree, and notes on rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tamis.actions.decisions import (
    Decision,
    DecisionEvent,
    DecisionInForce,
    DecisionSnapshot,
    RowChange,
    decision_snapshot,
)
from tamis.actions.review_queue import ReviewQueue
from tamis.actions.roles import needs
from tamis.compute.clear import agreement
from tamis.compute.clear.agreement import Agreement, Coefficient, divide_rows
from tamis.errors import InvalidOptions, no_such_row
from tamis.reprs import HtmlFacts
from tamis.store.review import assignments, notes
from tamis.store.review.decisions import decision_state
from tamis.store.review.notes import DROPPED, Note
from tamis.store.workspace import Workspace
from tamis.types import Int64s

__all__ = [
    "Agreement", "Coefficient", "Note", "RowNotes", "Share", "add_note", "assign_rows", "blind_changes", "blind_events",
    "blind_to_others", "decided_as_seen", "decides_blind", "decisions_as_seen", "list_notes", "list_shares",
    "measure_agreement", "notes_seen_by", "rows_of_reviewer", "rows_seen_alone", "second_opinions_missing", "share_of_queue",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Share(HtmlFacts):
    """What one person has of the rows that were assigned: how many, how many of them somebody else has too, how many done."""

    reviewer: str
    n_rows: int
    n_shared: int
    n_decided: int


@dataclass(frozen=True, slots=True)
class RowNotes:
    """The notes on a row that somebody may read now, oldest first, and how many by others wait for the own decision."""

    shown: tuple[Note, ...]
    n_later: int


@needs("curator")
def assign_rows(
    workspace: Workspace,
    queue: ReviewQueue,
    reviewers: Sequence[str],
    *,
    overlap_fraction: float = 0.0,
    seed: int = 0,
    assigned_by: str = "",
) -> list[Share]:
    """Divide the rows of a queue among people, in place of whatever was assigned of its proposals before.

    ``overlap_fraction`` of the rows are two people's, who decide them without seeing what the other said; where they
    disagree, both decisions wait for a curator. Raises InvalidOptions for no row, no people, one named twice, and an
    overlap of one person.
    """
    named = [" ".join(one.split()) for one in reviewers]
    if not all(named) or len(set(named)) != len(named):
        raise InvalidOptions(f"The reviewers are {', '.join(reviewers) or 'nobody'}: name each one, once.")
    if not len(queue.rows):
        raise InvalidOptions("No row is in this queue, so there is nothing to assign. Widen it first.")
    rng = np.random.default_rng(seed)
    shares = divide_rows(np.sort(queue.rows), len(named), overlap_fraction, rng)
    dataset_id = queue.proposals.manifest.dataset_id
    assignments.assign_rows(
        workspace.database, dataset_id, queue.proposals.id, dict(zip(named, shares, strict=True)),
        workspace.actor.named(assigned_by),
    )  # fmt: skip
    return list_shares(workspace, dataset_id, queue.proposals.id)


def list_shares(workspace: Workspace, dataset_id: str, proposals_id: str) -> list[Share]:
    """Who has how many rows of some proposals, and how many of them that person has decided; empty where nobody has any."""
    shares = assignments.assigned_rows(workspace.database, dataset_id, proposals_id)
    done = _decided_by_each(workspace, dataset_id)
    found = []
    for reviewer, rows in shares.items():
        others = [other for name, other in shares.items() if name != reviewer]
        n_shared = int(np.isin(rows, np.concatenate(others)).sum()) if others else 0
        n_decided = sum(row in done.get(reviewer, {}) for row in rows.tolist())
        found.append(Share(reviewer, len(rows), n_shared, n_decided))
    return found


def rows_of_reviewer(
    workspace: Workspace, dataset_id: str, proposals_id: str, reviewer: str
) -> Int64s | None:
    """The rows of some proposals that are this person's, sorted; None where none is, or nothing is assigned."""
    return assignments.assigned_rows(workspace.database, dataset_id, proposals_id).get(reviewer)


def rows_seen_alone(
    workspace: Workspace, dataset_id: str, reviewer: str, share: Int64s | None
) -> Int64s | None:
    """The rows about which a person sees own decisions alone: a ``share``, and what it was given with others by any proposals.

    None where others' decisions are shown: for a curator who looks at the whole queue (no ``share``), and where nothing is.
    """
    if share is None and workspace.actor.may("curator"):
        return None
    given = assignments.shared_rows(workspace.database, dataset_id, reviewer)
    rows = given if share is None else np.union1d(share, given)
    return rows if len(rows) else None


def decides_blind(workspace: Workspace, dataset_id: str) -> bool:
    """Whether who asks shares rows with others and settles nothing: then no page tells what is decided."""
    return _shared(workspace, dataset_id) is not None


def decided_as_seen(workspace: Workspace, dataset_id: str) -> DecisionSnapshot:
    """What is decided as who asks may know it, for whatever counts decisions: of rows shared with others, own ones alone."""
    decided, alone = decision_snapshot(workspace, dataset_id), _shared(workspace, dataset_id)
    if alone is None:
        return decided
    return blind_to_others(workspace, dataset_id, decided, workspace.actor.account, alone)


def decisions_as_seen(workspace: Workspace, dataset_id: str) -> dict[int, Decision]:
    """The same by row, each decision with its text."""
    decided, alone = decision_state(workspace.database, dataset_id).decided, _shared(workspace, dataset_id)
    if alone is None:
        return dict(decided)
    shared = set(alone.tolist())
    own = assignments.own_texts(workspace.database, dataset_id, workspace.actor.account)
    others = {row: one for row, one in decided.items() if row not in shared}
    return others | {one.example_id: one for one in own if one.example_id in shared}


def _shared(workspace: Workspace, dataset_id: str) -> Int64s | None:
    return rows_seen_alone(workspace, dataset_id, workspace.actor.account, None)


def second_opinions_missing(
    workspace: Workspace, dataset_id: str, rows: Iterable[int], proposals_id: str = ""
) -> int:
    """How many decisions about these rows are still to come of those who were given the same ones, of some proposals or any.

    What ends before them tells one of the other.
    """
    shared = assignments.shared_with(workspace.database, dataset_id, proposals_id=proposals_id)
    # Campaigns ask again and again, and most share nothing: the log of decisions is not read for them.
    if not shared:
        return 0
    asked_for, done = set(rows), _decided_by_each(workspace, dataset_id)
    people = {name for name, _ in shared}
    settled = {row for name, decided in done.items() if name not in people for row in decided}
    return sum(
        row in asked_for and row not in done.get(name, {}) and row not in settled for name, row in shared
    )


def share_of_queue(queue: ReviewQueue, rows: Int64s) -> ReviewQueue:
    """The queue with one person's rows alone, in its order."""
    mine = queue.rows[np.isin(queue.rows, rows)]
    mine.flags.writeable = False
    return replace(queue, rows=mine)


def blind_to_others(
    workspace: Workspace, dataset_id: str, decided: DecisionSnapshot, reviewer: str, rows: Int64s
) -> DecisionSnapshot:
    """What is decided as one person may see it: of the rows assigned, own decisions alone, and no conflict with others.

    So a row that somebody else has decided waits still, and is decided as if nobody had.
    """
    own = {
        row.example_id: DecisionInForce(row.event_id, row.verdict, row.via, row.reviewer)
        for row in assignments.own_decisions(workspace.database, dataset_id, reviewer)
    }
    assigned = set(rows.tolist())
    others = {row: one for row, one in decided.by_row.items() if row not in assigned}
    seen = others | {row: one for row, one in own.items() if row in assigned}
    return DecisionSnapshot(
        decided.revision, seen, tuple(row for row in decided.conflicts if row not in assigned)
    )


def blind_changes(changes: Iterable[RowChange], reviewer: str) -> list[RowChange]:
    """A history as one who shares rows may see it: own decisions alone, each after the own one before it, in no conflict."""
    before: dict[int, RowChange] = {}
    seen = []
    for one in changes:
        if one.reviewer != reviewer or one.action != "decide":
            continue
        last = before.get(one.example_id)
        old = (last.new_verdict, last.new_messages) if last else ("", None)
        seen.append(replace(one, old_verdict=old[0], old_messages=old[1], conflict=False))
        before[one.example_id] = one
    return seen


def blind_events(events: Iterable[DecisionEvent], reviewer: str) -> list[DecisionEvent]:
    """The log as one who shares rows may see it: own events alone, and no word of a conflict with others."""
    return [replace(one, n_conflicts=0) for one in events if one.reviewer == reviewer]


def measure_agreement(
    workspace: Workspace, dataset_id: str, proposals_id: str, *, seed: int = 0
) -> Agreement:
    """How far people agree about the rows that were assigned to two of them, by what each decided for itself.

    Keep, drop and replace are three verdicts, whatever the text of a replacement is.
    """
    shares = assignments.assigned_rows(workspace.database, dataset_id, proposals_id)
    done = _decided_by_each(workspace, dataset_id)
    rows = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *shares.values()]))
    verdicts = np.full((len(shares), len(rows)), np.nan)
    codes = {"keep": 0, "drop": 1, "replace": 2}
    for at, (reviewer, assigned) in enumerate(shares.items()):
        for row in assigned.tolist():
            if row in done.get(reviewer, {}):
                verdicts[at, np.searchsorted(rows, row)] = codes[done[reviewer][row]]
    return agreement.measure_agreement(list(shares), verdicts, np.random.default_rng(seed))


@needs("reviewer")
def add_note(workspace: Workspace, dataset_id: str, row: int, text: str, reviewer: str) -> Note:
    """Write a note on a row; raises InvalidOptions for an empty or very long one, and for a row that is not there."""
    n_rows = int(workspace.artifacts.examples(dataset_id).summary["n_examples"])
    if not 0 <= row < n_rows:
        raise no_such_row(row, n_rows)
    return notes.add_note(workspace.database, dataset_id, row, text, reviewer)


def list_notes(workspace: Workspace, dataset_id: str, row: int | None = None) -> list[Note]:
    """What people wrote about a row, or about all rows, oldest first, as who asks may read it (``notes_seen_by``)."""
    if not decides_blind(workspace, dataset_id):
        return notes.list_notes(workspace.database, dataset_id, row)
    return list(notes_seen_by(workspace, dataset_id, row, workspace.actor.account).shown)


def notes_seen_by(workspace: Workspace, dataset_id: str, row: int | None, reviewer: str) -> RowNotes:
    """Notes as one may read them who shares rows with others: on these, notes of others once the own decision is in.

    Why another dropped such a row is that one's decision: it is neither shown nor counted, before or after.
    """
    shared = set(assignments.shared_rows(workspace.database, dataset_id, reviewer).tolist())
    decided = {one.example_id for one in assignments.own_decisions(workspace.database, dataset_id, reviewer)}
    told = [
        one
        for one in notes.list_notes(workspace.database, dataset_id, row)
        if one.reviewer == reviewer or one.example_id not in shared or not one.text.startswith(DROPPED)
    ]
    later = [one for one in told if one.reviewer != reviewer and one.example_id in shared - decided]
    return RowNotes(tuple(one for one in told if one not in later), len(later))


def _decided_by_each(workspace: Workspace, dataset_id: str) -> Mapping[str, Mapping[int, str]]:
    done: dict[str, dict[int, str]] = {}
    for row in assignments.own_decisions(workspace.database, dataset_id):
        done.setdefault(row.reviewer, {})[row.example_id] = row.verdict
    return done
