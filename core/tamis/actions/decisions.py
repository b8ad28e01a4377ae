"""What people decide about rows: approve, reject, edit, undo, settle; the dataset changes only when it is applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tamis.actions.proposals import Proposal
from tamis.actions.roles import needs
from tamis.compute.apply import with_response
from tamis.compute.clear.review_rule import approved, opposite
from tamis.errors import InvalidOptions, no_such_row
from tamis.formats.check import check_messages
from tamis.reprs import HtmlFacts
from tamis.store.review import decisions as log
from tamis.store.review.assignments import own_event
from tamis.store.review.drafts import delete_draft
from tamis.store.review.requests import SentDecision
from tamis.store.review.types import (
    VERDICTS,
    BulkChoice,
    Decision,
    DecisionEvent,
    RecordedDecision,
    ReviewProgress,
    RowChange,
    Verdict,
    Via,
)
from tamis.store.rows.version_diff import read_conversations
from tamis.store.workspace import Workspace
from tamis.types import Bools, Int64s, Message

__all__ = [
    "Decision", "DecisionEvent", "DecidedBy", "DecisionInForce", "DecisionSnapshot", "RecordedDecision", "ReviewProgress",
    "RowChange", "approve_proposal", "conflict_on", "decision_revision", "decision_snapshot", "history_of_row",
    "list_decisions", "own_messages", "redo_decision", "reject_proposal", "review_progress", "revert_decision",
    "rows_of_decision", "save_edit", "settle_conflict", "undo_decision",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class DecisionInForce:
    """One row's decision in force, without its text."""

    event_id: int
    verdict: str
    via: str
    reviewer: str


