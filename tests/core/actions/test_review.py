"""The review by its verbs, without a page: decide, undo, settle, decide by rule, and what it says about the score."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.actions.bulk_decisions import (
    ReviewRule,
    decide_by_rule,
    describe_rule,
    limit_offered,
    measure_titles,
    rows_of_rule,
)
from tamis.actions.dataset_context import open_context
from tamis.actions.decisions import (
    DecidedBy,
    approve_proposal,
    conflict_on,
    decision_revision,
    decision_snapshot,
    history_of_row,
    list_decisions,
    own_messages,
    redo_decision,
    reject_proposal,
    revert_decision,
    review_progress,
    rows_of_decision,
    save_edit,
    settle_conflict,
    undo_decision,
)
from tamis.actions.drafts import find_edit, forget_edit, keep_edit, start_edit
from tamis.actions.proposals import (
    Proposal,
    find_proposals,
    list_proposals,
    proposal_columns,
    proposal_table,
    proposals_for,
    score_title,
    score_word,
)
from tamis.actions.review_calibration import MIN_DECISIONS, calibrate_review, usual_threshold
from tamis.actions.review_queue import (
    UNBIASED,
    ReviewQueue,
    held_rows,
    hold_row,
    next_rows,
    open_queue,
    release_other_sessions,
)
from tamis.actions.teams import assign_rows
from tamis.actions.what_waits import Waiting, state_of, what_waits
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.store.rows.scope import Scope, where
from tamis.store.workspace import Workspace
from tests.pages.review_workspace import mixed_rows, write_proposals

KIM, ANA = DecidedBy(reviewer="kim"), DecidedBy(reviewer="ana")


@pytest.fixture
def queue(workspace: Workspace, dataset_id: str) -> ReviewQueue:
    """For every row in turn: replace, drop, keep, drop; the confidence grows with the row."""
    write_proposals(workspace.path, dataset_id, mixed_rows())
    return open_queue(open_context(workspace, dataset_id), find_proposals(workspace, dataset_id))


def proposal(queue: ReviewQueue, row: int) -> Proposal:
    return proposals_for(proposal_table(queue.proposals), queue.columns, np.array([row]))[0]


def verdicts(workspace: Workspace, dataset_id: str) -> dict[int, str]:
    return {row: held.verdict for row, held in decision_snapshot(workspace, dataset_id).by_row.items()}


def test_what_waits_is_what_the_queue_still_asks(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    before = state_of(workspace, dataset_id)
    assert what_waits(workspace, dataset_id, "kim") == Waiting(len(queue.rows), 0, 0)
    row = int(queue.rows[0])
    approve_proposal(workspace, dataset_id, proposal(queue, row), KIM)
    assert what_waits(workspace, dataset_id, "kim").n_proposals == len(queue.rows) - 1
    assert state_of(workspace, dataset_id) != before
    shares = assign_rows(workspace, queue, ["kim", "ana"])
    left = [what_waits(workspace, dataset_id, one.reviewer).n_proposals for one in shares]
    assert sum(left) == len(queue.rows) - 1 and max(left) <= max(one.n_rows for one in shares)


def test_a_dataset_without_proposals_names_the_step(workspace: Workspace, dataset_id: str) -> None:
    assert what_waits(workspace, dataset_id) == Waiting(0, 0, 0)
    assert list_proposals(workspace, dataset_id) == []
    with pytest.raises(ArtifactMissing, match="run propose"):
        find_proposals(workspace, dataset_id)


def test_the_queue_holds_what_changes_something_least_confident_first(queue: ReviewQueue) -> None:
    assert queue.rows.tolist() == [row for row in range(40) if row % 4 != 2]
    assert queue.is_usual and queue.order == "confidence"
    assert queue.kind_counts == {"drop:below_threshold": 20, "replace:corrected": 10, "keep:passed": 10}
    assert (queue.place(3), queue.place(2)) == (2, None)
    assert queue.onward(3).tolist()[:2] == [4, 5] and queue.onward(3, forward=False).tolist() == [1, 0]


def test_a_queue_is_narrowed_by_kinds_and_a_filter(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    about = Scope(conditions=(where("contains", "stars", "prompt"),))
    context = open_context(workspace, dataset_id)
    found = open_queue(context, queue.proposals, kinds=["drop:below_threshold"], scope=about)
    assert found.rows.tolist() == list(range(1, 40, 4)) and not found.is_usual
    everything = open_queue(context, queue.proposals, order=UNBIASED)
    assert sorted(everything.rows.tolist()) == list(range(40)) and everything.is_usual
    assert open_queue(context, queue.proposals, order="no such").order == "confidence"


def test_approving_does_what_is_proposed_and_rejecting_the_opposite(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    done = approve_proposal(workspace, dataset_id, proposal(queue, 0), KIM)
    assert [turn["content"] for turn in done.decision.messages or ()] == [
        "Question 0 about bread?",
        "A better answer 0 on this.",
    ]
    approve_proposal(workspace, dataset_id, proposal(queue, 1), KIM)
    reject_proposal(workspace, dataset_id, proposal(queue, 2), KIM)
    reject_proposal(workspace, dataset_id, proposal(queue, 4), KIM)
    assert verdicts(workspace, dataset_id) == {0: "replace", 1: "drop", 2: "drop", 4: "keep"}
    progress = review_progress(workspace, dataset_id, queue.rows)
    assert (progress.n_decided, progress.n_left) == (3, 27)


def test_undo_redo_and_revert_are_changes_of_whoever_makes_them(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    first = approve_proposal(workspace, dataset_id, proposal(queue, 1), KIM).decision.event_id
    before = decision_revision(workspace, dataset_id)
    assert undo_decision(workspace, dataset_id, "ana") is None
    undone = undo_decision(workspace, dataset_id, "kim")
    assert undone is not None and undone.event_id == first
    assert verdicts(workspace, dataset_id) == {} and decision_revision(workspace, dataset_id) > before
    assert redo_decision(workspace, dataset_id, "kim") is not None
    assert revert_decision(workspace, dataset_id, first, "ana").action == "revert"
    assert verdicts(workspace, dataset_id) == {}
    assert [event.action for event in list_decisions(workspace, dataset_id, reviewer="ana")] == ["revert"]
    assert [change.action for change in history_of_row(workspace, dataset_id, 1)] == [
        "decide",
        "undo",
        "redo",
        "revert",
    ]
    assert [change.example_id for change in rows_of_decision(workspace, dataset_id, first)] == [1]


def test_a_decision_about_what_was_seen_before_waits_until_it_is_settled(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    reject_proposal(workspace, dataset_id, proposal(queue, 1), ANA)
    stale = DecidedBy(reviewer="kim", seen_event=0)
    made = approve_proposal(workspace, dataset_id, proposal(queue, 1), stale)
    assert made.conflict and decision_snapshot(workspace, dataset_id).conflicts == (1,)
    in_force, waiting = conflict_on(workspace, dataset_id, 1)
    assert (
        in_force is not None and in_force.reviewer == "ana" and [one.reviewer for one in waiting] == ["kim"]
    )
    settle_conflict(workspace, dataset_id, made.decision.event_id, "kim", keep_mine=True)
    assert verdicts(workspace, dataset_id) == {1: "drop"}
    assert conflict_on(workspace, dataset_id, 1)[1] == ()


def test_an_edit_is_checked_saved_and_its_draft_forgotten(workspace: Workspace, dataset_id: str) -> None:
    (own,) = own_messages(workspace, dataset_id, [3])
    edited = start_edit(own, "Another answer.")
    assert start_edit(own) == own and edited[-1]["content"] == "Another answer."
    keep_edit(workspace, dataset_id, 3, "kim", edited)
    with pytest.raises(InvalidOptions):
        save_edit(workspace, dataset_id, 3, edited[:1], KIM)
    kept = find_edit(workspace, dataset_id, 3, "kim")
    assert kept is not None and list(kept.messages) == edited
    save_edit(workspace, dataset_id, 3, edited, KIM)
    assert find_edit(workspace, dataset_id, 3, "kim") is None
    assert verdicts(workspace, dataset_id) == {3: "replace"}
    keep_edit(workspace, dataset_id, 4, "kim", edited)
    forget_edit(workspace, dataset_id, 4, "kim")
    assert find_edit(workspace, dataset_id, 4, "kim") is None


def test_a_row_that_is_not_there_is_named(workspace: Workspace, dataset_id: str) -> None:
    with pytest.raises(InvalidOptions, match="no row 40: rows go from 0 to 39"):
        own_messages(workspace, dataset_id, [1, 40])


def test_two_sessions_hold_two_rows(workspace: Workspace, dataset_id: str, queue: ReviewQueue) -> None:
    waiting = next_rows(queue, decision_snapshot(workspace, dataset_id)).tolist()
    assert hold_row(workspace, dataset_id, waiting, "here", reviewer="kim") == 0
    assert hold_row(workspace, dataset_id, waiting, "there", reviewer="kim") == 1
    assert {row: held.session for row, held in held_rows(workspace, dataset_id).items()} == {
        0: "here",
        1: "there",
    }
    assert release_other_sessions(workspace, dataset_id, "kim", "there") == 1
    assert hold_row(workspace, dataset_id, waiting, "there", reviewer="kim") == 0


def test_a_rule_decides_its_rows_as_one_event_that_says_so(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    decided = decision_snapshot(workspace, dataset_id)
    rule = ReviewRule(kinds=("replace:corrected",), measure="verdict_confidence", limit=0.9)
    rows = rows_of_rule(rule, queue, decided)
    assert rows.tolist() == [20 + 4 * i for i in range(1, 5)]
    assert describe_rule(rule, queue) == "approve all of replace: corrected with verdict confidence above 0.9"
    event = decide_by_rule(workspace, dataset_id, rule, queue, decided, reviewer="kim")
    assert (event.n_rows, event.rule, event.proposals_id) == (
        4,
        describe_rule(rule, queue),
        queue.proposals.id,
    )
    assert set(verdicts(workspace, dataset_id).values()) == {"replace"}
    undo_decision(workspace, dataset_id, "kim")
    assert verdicts(workspace, dataset_id) == {}
    rejecting = ReviewRule(approves=False, measure="confidence", is_above=False, limit=0.1)
    assert describe_rule(rejecting, queue) == "reject all with confidence below 0.1"
    decide_by_rule(workspace, dataset_id, rejecting, queue, decided, reviewer="kim")
    assert verdicts(workspace, dataset_id) == {0: "keep", 1: "keep", 3: "keep"}
    with pytest.raises(InvalidOptions, match="no row"):
        none = ReviewRule(measure="confidence", is_above=False, limit=-1)
        decide_by_rule(workspace, dataset_id, none, queue, decided, reviewer="kim")


def test_a_rule_names_the_score_and_offers_only_numbers_that_are_there(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    assert measure_titles(queue) == {
        "none": "No limit", "confidence": "Confidence", "verdict_confidence": "Verdict confidence",
    }  # fmt: skip
    assert limit_offered(queue, "verdict_confidence").usual == 0.95
    rows = [one | {"verdict_confidence": float("nan")} for one in mixed_rows()]
    other = write_proposals(workspace.path, dataset_id, rows, identifier="b" * 16, score="deita_quality")
    narrowed = Scope(conditions=(where("contains", "stars", "prompt"),))
    found = open_queue(open_context(workspace, dataset_id), other, scope=narrowed)
    assert list(measure_titles(found)) == ["none", "confidence"]
    assert measure_titles(found)["confidence"] == score_title(other)
    rule = ReviewRule(measure="confidence", is_above=False, limit=0.5)
    said = describe_rule(rule, found)
    assert f"with {score_word(other)} below 0.5 where" in said and "stars" in said


def test_rows_decided_meanwhile_wait_as_conflicts_of_a_rule(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    decided = decision_snapshot(workspace, dataset_id)
    reject_proposal(workspace, dataset_id, proposal(queue, 1), ANA)
    event = decide_by_rule(workspace, dataset_id, ReviewRule(), queue, decided, reviewer="kim")
    assert (event.n_rows, event.n_conflicts) == (30, 1)
    assert verdicts(workspace, dataset_id)[1] == "keep"


def test_a_calibration_needs_decisions_that_a_person_made(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    columns = proposal_columns(queue.proposals)
    decided = decision_snapshot(workspace, dataset_id)
    by_rule = ReviewRule(measure="confidence", is_above=False, limit=0.4)
    decide_by_rule(workspace, dataset_id, by_rule, queue, decided, reviewer="kim")
    found = calibrate_review(columns, decision_snapshot(workspace, dataset_id))
    assert (found.n_scored, found.n_by_rule, found.n_decisions) == (40, 12, 0)
    assert found.bands is None and "20 more are needed" in found.problem and found.fraction_there == 0
    with pytest.raises(ValueError, match="nothing to read"):
        found.at(0.5)


def test_from_enough_of_the_sample_on_there_are_estimates(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    context = open_context(workspace, dataset_id)
    sample = open_queue(context, queue.proposals, order=UNBIASED)
    table = proposal_table(queue.proposals)
    for one in proposals_for(table, sample.columns, sample.rows[: MIN_DECISIONS + 5]):
        approve_proposal(workspace, dataset_id, one, KIM)
    found = calibrate_review(sample.columns, decision_snapshot(workspace, dataset_id))
    assert (found.sample.n_rows, found.sample.n_counted, found.sample.next_row) == (40, 25, None)
    assert found.bands is not None and found.n_decisions == 25 == len(found.counted_bad)
    assert np.all(np.diff(found.bands.value) <= 0)
    low, high, start = usual_threshold(queue.proposals, queue.columns)
    assert (low, start) == (0.0, pytest.approx(0.6)) and high == pytest.approx(0.975)
    report = found.at(start)
    assert report.n_decisions == 25 and report.bad.low <= report.bad.value <= report.bad.high
    # One row further on in the order of chance counts only when nobody left out what comes before it.
    late = proposals_for(table, sample.columns, sample.rows[30:31])[0]
    approve_proposal(workspace, dataset_id, late, KIM)
    again = calibrate_review(sample.columns, decision_snapshot(workspace, dataset_id)).sample
    assert (again.n_counted, again.n_later, again.next_row) == (25, 1, int(sample.rows[25]))
    assert not again.by_rule


def test_rows_that_a_person_chose_to_look_at_are_no_estimate(
    workspace: Workspace, dataset_id: str, queue: ReviewQueue
) -> None:
    """The least trusted rows first, as a queue shows them: a curve through them spoke for all rows with false certainty."""
    sample = open_queue(open_context(workspace, dataset_id), queue.proposals, order=UNBIASED)
    first = int(sample.rows[0])
    chosen = [row for row in range(40) if row != first]
    for one in proposals_for(proposal_table(queue.proposals), sample.columns, np.array(chosen)):
        approve_proposal(workspace, dataset_id, one, KIM)
    found = calibrate_review(sample.columns, decision_snapshot(workspace, dataset_id))
    assert (found.n_decisions, found.sample.n_counted, found.bands) == (39, 0, None)
    assert "20 more are needed" in found.problem