@dataclass(frozen=True, slots=True)
class DecisionSnapshot:
    """All decisions in force by row, and the rows on which a stale decision waits, at one revision."""

    revision: int
    by_row: Mapping[int, DecisionInForce]
    conflicts: tuple[int, ...]

    def seen_event(self, row: int) -> int:
        """The decision that somebody who looks at the row now sees; 0 for none."""
        decision = self.by_row.get(row)
        return decision.event_id if decision else 0

    def open_rows(self, rows: Int64s) -> Bools:
        """Which of these rows wait for a decision, shape as ``rows``."""
        ids = np.fromiter(self.by_row, dtype=np.int64, count=len(self.by_row))
        waiting: Bools = ~np.isin(rows, ids)
        return waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSummary(HtmlFacts):
    """How many rows are decided how and by whom, and the stale decisions that wait to be settled.

    ``in_force`` has the verdict that each of the latter contradicts, by row; none where nothing is decided.
    """

    dataset_id: str
    revision: int
    n_rows: int
    by_verdict: Mapping[str, int]
    by_reviewer: Mapping[str, int]
    conflicts: tuple[Decision, ...]
    in_force: Mapping[int, str]

    @property
    def n_decided(self) -> int:
        """Rows with a decision in force."""
        return sum(self.by_verdict.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedBy:
    """Who decides, looking at what.

    ``seen_event`` is the decision that was in force when the row was looked at (0 for none): when it is another one by
    now, the new decision waits as a conflict; None asks no question. ``sent`` numbers what is sent from elsewhere.
    """

    reviewer: str
    proposals_id: str = ""
    seen_event: int | None = None
    sent: SentDecision | None = None


def decision_snapshot(workspace: Workspace, dataset_id: str) -> DecisionSnapshot:
    """What is decided at this moment; ``decision_revision`` says cheaply whether it is still so."""
    revision = log.decision_revision(workspace.database, dataset_id)
    replayed = log.decided_rows(workspace.database, dataset_id)
    by_row = {
        row: DecisionInForce(one.event_id, one.verdict, one.via, one.reviewer)
        for row, one in replayed.in_force.items()
    }
    return DecisionSnapshot(
        revision, by_row, tuple(dict.fromkeys(row.example_id for row in replayed.conflicts))
    )


def summarise_decisions(workspace: Workspace, dataset_id: str) -> DecisionSummary:
    """What is decided about a dataset now, counted; raises DatasetMissing."""
    state = log.decision_state(workspace.database, dataset_id)
    verdicts = Counter(one.verdict for one in state.decided.values())
    return DecisionSummary(
        dataset_id=dataset_id,
        revision=state.revision,
        n_rows=int(workspace.artifacts.examples(dataset_id).summary["n_examples"]),
        by_verdict={verdict: verdicts[verdict] for verdict in log.VERDICTS},
        by_reviewer=dict(sorted(Counter(one.reviewer for one in state.decided.values()).items())),
        conflicts=tuple(state.conflicts),
        in_force={
            one.example_id: state.decided[one.example_id].verdict
            for one in state.conflicts
            if one.example_id in state.decided
        },
    )


def decision_revision(workspace: Workspace, dataset_id: str) -> int:
    """A number that grows with everything that is decided, undone or settled; 0 before the first decision."""
    return log.decision_revision(workspace.database, dataset_id)


@needs("reviewer")
def approve_proposal(
    workspace: Workspace,
    dataset_id: str,
    proposal: Proposal,
    by: DecidedBy,
    *,
    original: Sequence[Message] | None = None,
) -> RecordedDecision:
    """Do what is proposed for a row, the candidate taken where a person is asked; ``original`` spares reading the dataset's own conversation. Raises InvalidOptions."""
    own = original or own_messages(workspace, dataset_id, [proposal.example_id])[0]
    verdict = approved(proposal.action)
    messages = with_response(own, proposal.candidate or "") if verdict == "replace" else None
    return _record(workspace, dataset_id, proposal.example_id, (verdict, "approve"), messages, own, by)


@needs("reviewer")
def reject_proposal(
    workspace: Workspace,
    dataset_id: str,
    proposal: Proposal,
    by: DecidedBy,
    *,
    original: Sequence[Message] | None = None,
) -> RecordedDecision:
    """Do the opposite: keep what was to change, drop what was to be kept. Raises InvalidOptions."""
    own = original or own_messages(workspace, dataset_id, [proposal.example_id])[0]
    verdict = opposite(proposal.action)
    return _record(workspace, dataset_id, proposal.example_id, (verdict, "reject"), None, own, by)


@needs("reviewer")
def save_edit(
    workspace: Workspace,
    dataset_id: str,
    row: int,
    messages: Sequence[Message],
    by: DecidedBy,
    *,
    original: Sequence[Message] | None = None,
) -> RecordedDecision:
    """Replace a row's conversation by what a person wrote, and forget the draft of it.

    Raises InvalidOptions for a conversation that breaks the chat schema.
    """
    problems = check_messages(messages)
    if problems:
        raise InvalidOptions(problems[0])
    own = original or own_messages(workspace, dataset_id, [row])[0]
    made = _record(workspace, dataset_id, row, ("replace", "edit"), messages, own, by)
    delete_draft(workspace.database, dataset_id, row, by.reviewer)
    return made


@needs("curator")
def decide_rows(
    workspace: Workspace,
    dataset_id: str,
    rows: Int64s,
    verdict: Verdict,
    *,
    response: str | None = None,
    messages: Sequence[Message] | None = None,
    reason: str = "",
    reviewer: str,
) -> DecisionEvent:
    """Decide rows without a proposal, as one event that is undone as one; ``reason`` is kept in the history.

    ``replace`` takes the new ``response``, or all ``messages``, for one row. Raises InvalidOptions for an unknown verdict,
    no rows, and a text that is missing or breaks the chat schema.
    """
    if verdict not in VERDICTS:
        raise InvalidOptions(f"The verdict is {verdict!r}: give {', '.join(VERDICTS)}.")
    own = own_messages(workspace, dataset_id, rows)
    new = None
    if verdict == "replace":
        if len(rows) != 1 or (response is None) == (messages is None):
            raise InvalidOptions("replace is about one row, and needs its new response or its new messages.")
        new = list(messages) if messages is not None else list(with_response(own[0], response or ""))
        problems = check_messages(new)
        if problems:
            raise InvalidOptions(problems[0])
    choices = [BulkChoice(int(row), verdict, new, before) for row, before in zip(rows, own, strict=True)]
    return log.decide_many(
        workspace.database, dataset_id, choices, rule=reason or "by hand", reviewer=reviewer
    )


@needs("reviewer")
def undo_decision(workspace: Workspace, dataset_id: str, reviewer: str) -> DecisionEvent | None:
    """Undo this reviewer's latest change in force and return it; None when there is none."""
    return log.undo_decision(workspace.database, dataset_id, reviewer)


@needs("reviewer")
def redo_decision(workspace: Workspace, dataset_id: str, reviewer: str) -> DecisionEvent | None:
    """Redo what this reviewer undid last, unless a new change of theirs came after; None when there is none."""
    return log.redo_decision(workspace.database, dataset_id, reviewer)


@needs("reviewer")
def revert_decision(
    workspace: Workspace, dataset_id: str, event_id: int, reviewer: str, *, row: int | None = None
) -> DecisionEvent:
    """Revert any change, however old and whoever made it, or one row of it; the reviewer can undo that in turn.

    What somebody else decided is a curator's to revert. Raises InvalidOptions for an event that is none, or that is not in
    force any more.
    """
    if log.reviewer_of(workspace.database, dataset_id, event_id) != reviewer:
        workspace.actor.require("curator")
    return log.undo_event(workspace.database, dataset_id, event_id, reviewer, example_id=row)


@needs("curator")
def settle_conflict(
    workspace: Workspace,
    dataset_id: str,
    event_id: int,
    reviewer: str,
    *,
    keep_mine: bool,
    row: int | None = None,
) -> DecisionEvent:
    """Put a stale decision in force (``keep_mine``), or leave what is in force; ``row`` settles one row of a rule.

    Raises InvalidOptions when no conflict of that event is open.
    """
    return log.settle_decision(workspace.database, dataset_id, event_id, reviewer, keep_mine, example_id=row)


def conflict_on(
    workspace: Workspace, dataset_id: str, row: int
) -> tuple[Decision | None, tuple[Decision, ...]]:
    """The decision in force for a row, and the stale ones that wait on it, all with their texts."""
    state = log.decision_state(workspace.database, dataset_id)
    return state.decided.get(row), tuple(one for one in state.conflicts if one.example_id == row)


def list_decisions(
    workspace: Workspace, dataset_id: str, *, reviewer: str = "", limit: int = 100
) -> list[DecisionEvent]:
    """The latest events of everyone, or of one reviewer, newest first, undo and redo among them."""
    return log.decision_history(workspace.database, dataset_id, reviewer=reviewer or None, limit=limit)


def rows_of_decision(
    workspace: Workspace, dataset_id: str, event_id: int, *, limit: int = 1000
) -> list[RowChange]:
    """The rows that a decision was about, by example id, with the text before and after it."""
    return log.event_rows(workspace.database, dataset_id, event_id, limit=limit)


def history_of_row(workspace: Workspace, dataset_id: str, row: int) -> list[RowChange]:
    """Everything that was decided about one row, oldest first."""
    return log.row_history(workspace.database, dataset_id, row)


def review_progress(
    workspace: Workspace, dataset_id: str, rows: Int64s, *, reviewer: str = ""
) -> ReviewProgress:
    """How far the review of these rows is, with the pace of one reviewer or of everyone together."""
    return log.review_progress(workspace.database, dataset_id, rows, reviewer=reviewer or None)


def own_messages(workspace: Workspace, dataset_id: str, rows: Sequence[int] | Int64s) -> list[list[Message]]:
    """The dataset's own conversations, in the order of the rows; raises InvalidOptions for a row that it does not have."""
    ids = np.asarray(rows, dtype=np.int64)
    examples = workspace.artifacts.examples(dataset_id)
    n_rows = int(examples.summary["n_examples"])
    wrong = ids[(ids < 0) | (ids >= n_rows)]
    if len(wrong):
        raise no_such_row(int(wrong[0]), n_rows)
    conversations = read_conversations(examples, ids)
    return [list(conversations[row]) for row in ids.tolist()]


def _record(
    workspace: Workspace,
    dataset_id: str,
    row: int,
    how: tuple[Verdict, Via],
    messages: Sequence[Message] | None,
    original: Sequence[Message],
    by: DecidedBy,
) -> RecordedDecision:
    verdict, via = how
    # Who shares a row with others decides as if they had not: what they said is neither agreed to nor overruled.
    own = own_event(workspace.database, dataset_id, row, by.reviewer)
    made = log.decide(
        workspace.database,
        dataset_id,
        row,
        verdict=verdict,
        via=via,
        reviewer=by.reviewer,
        messages=messages,
        proposals_id=by.proposals_id,
        seen_event=by.seen_event if own is None else own,
        original=original,
        sent=by.sent,
    )
    # Nor is it told: who heard that another disagrees could think again, and two would not have decided.
    return made if own is None else replace(made, conflict=False)
